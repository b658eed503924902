"""What was run: a page about corpus, models, grid, code and machine, and one of all settings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fairser.config.configuration import list_key
from fairser.config.extensions import extension
from fairser.config.grid import has_k_axis
from fairser.config.llm import OWN
from fairser.config.schema import Config
from fairser.core.table_files import read_made, read_metadata
from fairser.core.words import counted
from fairser.report.pages import Column, Mark, Page, PageCell, PageRow, cells
from fairser.report.records import Run, Runs
from fairser.report.settings import keys, said
from fairser.results.tables import method_name

CHANGED = Mark("●", "better", "differs from the default")
CORPORA = {
    "cremad": "CREMA-D",
    "demo": "demo, synthetic speech",
    "emosuperb": "EMO-SUPERB",
    "msp_podcast": "MSP-Podcast",
    "meldst": "MELD-ST",
}


def overview_page(config: Config, runs: Runs, clips: str, files: Sequence[str], made: str) -> Page:
    """The first page of the report.

    ``clips`` is the path of the clip table, ``files`` are those of the configuration, ``made`` is
    the date of the report.
    """
    study = _minmaxgap if config["study"] == "minmaxgap" else _subgroups
    table = read_made(clips, ["clip", "speaker"])
    clip_count, speaker_count = (table[name].n_unique() for name in ("clip", "speaker"))
    found = runs.metrics
    lines = {
        "Corpus": "",
        "Clips": f"{clip_count:,} of {counted(speaker_count, 'speaker')}",
        "Licence of the corpus": config["corpus"]["licence"] or read_metadata(clips).get("licence"),
        **study(config, found),
        "Runs": str(len(found)),
        "Time of the runs": f"{sum(sum(r['seconds'].values()) for r in found) / 60:.1f} minutes, "
        "one after another",
        "Devices": _distinct(run["device"] for run in found),
        "Commit": _distinct(run["commit"] or "unknown" for run in found),
        "Versions": _distinct(f"{n} {v}" for run in found for n, v in run["versions"].items()),
        "Configuration files": ", ".join(files),
        "Report made": made,
    }
    return Page(
        name="overview",
        lede=f"{counted(len(found), 'run')}, with the results in {config['results']}.",
        columns=[Column("what", "What"), Column("value", "Value", wide=True)],
        rows=[PageRow(cells({"what": w, "value": v})) for w, v in lines.items() if v],
    )


def configuration_page(config: Config, files: Sequence[str]) -> Page:
    """Every key of the configuration, with a mark where it differs from the default."""
    found = keys(config)
    rows = []
    for key in found:
        state = "changed" if key.changed else "default"
        line = {"key": key.name, "default": said(key.default), "changed": state}
        value = PageCell(said(key.value), said(key.value), mark=CHANGED if key.changed else None)
        rows.append(PageRow(cells(line | {"description": key.description}) | {"value": value}))
    changed = sum(key.changed for key in found)
    return Page(
        name="configuration",
        lede=f"The value of every key in this run; {changed} of {len(found)} differ from the "
        "default.",
        columns=[
            Column("key", "Key"),
            Column("value", "Value", wide=True),
            Column("default", "Default", wide=True),
            Column("changed", "State", choice=True),
            Column("description", "Meaning", wide=True),
        ],
        rows=rows,
        files=files,
    )


def _subgroups(config: Config, runs: Sequence[Run]) -> dict[str, str]:
    grid, bias, corpus = config["grid"], config["bias"], config["corpus"]
    biased = "none" if bias["ratio"] is None else f"{bias['ratio']:g} : 1 by {bias['attribute']}"
    sources = {run["source"] for run in runs}
    lines = {
        "Corpus": _corpus(corpus),
        "Bias of train and development": biased,
        "Encoder": _model(config["encoder"], [run["features"] for run in runs]),
    }
    names = {"pseudo": "Gender model", "embedding": "Speaker embedding", "pitch": "Pitch"}
    for section, name in names.items():
        using = [
            source for source in sorted(sources) if extension("SOURCE", source)["needs"] == section
        ]
        if using:
            made = [run["groups"] for run in runs if run["source"] in using]
            lines[f"{name} ({', '.join(using)})"] = _model(config[section], made)
    return {
        **lines,
        "Methods": _distinct(method_name(run["method"]) for run in runs),
        "Group sources": _distinct(run["source"] for run in runs),
        "Numbers of clusters": said(grid["k"]) if any(map(has_k_axis, sources)) else "",
        "Test folds": said(grid["folds"]),
        "Seeds": said(grid["seeds"]),
        "Training": _training("epochs", config["train"]),
    }


def _minmaxgap(config: Config, runs: Sequence[Run]) -> dict[str, str]:
    llm, grid = config["llm"], config["llm"]["grid"]
    own = llm["corpus"]["kind"] == OWN
    return {
        "Corpus": _corpus(config["corpus"]) if own else CORPORA[llm["corpus"]["kind"]],
        "Model": f"{llm['model']}, revision {llm['revision']}, {llm['precision']}",
        "Size": _distinct(run["size"] for run in runs),
        "Languages": "; ".join(said(languages) for languages in grid["languages"]),
        "Modalities": said(grid["modalities"]),
        "Objectives": said(grid["objectives"]),
        "Exponents of the gap, p": said(grid["p"]),
        "Weighting": said(grid["weighting"]),
        "Seeds": said(grid["seeds"]),
        "Training": _training("rounds", llm["train"]),
    }


def _corpus(corpus: Mapping[str, Any]) -> str:
    return f"{CORPORA.get(corpus['kind'], corpus['kind'])} ({corpus[list_key(dict(corpus))]})"


def _training(unit: str, train: Mapping[str, Any]) -> str:
    return (
        f"{train[unit]} {unit}, batches of {train['batch_size']}, learning rate "
        f"{train['learning_rate']:g}"
    )


def _model(section: Mapping[str, Any], made: Iterable[Mapping[str, Any] | None]) -> str:
    """Kind and model of a section, with the commits that the runs recorded."""
    if section["kind"] == "precomputed":
        return f"precomputed: {section.get('features') or section.get('probabilities')}"
    models = [found["model"] for found in made if found and found.get("model")]
    if not models:
        return section["kind"]
    commits = _distinct(str(model.get("commit") or "unknown") for model in models)
    return f"{section['kind']}: {section['model']}, commit {commits}"


def _distinct(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
