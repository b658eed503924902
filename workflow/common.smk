# Loads and validates the configuration and enumerates what the rules work on.
import os
import re
import sys

from snakemake.exceptions import WorkflowError

from fairser.config import configuration, folds, grid
from fairser.config.extensions import extension, extensions
from fairser.config.store_names import (
    SECTIONS,
    clip_list_name,
    corpus_settings,
    is_standardised,
    loads_model,
    models_of,
    section_of,
    store_name,
    store_settings,
    waveform_statistics_name,
)
from fairser.core.errors import InputError
from fairser.core.jobs import prepare_processes
from fairser.core.provenance import code_of, fingerprint
from fairser.pretrained import records
from fairser.report import captions

prepare_processes()

try:
    config = configuration.resolve(config)
    for key in ("results", "features"):
        configuration.check_folder(key, config[key])
    configuration.check_inputs(config)
    folds.fill_folds(config)
    CELLS = grid.cells(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

# Later files win: the Snakefile's own comes before those of the command line.
GIVEN_FILES = [os.path.abspath(file) for file in workflow.config_settings.configfiles]
OWN_FILES = [os.path.abspath(file) for file in workflow.configfiles]
CONFIG_FILES = [file for file in OWN_FILES if file not in GIVEN_FILES] + GIVEN_FILES
RESULTS = config["results"]
FEATURES = config["features"]
CLIP_LIST = f"{FEATURES}/{clip_list_name(config)}.csv"
CORPUS = config["corpus"]
CELL = "{method}/{source}/k{k}/fold{fold}/seed{seed}"
GROUP_CELL = "groups/{source}/k{k}/fold{fold}"
GROUP_CELLS = list(
    dict.fromkeys(GROUP_CELL.format(**vars(c)) for c in CELLS if c.source != "none")
)
# The fold that tables and figures of a single fold show.
FIGURE_FOLD = min(config["grid"]["folds"])

# Sections of the configuration whose features the grid needs.
NEEDED = grid.sections(config)

# Pre-trained models by section, the files that record where they are, and those of this study.
MODELS = models_of(config, SECTIONS)
MODELS["llm"] = (config["llm"]["model"], config["llm"]["revision"], "speech_llm")
RECORDS = {name: records.record_path(*model[:2]) for name, model in MODELS.items()}
LOADED = (
    ["llm"] if config["study"] == "minmaxgap" else [s for s in NEEDED if s in MODELS]
)


wildcard_constraints:
    method="|".join(map(re.escape, [*extensions("METHOD"), *grid.methods(config)])),
    source="|".join(extensions("SOURCE")),
    k=r"\d+",
    fold=r"\d+",
    seed=r"\d+",
    key="[0-9a-f]{12}",
    shard=r"\d+",
    shards=r"\d+",
    languages="[a-z0-9_]+(-[a-z0-9_]+)*",
    modality="speech|speech_text",
    objective="zero_shot|erm|minmaxgap",
    p="[012]",
    weighting="none|fixed|adaptive",


def audio_files(_):
    """The file that lists the audio, of a corpus that the workflow downloads or makes."""
    try:
        configuration.check_audio(CORPUS)
    except InputError as error:
        sys.exit(str(error))
    made = configuration.made_folder(CORPUS)
    return [f"{made}/AudioWAV.tsv"] if made else []


def store_files(section):
    """Files of a feature store by name; ``source`` records how it was made."""
    folder = f"{FEATURES}/{store_name(config, section)}"
    if section == "pseudo":
        files = {"probabilities": f"{folder}/probabilities.csv"}
    else:
        files = {
            "features": f"{folder}/features.safetensors",
            "clips": f"{folder}/clips.csv",
        }
    if config[section]["kind"] == "precomputed":
        first = next(iter(files))
        return files | {first: config[section][first]}
    return files | {"source": f"{folder}/source.json"}


def encoder_files(section):
    """The record of a section's model and the waveform statistics, where it needs them."""
    files = {"model": RECORDS[section]} if section in RECORDS else {}
    if store_settings(config, section).get("waveforms") == "corpus":
        files["waveforms"] = f"{FEATURES}/{waveform_statistics_name(config)}.json"
    return files


def group_settings(wildcards):
    """Settings of a source; a change of those of another source must not rerun it."""
    needed = extension("SOURCE", wildcards.source)["needs"]
    stored = needed in ("embedding", "encoder")
    settings = {
        "settings": config["sources"].get(wildcards.source, {}),
        "standardise": stored and is_standardised(config, needed),
    }
    return settings | ({"train": optimisation()} if needed == "encoder" else {})


def optimisation():
    """Settings of the training that change its numbers."""
    names = ("epochs", "batch_size", "learning_rate", "clip_norm")
    return {name: config["train"][name] for name in names}


def label_files(_):
    """Files that say which clips there are."""
    listed = configuration.list_key(CORPUS) == "manifest"
    own = [CORPUS["manifest"]] if listed else configuration.label_files(CORPUS)
    settings = config["corpora"].get(CORPUS["kind"], {})
    return own + list(extension("CORPUS", CORPUS["kind"]).files(settings).values())


def reader_code(_):
    """The file that the corpus' reader is found in by its name."""
    return [extension("CORPUS", CORPUS["kind"]).code]


def source_code(wildcards):
    """The file that a group source is found in by its name."""
    return [extension("SOURCE", wildcards.source).code]


def metric_code(_):
    """The files of all metrics, which are found by name."""
    return sorted({one.code for one in extensions("METRICS").values()}, key=str)


def run_files(cells):
    """Metrics and counts of runs, from which tables and figures are made."""
    return {
        "metrics": [f"{RESULTS}/{cell.folder}/metrics.json" for cell in cells],
        "counts": [f"{RESULTS}/{cell.folder}/counts.parquet" for cell in cells],
    }
