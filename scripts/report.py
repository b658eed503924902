"""Rule report: Snakemake's own report of the same configuration."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fairser.core.errors import InputError
from fairser.core.files import write_text
from fairser.core.jobs import job
from fairser.report.shell import finish

with job(snakemake.log[0]), tempfile.TemporaryDirectory() as folder:
    given, made = snakemake.params, Path(folder, "report.html")
    command = [sys.executable, "-m", "snakemake", *given.targets, "--nolock"]
    command += ["--snakefile", given.snakefile]
    command += ["--report", made, "--report-stylesheet", given.stylesheet]
    command += ["--configfile", *given.configfiles] if given.configfiles else []
    values = [f"{key}={json.dumps(value)}" for key, value in given.config.items()]
    command += ["--config", *values] if values else []
    # The lock is this run's; a profile of the environment is for jobs, of which there are none.
    variables = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    done = subprocess.run(command, env=variables, capture_output=True)
    if done.returncode:
        raise InputError(f"Snakemake made no report: {done.stderr.decode()[-3000:]}")
    title = f"fair-ser: {snakemake.config['results']}"
    write_text(snakemake.output[0], finish(made.read_text(encoding="utf-8"), title))
