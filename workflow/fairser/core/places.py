"""Where the files of the workflow are: in the clone, or in the package that pip has installed."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
_INSTALLED = PACKAGE / "share"  # where a wheel has them (pyproject.toml)

ROOT = _INSTALLED if _INSTALLED.is_dir() else PACKAGE.parents[1]  # folder of the Snakefile
WORKFLOW = ROOT / "workflow"
SCRIPTS = ROOT / "scripts"
