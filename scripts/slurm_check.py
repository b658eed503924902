"""What is missing for `snakemake --profile slurm`, before its first run: make slurm-check.

The configuration's files may follow, as for snakemake: scripts/slurm_check.py config.yaml mine.yaml
"""

import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from fairser.slurm_check import PROFILE, check_all

results = "results"
for name in sys.argv[1:] or ["config.yaml"]:
    results = (yaml.safe_load(Path(name).read_text()) or {}).get("results", results)
profile = yaml.safe_load(PROFILE.read_text())
missing = 0
for check in check_all(profile, results, sorted(Path("resources/models").glob("*.json"))):
    print(check, flush=True)
    missing += not check.ok
sys.exit(f"{missing} missing" if missing else 0)
