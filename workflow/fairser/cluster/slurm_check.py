"""What a first run on a Slurm cluster needs, tried one by one.

A :class:`Check` that finds something missing says how to fix it. Requests are those of
``slurm/config.yaml``: the default one and those of single rules.
"""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError
from fairser.pretrained.records import locate

PROFILE = Path("slurm/config.yaml")
TOOLS = ("sbatch", "srun", "squeue", "scancel", "sacctmgr", "scontrol", "sinfo")
TASK = ("--ntasks=1", "--cpus-per-task=1")
QUEUE = 60  # seconds to wait for a node
POLL_LIMIT = 180  # seconds: the longest time between two looks of the plugin at the queue
FORMULA = re.compile(r"(\d+)(\s*\*\s*attempt)?")
PACKAGES = "snakemake, snakemake_executor_plugin_slurm_jobstep, torch, polars, sklearn, fairser"

Request = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """The outcome of one check: ``fix`` is empty where nothing is missing."""

    name: str
    found: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        return not self.fix

    def __str__(self) -> str:
        text = f"{'ok' if self.ok else 'missing':8} {self.name}: {self.found}"
        return text if self.ok else f"{text}\n         {self.fix}"


def requests(profile: dict[str, Any]) -> dict[str, Request]:
    """What is asked for by default and by each rule with resources of its own."""
    default = {k: first_try(v) for k, v in (profile.get("default-resources") or {}).items()}
    rules = profile.get("set-resources") or {}
    own = {
        rule: default | {k: first_try(v) for k, v in (values or {}).items() if k != "slots"}
        for rule, values in rules.items()
    }
    return {"default": default} | {rule: ask for rule, ask in own.items() if ask != default}


def first_try(value: Any) -> Any:
    """A resource at the first attempt: ``4000`` for ``4000 * attempt``."""
    if not isinstance(value, str):
        return value
    formula = FORMULA.fullmatch(value.strip())
    return int(formula[1]) if formula else value.strip().strip("'\"")


def arguments(request: Request) -> list[str]:
    """The options of sbatch that the executor plugin makes of a request, without its task."""
    options = {
        "slurm_account": "--account",
        "slurm_partition": "--partition",
        "runtime": "--time",
        "mem_mb": "--mem",
        "gres": "--gres",
        "gpu": "--gpus",
        "qos": "--qos",
        "constraint": "--constraint",
    }
    return [f"{option}={request[name]}" for name, option in options.items() if name in request]


def check_all(profile: dict[str, Any], results: str, records: list[Path]) -> Iterator[Check]:
    """Every check, in order; without the programs the others are left out.

    Args:
        profile: content of ``slurm/config.yaml``.
        results: folder that nodes must see.
        records: of the models that the configuration needs.
    """
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        fix = "Log in to a machine of the cluster, or load its module: module load slurm."
        yield Check("programs", f"no {', '.join(absent)} on PATH", fix)
        return
    yield Check("programs", ", ".join(TOOLS))
    asked = requests(profile)
    yield check_account(asked["default"].get("slurm_account"))
    yield from check_partitions(asked)
    yield check_job_age(profile)
    for rule, request in asked.items():
        yield check_request(rule, request)
    yield from check_node(asked["default"], results)
    for path in records:
        try:
            yield Check("model", f"{path}: {locate(path)}")
        except InputError as error:  # nodes may have no network
            fix = "Run on a machine with network: snakemake download_models"
            yield Check("model", str(error), fix)


def check_account(account: str | None) -> Check:
    # Not by the environment, which may name who started a shell for another user.
    user = pwd.getpwuid(os.getuid()).pw_name
    done = _run("sacctmgr", "-nP", "show", "associations", f"user={user}",
                "format=account")  # fmt: skip
    known = sorted(set(done.stdout.split()))
    if done.returncode or not known:
        return Check("account", f"'{account}', not checked: the site keeps no list of accounts")
    fix = f"Set slurm_account in {PROFILE} to one of yours: {', '.join(known)}."
    return Check("account", str(account), "" if account in known else fix)


