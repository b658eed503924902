"""Runs the workflow as a user does, in a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SOCKET = "FAIRSER_PRELOADED"  # environment variable: where the server of `preloaded` listens
MADE = shutil.ignore_patterns("*.egg-info")  # by pip
COPIED = (
    "Snakefile",
    "config.yaml",
    "LICENSE",
    "config",
    "workflow",
    "scripts",
    "envs",
    "profiles",
    "slurm",
)


def copy_workflow(folder: Path) -> Path:
    """A copy of the workflow that a test may change, with the compiled modules."""
    folder.mkdir(exist_ok=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=MADE)
        else:
            shutil.copy(source, folder / name)
    return folder


@dataclass
class Workflow:
    """A working directory with an overlay of the configuration."""

    folder: Path
    overlay: dict[str, Any]
    root: Path = ROOT

    @property
    def results(self) -> Path:
        return self.folder / self.overlay.get("results", "results")

    @property
    def features(self) -> Path:
        return self.folder / self.overlay.get("features", "resources/features")

    def copy(self, folder: Path) -> "Workflow":
        """The same results in another folder, with their times and Snakemake's own records."""
        shutil.copytree(self.folder, folder)
        return Workflow(folder, deepcopy(self.overlay), self.root)

    def changed(self, change: dict[str, Any]) -> "Workflow":
        """The same folder with other settings."""
        return Workflow(self.folder, self.overlay | change, self.root)

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        """The command line of a run; writes the overlay that it names."""
        file, text = self.folder / "overlay.yaml", yaml.safe_dump(self.overlay)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--snakefile", str(self.root / "Snakefile"), "--cores", str(cores)]
        return [*command, "--configfile", str(self.root / "config.yaml"), "overlay.yaml"]

    def __call__(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        """Run snakemake; stdout and stderr come back as one text in ``stdout``."""
        return subprocess.run(
            self.command(*arguments, cores=cores),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )

    def stop_when(self, ready: Callable[[], bool], how: signal.Signals, *arguments: str) -> str:
        """Start Snakemake on one core, and send it and its jobs a signal once something is there.

        They are processes of their own, none of them preloaded. Returns its output.
        """
        log = self.folder / "stopped.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self.command(*arguments, cores=1),
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name != SOCKET},
                # As at a terminal, whatever the tests themselves were started with.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        try:
            end = time.monotonic() + 300
            while not ready():
                assert process.poll() is None and time.monotonic() < end, log.read_text()[-4000:]
                time.sleep(0.05)
            os.killpg(process.pid, how)
            process.wait(timeout=100)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return log.read_text()

    def run(self, *arguments: str, cores: int = 2) -> str:
        """Run snakemake, which must succeed."""
        done = self(*arguments, cores=cores)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def fail(self, *arguments: str) -> str:
        """Run snakemake, which must fail; its output on one line, for messages that wrap."""
        done = self(*arguments)
        assert done.returncode != 0, done.stdout[-4000:]
        return " ".join(done.stdout.split())

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Number of jobs of each rule that a dry run lists."""
        lines = self.run(*arguments, "-n", "--quiet", "rules").splitlines()
        counts = {}
        for line in lines:
            words = line.split()
            if len(words) == 2 and words[1].isdigit():
                counts[words[0]] = int(words[1])
        return counts
