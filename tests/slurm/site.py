"""A copy of the workflow on the cluster's file system, used by its literal command."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflow.runner import copy_workflow

PROFILE = {
    "default-resources": {
        "slurm_account": "project",
        "slurm_partition": "cpu",
        "mem_mb": "1500 * attempt",
        "runtime": "5 * attempt",
    },
    "set-resources": {"train": {"slots": 1}},
    "group-components": ["cells_{fold}=1"],
    "slurm-init-seconds-before-status-checks": 2,
    "latency-wait": 20,
    "local-cores": 2,
}


@dataclass(frozen=True)
class User:
    """Who runs Snakemake: a user of the system, the home, the Python and its path of packages."""

    number: int
    name: str
    home: Path
    python: str = sys.executable
    packages: str = ""

    def environment(self) -> dict[str, str]:
        """That of this process, as the user's own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "HF_"))}
        own = {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name}
        return kept | own | {"PYTHONPATH": self.packages, "TMPDIR": str(self.home)}


@dataclass
class Site:
    """A root of the workflow with its configuration and its profile, of a user or of this one."""

    folder: Path
    user: User | None = None

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @classmethod
    def make(cls, folder: Path, overlay: dict[str, Any]) -> "Site":
        """Copy the workflow, with a configuration that has an overlay's values."""
        folder.mkdir(parents=True)
        site = cls(copy_workflow(folder))
        site.edit("config.yaml", overlay)
        site.edit("slurm/config.yaml", PROFILE)
        return site

    def copy(self, folder: Path, user: User | None = None) -> "Site":
        """The same with what has been made so far, perhaps of another user."""
        shutil.copytree(self.folder, folder, symlinks=True)
        for path in [folder, *folder.rglob("*")] if user else []:
            os.chown(path, user.number, user.number, follow_symlinks=False)
        return Site(folder, user)

    def edit(self, name: str, changes: dict[str, Any]) -> None:
        """Change keys of a yaml file; mappings keep their other keys, but for the profile's."""
        path = self.folder / name
        values = yaml.safe_load(path.read_text())
        for key, change in changes.items():
            merge = isinstance(change, dict) and not name.startswith("slurm")
            values[key] = {**values[key], **change} if merge else change
        path.write_text(yaml.safe_dump(values))

    def profile(self, **resources: Any) -> None:
        """Give the training jobs other resources."""
        self.edit("slurm/config.yaml", {"set-resources": {"train": {"slots": 1, **resources}}})

    def inject(self, code: str) -> None:
        """Put code before the training's script, which is no reason to train anything anew."""
        path = self.folder / "scripts" / "train.py"
        path.write_text(f"{code}\n{path.read_text()}")

    def start(self, *arguments: str) -> "Running":
        """Start snakemake with these arguments and go on."""
        path, user = self.folder / "snakemake.out", self.user
        with path.open("w") as log:
            process = subprocess.Popen(
                [user.python if user else sys.executable, "-m", "snakemake", *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=user.environment() if user else None,
                user=user and user.number,
                group=user and user.number,
                extra_groups=[] if user else None,
                start_new_session=True,
            )
        return Running(process, path)

    def __call__(self, *arguments: str, timeout: int = 400) -> "Done":
        """Run snakemake with these arguments to its end."""
        return self.start(*arguments).wait(timeout)

    def finish(self, *arguments: str) -> str:
        """The user's one more `snakemake --profile slurm`, which must succeed."""
        done = self("--profile", "slurm", *arguments)
        assert done.code == 0, done.text[-6000:]
        return done.text

    def outcome(self) -> dict[str, str]:
        """Checksum of each table and of each run's predictions, by its name below the results."""
        made = {path: path.read_bytes() for path in self.results.rglob("predictions.parquet")}
        for path in self.results.glob("*.csv"):
            rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
            for row in rows:
                row.pop("seconds", None)  # measured, so no two runs agree
            made[path] = json.dumps(rows).encode()
        return {
            str(path.relative_to(self.results)): hashlib.sha256(content).hexdigest()
            for path, content in made.items()
        }

    def submitted(self) -> list[str]:
        """Slurm's ids of the jobs of the last run, in the order of submission."""
        text = (self.folder / "snakemake.out").read_text()
        return re.findall(r"has been submitted with SLURM jobid (\d+)", text)

    def parts(self) -> list[Path]:
        """Files that were begun and not completed."""
        return list(self.results.rglob("*.part"))

    def log(self, cell: str) -> Path:
        """Log of a run's training."""
        return self.results / "logs" / "runs" / cell / "train.log"


@dataclass
class Done:
    code: int
    text: str


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Snakemake and what it runs itself stand still."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, to Snakemake and to what it runs itself; not to its jobs on the cluster."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, timeout: int = 400) -> Done:
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end after {timeout} s:\n{self.text[-6000:]}") from None
        except BaseException:  # such as Ctrl-C
            self.kill()
            raise
        return Done(self.process.returncode, self.text)