def check_partitions(asked: dict[str, Request]) -> Iterator[Check]:
    done = _run("sinfo", "--noheader", "--format=%R")
    if done.returncode:
        yield Check("partitions", done.stderr.strip(), "Is the controller up? Try sinfo.")
        return
    known = sorted(set(done.stdout.split()))
    fix = f"Set slurm_partition in {PROFILE} to one that exists, one of: {', '.join(known)}."
    wanted = dict.fromkeys(r["slurm_partition"] for r in asked.values() if "slurm_partition" in r)
    for partition in wanted:
        yield Check("partition", partition, "" if partition in known else fix)


def check_job_age(profile: dict[str, Any]) -> Check:
    """Whether squeue keeps ended jobs until the plugin, which looks every 180 s, has seen them."""
    name = "ended jobs in squeue"
    text = _run("scontrol", "show", "config").stdout
    found = re.search(r"MinJobAge\s*=\s*(\d+)", text)
    if not found:
        return Check(name, "not checked: scontrol does not tell MinJobAge")
    first = profile.get("slurm-init-seconds-before-status-checks", 40)
    if int(found[1]) <= max(3 * first, POLL_LIMIT):
        fix = f"Take 'slurm-status-command: sacct' in {PROFILE}; never scancel its jobs yourself."
        return Check(name, f"for {found[1]} s (MinJobAge), too short for the plugin", fix)
    return Check(name, f"for {found[1]} s")


def check_request(rule: str, request: Request) -> Check:
    """Whether Slurm would accept a request; nothing is submitted."""
    options = arguments(request)
    name, shown = f"request ({rule})", " ".join(options)
    done = _run("sbatch", "--test-only", *options, *TASK, "--wrap=true")
    if not done.returncode:
        return Check(name, shown)
    fix = f"Change it in {PROFILE}"
    if "gres" in request or "gpu" in request:
        fix += ": some sites take gres: \"'gpu:1'\", others gpu: 1"
    return Check(name, f"{shown}: {_last_line(done.stderr)}", f"{fix}.")


def check_node(request: Request, results: str) -> Iterator[Check]:
    """Files and Python as a node sees them, by one job of a minute."""
    home = Path(results)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=home, prefix=".slurm_check", suffix=".txt") as file:
        file.write("seen")
        file.flush()
        seen = f"open({str(Path(file.name).absolute())!r}).read() == 'seen'"
        code = f"import os\nprint('host', os.uname().nodename)\nprint('files', {seen})\n"
        code += f"import {PACKAGES}\nprint('python True')"
        wanted = {k: v for k, v in request.items() if k not in ("runtime", "gres", "gpu", "mem_mb")}
        done = _run("srun", *arguments(wanted), *TASK, "--mem=2000", "--time=2",
                    f"--immediate={QUEUE}", sys.executable, "-c", code,
                    timeout=QUEUE + 180)  # fmt: skip
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    if "host" not in said:
        yield Check(
            "node",
            _last_line(done.stderr),
            f"No node within {QUEUE} s? Try again later; all else above is checked. If "
            f"{sys.executable} does not start there: put the environment on a file system that "
            "nodes share, make setup VENV=...",
        )
        return
    where = f"on {said['host']}"
    shared, python = said.get("files") == "True", "python" in said
    fix = "Move the workflow's folder to a file system that nodes share."
    yield Check("shared files", f"{home} {where}", "" if shared else fix)
    fix = "Install requirements.txt into an environment that nodes share."
    found = f"{sys.executable} {where}" if python else _last_line(done.stderr)
    yield Check("python on a node", found, "" if python else fix)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "no answer"


def _run(*command: str, timeout: int = 60) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=environment
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(
            command, 1, "", f"{command[0]}: no answer in {timeout} s"
        )
