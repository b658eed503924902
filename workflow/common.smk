# Loads and validates the configuration, enumerates the grid, and holds what the rules share.
import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# The package is not installed: the Snakefile finds it by this path, scripts by PYTHONPATH.
WORKFLOW = os.path.join(workflow.basedir, "workflow")
sys.path.insert(0, WORKFLOW)

from fairser import configuration, grid
from fairser.encoders.key import is_standardised, store_name
from fairser.errors import InputError
from fairser.jobs import expose_package
from fairser.provenance import code_hash
from fairser.summary import summary

expose_package()

try:
    config = configuration.resolve(config)
    configuration.check_results(config["results"])
    configuration.check_inputs(config)
    CONFIGURATIONS = grid.configurations(config)
    CELLS = grid.cells(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"]
CORPUS = config["corpus"]
CELL = "{method}/{source}/k{k}/fold{fold}/seed{seed}"
METRICS_FILES = [f"{RESULTS}/{cell.folder}/metrics.json" for cell in CELLS]
STORE = f"{RESULTS}/features/{store_name(config)}"


wildcard_constraints:
    method="[a-z0-9_]+",
    source="none|annotated|pseudo|kmeans",
    k=r"\d+",
    fold=r"\d+",
    seed=r"\d+",


TOLD = set()


def refuse(setting):
    """End a run that needs a setting which this version can't do; -n still lists its jobs."""
    reason = configuration.refusal(setting)
    if reason and workflow.dryrun and setting not in TOLD:
        TOLD.add(setting)
        logger.warning(f"Listed only: {reason}")
    if reason and not workflow.dryrun:
        # An exception would appear under a traceback of Snakemake's own.
        sys.exit(
            f"{reason} Change it by an overlay of the configuration (see the README)."
        )
    return reason


def prepare_results():
    configuration.make_results(RESULTS)


def print_summary():
    print(summary(RESULTS), file=sys.stderr, end="")
