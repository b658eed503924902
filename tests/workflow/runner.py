"""Runs the workflow as a user does, in a folder of its own."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COPIED = ("Snakefile", "config.yaml", "LICENSE", "workflow", "scripts", "envs", "profiles", "slurm")


def copy_workflow(folder: Path) -> Path:
    """A copy of the workflow that a test may change."""
    folder.mkdir(exist_ok=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
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

    def __call__(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        """Run snakemake; stdout and stderr come back as one text in ``stdout``."""
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(self.overlay))
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--snakefile", str(self.root / "Snakefile"), "--cores", str(cores)]
        command += ["--configfile", str(self.root / "config.yaml"), "overlay.yaml"]
        return subprocess.run(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )

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
