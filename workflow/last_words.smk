# What a run says at its end: what it made, or what failed and how to go on.
import time

from fairser.core.failure import Failed, failure, telling
from fairser.results.summary import Made, success

STARTED = time.time()


def told_success():
    """What this run made, and what next."""
    finished = list(workflow.dag.finished_jobs)
    return success(
        Made(
            results=RESULTS,
            files=[file for job in finished for file in job.output],
            benchmarks=[
                (j.rule.name, str(j.benchmark)) for j in finished if j.benchmark
            ],
            seconds=time.time() - STARTED,
            config_files=[os.path.relpath(file) for file in CONFIG_FILES],
            reported=any(rule.name == "report" for rule in workflow.rules),
        ),
        attribute=config["bias"]["attribute"],
        synthetic="demo"
        == (LLM["corpus"] if config["study"] == "minmaxgap" else CORPUS)["kind"],
    )


def told_failure():
    """Which jobs failed, why, and how to go on."""
    failed = []
    for job in sorted(workflow.scheduler.failed, key=lambda job: str(job.jobid)):
        parts = [
            Failed(job_name(part), str(part.log[0]) if part.log else None)
            for part in getattr(job, "jobs", [job])
        ]
        failed += telling(parts)
    states = [row["state"] for row in grid.state(STUDY_CELLS, RESULTS)]
    runs = f"{states.count('done'):,} of {len(states):,}"
    return failure(failed, RESULTS, runs, sys.argv[1:])


def job_name(job):
    """Such as ``train erm: groups none, ...``; without a message, rule and wildcards."""
    if job.message:
        return job.message
    wildcards = ", ".join(f"{k} {v}" for k, v in job.wildcards_dict.items())
    return f"{job.rule.name} ({wildcards})" if wildcards else job.rule.name
