"""What was run: corpus, models, grid, code and machine, on one page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from fairser.config.schema import Config
from fairser.report.pages import Column, Page, Row, text
from fairser.report.records import Run, Runs
from fairser.report.settings import said
from fairser.results.tables import NAMES

Lines = list[tuple[str, str]]


def overview_page(config: Config, runs: Runs, clips: str, files: Sequence[str], made: str) -> Page:
    """The page that the report begins with.

    Args:
        config: the resolved configuration.
        runs: of the grid.
        clips: path of the clip table.
        files: that the configuration was read from, in the order in which they count.
        made: date of the report.
    """
    study = _minmaxgap if config["study"] == "minmaxgap" else _subgroups
    table = pl.read_parquet(clips, columns=["clip", "speaker"])
    lines = [*study(config, runs.metrics), *_common(runs.metrics)]
    lines[1:1] = [
        ("Clips", f"{table['clip'].n_unique():,} of {table['speaker'].n_unique():,} speakers")
    ]
    lines += [("Configuration files", ", ".join(files)), ("Report made", made)]
    return Page(
        name="overview",
        title="What was run",
        lede=f"{len(runs.metrics)} runs, with the results in {config['results']}.",
        columns=[Column("what", "What"), Column("value", "Value", wide=True)],
        rows=[Row({"what": text(what), "value": text(value)}) for what, value in lines if value],
    )


def _subgroups(config: Config, runs: Sequence[Run]) -> Lines:
    grid, bias, train = config["grid"], config["bias"], config["train"]
    biased = "none" if bias["ratio"] is None else f"{bias['ratio']:g} : 1 by {bias['attribute']}"
    sources = {run["source"] for run in runs}
    lines = [
        ("Corpus", _corpus(config)),
        ("Bias of train and development", biased),
        ("Encoder", _model(config["encoder"], [run["features"] for run in runs])),
    ]
    for source, section, name in (
        ("pseudo", "pseudo", "Gender model (pseudo)"),
        ("kmeans", "embedding", "Speaker embedding (kmeans)"),
    ):
        if source in sources:
            found = [run["groups"] for run in runs if run["source"] == source]
            lines.append((name, _model(config[section], found)))
    return [
        *lines,
        ("Methods", ", ".join(NAMES.get(m, m) for m in dict.fromkeys(r["method"] for r in runs))),
        ("Group sources", ", ".join(dict.fromkeys(run["source"] for run in runs))),
        ("Numbers of clusters", said(grid["k"]) if "kmeans" in sources else ""),
        ("Test folds", said(grid["folds"])),
        ("Seeds", said(grid["seeds"])),
        ("Training", f"{train['epochs']} epochs, batches of {train['batch_size']}, learning rate "
         f"{train['learning_rate']:g}"),
    ]  # fmt: skip


def _minmaxgap(config: Config, runs: Sequence[Run]) -> Lines:
    llm, grid = config["llm"], config["llm"]["grid"]
    return [
        ("Corpus", {"meldst": "MELD-ST"}.get(llm["corpus"]["kind"], llm["corpus"]["kind"])),
        ("Model", f"{llm['model']}, revision {llm['revision']}, {llm['precision']}"),
        ("Size", ", ".join(dict.fromkeys(run["size"] for run in runs))),
        ("Languages", "; ".join(said(languages) for languages in grid["languages"])),
        *((name.capitalize(), said(grid[name])) for name in ("modalities", "objectives")),
        ("Exponents of the gap, p", said(grid["p"])),
        *((name.capitalize(), said(grid[name])) for name in ("weighting", "seeds")),
        ("Training", f"{llm['train']['rounds']} rounds, batches of {llm['train']['batch_size']}, "
         f"learning rate {llm['train']['learning_rate']:g}"),
    ]  # fmt: skip


def _common(runs: Sequence[Run]) -> Lines:
    """Runs, their time, and the code and machines that they ran on."""
    seconds = sum(sum(run["seconds"].values()) for run in runs)
    versions = {f"{name} {v}": None for run in runs for name, v in run["versions"].items()}
    return [
        ("Runs", str(len(runs))),
        ("Time of the runs", f"{seconds / 60:.1f} minutes, one after another"),
        ("Devices", _distinct(run["device"] for run in runs)),
        ("Commit", _distinct(run["commit"] or "unknown" for run in runs)),
        ("Versions", ", ".join(versions)),
    ]


def _corpus(config: Config) -> str:
    names = {"cremad": "CREMA-D", "demo": "demo, synthetic speech", "emosuperb": "EMO-SUPERB"}
    corpus = config["corpus"]
    place = corpus["manifest"] if corpus["kind"] == "manifest" else corpus["labels"]
    return f"{names.get(corpus['kind'], corpus['kind'])} ({place})"


def _model(section: Mapping[str, Any], made: Sequence[Mapping[str, Any] | None]) -> str:
    """Kind and model of a section, with the commits that the runs' features record."""
    if section["kind"] == "precomputed":
        return f"precomputed: {section.get('features') or section.get('probabilities')}"
    models = [found["model"] for found in made if found and found.get("model")]
    if not models:
        return section["kind"]
    return f"{section['kind']}: {section['model']}, commit " + _distinct(
        str(model.get("commit") or "unknown") for model in models
    )


def _distinct(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
