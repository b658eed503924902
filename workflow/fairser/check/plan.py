"""What a grid makes of a corpus: biased splits, group sources, features."""

from itertools import product
from pathlib import Path
from typing import Any

from fairser.check.report import Report
from fairser.config import grid
from fairser.config.configuration import OWN_FILES, check_audio
from fairser.config.extensions import extensions
from fairser.config.store_names import models_of
from fairser.core.words import counted, joined, shortened
from fairser.corpora.clips import SPLITS, ClipTable
from fairser.corpora.splits import DEFAULT_ATTRIBUTE, bias_fold
from fairser.extraction.store import check_finite, open_store
from fairser.groups.base import Fold, infer_groups
from fairser.groups.kmeans import check_clusters
from fairser.groups.probabilities import read_probabilities

SHOWN = 6  # cells in a message
BASELINE = "erm"

Config = dict[str, Any]


def describe(config: Config, table: ClipTable, decode: bool, report: Report) -> None:
    """Add to a report what the workflow would do with a corpus; ``decode`` reads own features."""
    biased = _describe_bias(config, table, report)
    found = grid.configurations(config)
    methods = ", ".join(dict.fromkeys(one.method for one in found))
    folds, seeds = len(config["grid"]["folds"]), len(config["grid"]["seeds"])
    per = f"{counted(folds, 'fold')}, {counted(seeds, 'seed')}"
    report.add("runs", f"{len(found) * folds * seeds:,}: {methods}; {per}")
    if BASELINE not in config["grid"]["methods"]:
        report.warn(
            f"'grid.methods' lacks {BASELINE}, to which the tables compare: without it they have "
            "no gains and no p-values."
        )
    _describe_sources(config, table, biased, report)
    _describe_features(config, table, decode, report)


def needs_audio(config: Config) -> bool:
    """Whether a section that the grid needs reads audio."""
    return any(config[name]["kind"] != "precomputed" for name in grid.sections(config))


def _describe_bias(config: Config, table: ClipTable, report: Report) -> list[ClipTable]:
    """Describe the biased splits; returns the table of each fold that can be made."""
    bias = config["bias"]
    attribute, ratio = bias["attribute"], bias["ratio"]
    made = []
    for fold in config["grid"]["folds"]:
        with report.faults.gather():
            made.append(bias_fold(table, fold, attribute, ratio, bias["seed"]))
    if ratio is None and attribute == DEFAULT_ATTRIBUTE and attribute not in table.attributes:
        report.warn(f"The corpus has no {attribute}: the tables show performance and no gaps.")
    if ratio is None:
        report.add("bias", "no clips are drawn; kept are those with a majority class")
    else:
        report.add("bias", f"{ratio:g} clips of one {attribute} for each of another")
    for one in made:
        fold = one.folds[0]
        left = dict(one.frame["split"].value_counts().iter_rows())
        whole = dict(table.fold(fold).frame["split"].value_counts().iter_rows())
        if left != whole:
            cells = [f"{split} {left[split]:,} of {whole[split]:,}" for split in SPLITS]
            report.add("", f"fold {fold}: {', '.join(cells)}")
    lost = []
    for one in made if attribute in table.attributes else []:
        present = set(one.frame.filter(split="train").select("majority", attribute).iter_rows())
        every = product(table.classes, sorted(table.clips()[attribute].drop_nulls().unique()))
        lost += [f"fold {one.folds[0]} {' '.join(c)}" for c in every if c not in present]
    if lost:
        advice = "" if ratio is None else " A lower 'bias.ratio' leaves more of them."
        report.warn(
            f"{attribute}: train has no clip of {counted(len(lost), 'cell')} of class and group "
            f"({joined(shortened(lost, SHOWN))}).{advice}"
        )
    return made


def _describe_sources(
    config: Config, table: ClipTable, biased: list[ClipTable], report: Report
) -> None:
    used = {one.source for one in grid.configurations(config)}
    texts = {"none": "no groups needed"}
    if "annotated" in used:
        settings = config["sources"]["annotated"]
        names = settings["attributes"]
        with report.faults.gather():
            infer_groups("annotated", Fold(table, settings=settings))
        texts["annotated"] = " x ".join(names)
    if "pseudo" in used:
        kind = config["pseudo"]["kind"]
        texts["pseudo"] = "your probabilities" if kind == "precomputed" else f"gender by {kind}"
    if "kmeans" in used:
        ks = config["grid"]["k"]
        texts["kmeans"] = f"K {', '.join(map(str, ks))}"
        for one in biased:
            with report.faults.gather():
                check_clusters(max(ks), one.frame.filter(split="train").height)
    known = extensions("SOURCE")
    lines = [f"{name} ({texts.get(name, known[name]['title'])})" for name in known if name in used]
    report.add("groups from", ", ".join(lines))
    if "annotated" not in used and table.attributes:
        report.add("", f"'annotated' could use {', '.join(table.attributes)}")


def _describe_features(config: Config, table: ClipTable, decode: bool, report: Report) -> None:
    """Say what each kind of features is made from; open the user's own ones."""
    needed = grid.sections(config)
    models = models_of(config, needed)
    names = table.clips()["clip"]
    for section in needed:
        kind, own = config[section]["kind"], config[section]
        if section in models:
            text = f"{kind}, needs the model {models[section][0]} (`snakemake download_models`)"
        elif kind != "precomputed":
            text = f"{kind}, from audio alone"
        elif not all(Path(own[name]).is_file() for name in OWN_FILES[section]):
            continue  # which is among the faults
        elif section == "pseudo":
            text = f"yours, {own['probabilities']}"
            with report.faults.gather():
                read_probabilities(own["probabilities"], table)
        else:
            text = f"yours, {own['features']}"
            with report.faults.gather():
                store = open_store(own["features"], own["clips"])
                store.rows(names)
                shape = " x ".join(map(str, store.array.shape))
                text += f", clip x layer x dim {shape}"
                if decode:
                    check_finite(store, names, own["features"])
        report.add(section, text)
    if needs_audio(config):
        with report.faults.gather():
            check_audio(config["corpus"])
