"""What is missing for `snakemake --profile slurm`, before its first run: make slurm-check.

The configuration's files may follow, as for snakemake: scripts/slurm_check.py config.yaml mine.yaml
"""

import sys
from pathlib import Path

import yaml
from snakemake.utils import update_config

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from fairser.configuration import resolve
from fairser.encoders.key import models_of
from fairser.grid import sections
from fairser.models import record_path
from fairser.slurm_check import PROFILE, check_all

config = {}
for name in sys.argv[1:] or ["config.yaml"]:
    update_config(config, yaml.safe_load(Path(name).read_text()) or {})
config = resolve(config)
needed = models_of(config, sections(config)).values()
records = [Path(record_path(*model[:2])) for model in needed]
missing = 0
for check in check_all(yaml.safe_load(PROFILE.read_text()), config["results"], records):
    print(check, flush=True)
    missing += not check.ok
sys.exit(f"{missing} missing" if missing else 0)
