# What happens before the first job and after the last one.
import atexit
import shlex
import time
from pathlib import Path

from snakemake.logging import logger

from fairser.cluster import leftovers
from fairser.cluster.plugin_fix import fix_group_errors
from fairser.core import locks
from fairser.core.closing import Failed, Made, failure, success
from fairser.core.errors import system_error
from fairser.extraction import changed_audio
from fairser.results.grid_state import read_state, write_state

STARTED = time.time()


def say_changed_audio():
    """Warn of audio that has changed since results were made of it."""
    runs = [Path(RESULTS, cell.folder, "run.json") for cell in STUDY_CELLS]
    if config["study"] == "minmaxgap":
        audio, first = LLM["corpus"]["audio"], "llm_clips"
        clips = Path(LLM_CLIPS)
        said = [changed_audio.of_runs(runs, clips, audio)]
    else:
        audio, first = CORPUS["audio"], "clip_list"
        stores = [Path(FEATURES, store_name(config, name)) for name in NEEDED]
        said = [changed_audio.of_stores(stores, audio)]
        if config["encoder"]["finetune"]:
            said.append(changed_audio.of_runs(runs, Path(CLIP_LIST), audio))
    again = command("--forcerun", first)
    for message in filter(None, said):
        logger.warning(f"{message}\n  {again}")


def command(*arguments):
    """A command for the same configuration."""
    files = ["--configfile", *map(os.path.relpath, CONFIG_FILES)]
    return shlex.join(["snakemake", *arguments, *files])


def only_looks():
    """Whether this run makes nothing, so that it may run beside another one."""
    return {job.rule.name for job in workflow.dag.jobs} <= {"grid"}


def prepare():
    """Make the results folder and see that no other run, or job of an earlier one, writes to it."""
    try:
        configuration.make_results(RESULTS)
        fix_group_errors()
        if not only_looks():
            for folder in written_folders():
                os.makedirs(folder, exist_ok=True)
                locks.take(folder, logger.warning)
                atexit.register(locks.release, folder)
            cancel_leftovers()
    except (InputError, OSError) as error:
        sys.exit(str(system_error(error) or error))


def written_folders():
    """The results folder, and that of the features if a job of this run writes there."""
    jobs = workflow.dag.needrun_jobs()
    features = os.path.join(FEATURES, "")
    shared = any(file.startswith(features) for job in jobs for file in job.output)
    return [RESULTS, FEATURES] if shared else [RESULTS]


def cancel_leftovers():
    """Cancel what an earlier run of this folder left in the queue of a cluster."""
    if not leftovers.has_queue():
        return
    try:
        leftovers.cancel(os.getcwd(), logger.warning)
    except InputError as error:
        if not workflow.local_exec:
            raise
        reason = str(error).splitlines()[0]
        logger.warning(f"Slurm does not answer; this local run goes on ({reason})")


def finish(message):
    """Print what the user needs to know and write the state of the grid."""
    if only_looks():
        return
    print(message(), file=sys.stderr, end="")
    try:
        mark_outdated()
        write_state(read_state(STUDY_CELLS, RESULTS, STUDY_ORIGIN), RESULTS)
    except (InputError, OSError) as error:
        reason = system_error(error) or error
        print(f"The state of the grid is not written: {reason}\n", file=sys.stderr)


def mark_outdated():
    """Have the next run make anew what depends on jobs that failed or were stopped.

    Their own files are gone, and Snakemake records them as done (its issue 3808). So files that were
    made from earlier ones would count as up to date, if all targets are there.
    """
    dag = workflow.dag
    undone = [
        job
        for job in dag.needrun_jobs()
        if not dag.finished(job) and not all(map(os.path.exists, job.output))
    ]
    for job in dag.bfs(dag.depending, *undone):
        if job not in undone and any(map(os.path.exists, job.output)):
            workflow.persistence.started(job)  # marks its files as incomplete


def success_message():
    files = [file for job in workflow.dag.finished_jobs for file in job.output]
    made = Made(RESULTS, files, time.time() - STARTED, command("report"))
    return success(made, config["bias"]["attribute"], STUDY_CORPUS["kind"] == "demo")


def failure_message():
    failed = []
    for job in sorted(workflow.scheduler.failed, key=lambda job: str(job.jobid)):
        parts = getattr(job, "jobs", [job])  # of a group
        failed.append(
            [Failed(job_name(part), next(iter(part.log), None)) for part in parts]
        )
    done = sum(is_done(cell) for cell in STUDY_CELLS)
    again = shlex.join(["snakemake", *sys.argv[1:]])
    return failure(failed, RESULTS, f"{done:,} of {len(STUDY_METRICS):,}", again)


def is_done(cell):
    """Whether a run is there; the job of a fold that failed has noted those that it keeps."""
    files = (
        f"{cell.folder}/metrics.json",
        f"kept/{cell.folder.removeprefix('runs/')}/fingerprint",
    )
    return any(os.path.exists(f"{RESULTS}/{file}") for file in files)


def job_name(job):
    """Such as ``train erm: groups none, ...``; without a message, rule and wildcards."""
    wildcards = ", ".join(f"{k} {v}" for k, v in job.wildcards_dict.items())
    return job.message or (
        f"{job.rule.name} ({wildcards})" if wildcards else job.rule.name
    )


if workflow.is_main_process:
    say_changed_audio()
