# Loads and validates the configuration, enumerates the grid, and holds what the rules share.
import json
import os
import sys

from snakemake.exceptions import WorkflowError
from snakemake.jobs import GroupJob
from snakemake.logging import logger

# The package is not installed: the Snakefile finds it by this path, scripts by PYTHONPATH.
WORKFLOW = os.path.join(workflow.basedir, "workflow")
sys.path.insert(0, WORKFLOW)

from fairser.config import configuration, grid

from fairser.cluster import leftovers

from fairser.pretrained import records as models
from fairser.config.store_names import (
    FAMILIES,
    SIGNALS,
    is_standardised,
    models_of,
    section_of,
    store_name,
    store_settings,
    waves_name,
)
from fairser.core.errors import InputError
from fairser.core.files import sha256_text
from fairser.core.jobs import prepare_processes
from fairser.config import llm
from fairser.llm.grid import LANGUAGES, llm_cells
from fairser.core.provenance import code_hash
from fairser.report import captions, shell

prepare_processes()

try:
    config = configuration.resolve(config)
    configuration.check_results(config["results"])
    configuration.check_inputs(config)
    CONFIGURATIONS = grid.configurations(config)
    CELLS = grid.cells(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

# In the order in which they count; Snakemake appends the workflow's own to those it was given.
CONFIG_FILES = dict.fromkeys(
    os.path.abspath(file)
    for file in workflow.configfiles[-1:] + workflow.configfiles[:-1]
)
RESULTS = config["results"]
CORPUS = config["corpus"]
CELL = "{method}/{source}/k{k}/fold{fold}/seed{seed}"
GROUP_CELL = "groups/{source}/k{k}/fold{fold}"
GROUP_CELLS = list(
    dict.fromkeys(GROUP_CELL.format(**vars(c)) for c in CELLS if c.source != "none")
)

# Sections whose features the grid needs, and those that are computed from audio beforehand.
NEEDED = grid.sections(config)
EXTRACTED = [
    section
    for section in NEEDED
    if config[section]["kind"] != "precomputed" and not config[section].get("finetune")
]

# Pre-trained models by the name of their record, and the records by section.
MODELS = {
    models.record_name(*model[:2]): model
    for model in models_of(config, NEEDED).values()
}
RECORDS = {
    section: models.record_path(*model[:2])
    for section, model in models_of(config, NEEDED).items()
}

# The second study: its cells, its model, and what its tables are made of.
LLM = config["llm"]
LLM_CELL = "{languages}/{modality}/{objective}/p{p}/{weighting}/seed{seed}"
LLM_CELLS = llm_cells(LLM["grid"])
# The runs of the study, whichever it is.
STUDY_CELLS = LLM_CELLS if config["study"] == "minmaxgap" else CELLS
METRICS_FILES = [f"{RESULTS}/{cell.folder}/metrics.json" for cell in STUDY_CELLS]
LLM_TRAINED = [c for c in LLM_CELLS if c.objective != "zero_shot"]
LLM_MODEL = models.record_name(LLM["model"], LLM["revision"])
LLM_RECORD = models.record_path(LLM["model"], LLM["revision"])
MODELS[LLM_MODEL] = (LLM["model"], LLM["revision"], "transformers")
RECORDS = {"llm": LLM_RECORD} if config["study"] == "minmaxgap" else RECORDS
LLM_TABLES = [f"{RESULTS}/{n}.csv" for n in ("statistics", "unknown_speakers")]
LLM_TABLES += [f"{RESULTS}/performance.csv"]
# Published numbers are of MELD-ST.
LLM_TABLES += (
    [f"{RESULTS}/gains_vs_paper.csv"] if LLM["corpus"]["kind"] == "meldst" else []
)
LLM_TABLES += [f"{RESULTS}/ablation.csv"] if LLM_TRAINED else []
LLM_FIGURES = [f"{RESULTS}/figures/rounds.{x}" for x in ("svg", "png") if LLM_TRAINED]

# Cells and keys of the tables. Published numbers exist for CREMA-D biased by gender alone.
TABLES = config["tables"]
TABLE1_CELLS = [c for c in CELLS if c.source != "kmeans" or c.k == TABLES["table1_k"]]
TABLE2_CELLS = [
    c
    for c in CELLS
    if c.method == "erm" or (c.source == "kmeans" and c.k in TABLES["table2_k"])
]
KEYS = {"tableA3": ["emotion", "gender"], "tableA4": ["fold", "split"]}
if TABLE1_CELLS:
    KEYS["table1"] = ["method", "source"]
if TABLE2_CELLS:
    KEYS["table2"] = ["method", "k"]
COMPARABLE = CORPUS["kind"] == "cremad" and config["bias"]["attribute"] == "gender"
PUBLISHED = [f"{name}_vs_paper" for name in KEYS] if COMPARABLE else []
TABLE_FILES = [f"{RESULTS}/{name}.csv" for name in [*KEYS, *PUBLISHED]]
TABLE_FILES += [f"{RESULTS}/groups.csv"] if GROUP_CELLS else []


wildcard_constraints:
    method="[a-z0-9_]+",
    source="none|annotated|pseudo|kmeans",
    k=r"\d+",
    fold=r"\d+",
    seed=r"\d+",
    key="[0-9a-f]{8}",
    shard=r"\d+",
    shards=r"\d+",
    languages="(eng|deu|jpn)(-(deu|jpn))*",
    modality="speech|speech_text",
    objective="zero_shot|erm|minmaxgap",
    p="[012]",
    weighting="none|fixed|adaptive",


def prepare_cluster():
    """Let no job of an earlier run write while this one runs; mend a fault of the plugin."""
    # Its message for a group that can't be submitted needs an attribute that groups lack: the run
    # would wait for ever, such as with an account that does not exist.
    setattr(GroupJob, "rule", property(lambda group: next(iter(group.jobs)).rule))
    if not leftovers.has_queue():
        return
    try:
        leftovers.cancel(os.getcwd(), logger.warning)
    except InputError as error:
        if not workflow.local_exec:
            sys.exit(str(error))
        reason = str(error).splitlines()[0]
        logger.warning(f"Slurm does not answer; this local run goes on ({reason})")
