"""What a grid makes of a corpus: biased splits, group sources, features."""

from pathlib import Path
from typing import Any

import polars as pl

from fairser.check.report import Report, count, shortened
from fairser.config import grid
from fairser.config.configuration import OWN_FILES, check_audio
from fairser.config.store_names import models_of
from fairser.core.errors import InputError
from fairser.corpora.clips import SPLITS, ClipTable
from fairser.corpora.splits import bias_fold
from fairser.extraction.store import check_finite, open_store
from fairser.groups.base import Fold, infer_groups
from fairser.groups.kmeans import check_clusters
from fairser.groups.probabilities import read_probabilities

Config = dict[str, Any]


def tell(config: Config, table: ClipTable, decode: bool, report: Report) -> None:
    """Tell what the workflow would do with a corpus.

    Args:
        config: the resolved configuration.
        table: clip table of the corpus.
        decode: whether to read one's own features whole.
        report: takes what is found.
    """
    biased = _tell_bias(config, table, report)
    found = grid.configurations(config)
    methods = list(dict.fromkeys(one.method for one in found))
    folds, seeds = len(config["grid"]["folds"]), len(config["grid"]["seeds"])
    report.found.append(
        (
            "runs",
            f"{len(found) * folds * seeds:,}: {', '.join(methods)}; {count(folds, 'fold')}, "
            f"{count(seeds, 'seed')}",
        )
    )
    _tell_sources(config, table, biased, report)
    _tell_features(config, table, decode, report)


def needs_audio(config: Config) -> bool:
    """Whether a section that the grid needs reads audio."""
    return any(config[name]["kind"] != "precomputed" for name in grid.sections(config))


def _tell_bias(config: Config, table: ClipTable, report: Report) -> list[ClipTable]:
    """The biased table of each fold that can be made, and what is left of them."""
    bias = config["bias"]
    attribute, ratio = bias["attribute"], bias["ratio"]
    made = []
    for fold in config["grid"]["folds"]:
        try:
            made.append(bias_fold(table, fold, attribute, ratio, bias["seed"]))
        except InputError as error:
            # What is wrong with the attribute is wrong in every fold.
            report.faults.told += [text for text in error.faults if text not in report.faults.told]
    if ratio is None:
        how = "no clips are drawn; kept are those with a majority class"
    else:
        how = f"{ratio:g} clips of one {attribute} for each of another"
    report.found.append(("bias", how))
    for one in made:
        left = dict(one.frame["split"].value_counts().iter_rows())
        whole = dict(table.fold(one.folds[0]).frame["split"].value_counts().iter_rows())
        if left != whole:
            cells = [f"{split} {left[split]:,} of {whole[split]:,}" for split in SPLITS]
            report.found.append(("", f"fold {one.folds[0]}: {', '.join(cells)}"))
    if attribute in table.attributes:
        advice = "" if ratio is None else " A lower 'bias.ratio' leaves more of them."
        _warn_lost(table, made, attribute, advice, report)
    return made


def _warn_lost(
    table: ClipTable, made: list[ClipTable], attribute: str, advice: str, report: Report
) -> None:
    """Warn of classes and groups that a biased train split no longer has."""
    lost = []
    names = sorted(table.clips()[attribute].drop_nulls().unique())
    for one in made:
        train = one.frame.filter(pl.col("split") == "train")
        present = set(train.select("majority", attribute).iter_rows())
        lost += [
            f"fold {one.folds[0]} {majority} {group}"
            for majority in table.classes
            for group in names
            if (majority, group) not in present
        ]
    if lost:
        report.warnings.append(
            f"{attribute}: train has no clip of {count(len(lost), 'cell')} of class and group "
            f"({shortened(lost)}).{advice}"
        )


def _tell_sources(
    config: Config, table: ClipTable, biased: list[ClipTable], report: Report
) -> None:
    used = {one.source for one in grid.configurations(config)}
    told = {"none": "no groups needed"}
    if "annotated" in used:
        settings = config["sources"]["annotated"]
        names = settings["attributes"]
        with report.faults.gather():
            infer_groups("annotated", Fold(table, settings=settings))
        told["annotated"] = " x ".join(names)
    if "pseudo" in used:
        kind = config["pseudo"]["kind"]
        told["pseudo"] = "your probabilities" if kind == "precomputed" else f"gender by {kind}"
    if "kmeans" in used:
        ks = config["grid"]["k"]
        told["kmeans"] = f"K {', '.join(map(str, ks))}"
        sizes = [one.frame.filter(pl.col("split") == "train").height for one in biased]
        if sizes:
            with report.faults.gather():
                check_clusters(max(ks), min(sizes))
    lines = [f"{source} ({what})" for source, what in told.items() if source in used]
    report.found.append(("groups from", ", ".join(lines)))
    if "annotated" not in used and table.attributes:
        report.found.append(("", f"'annotated' could use {', '.join(table.attributes)}"))


def _tell_features(config: Config, table: ClipTable, decode: bool, report: Report) -> None:
    """What each kind of features is made from; those of one's own are opened."""
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
            continue  # which is told
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
        report.found.append((section, text))
    if needs_audio(config):
        with report.faults.gather():
            check_audio(config["corpus"])
