"""All pages of a study's report from its files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fairser.config.schema import Config
from fairser.core.files import read_json
from fairser.report import inputs, overview
from fairser.report.benchmark import benchmark_page
from fairser.report.captions import CAPTIONS, TITLES
from fairser.report.minmaxgap import MinMaxGap
from fairser.report.numbers import fairness_page, sweeps_page
from fairser.report.pages import Page, Picture, write_page, write_pictures
from fairser.report.records import Runs
from fairser.report.subgroups import Subgroups

BESIDE = {"benchmark": "pareto"}  # figures on the page of a table


def write_pages(
    outputs: Mapping[str, str],
    given: Mapping[str, Any],
    config: Config,
    files: Sequence[str],
    caption: Mapping[str, Any],
) -> None:
    """Write the pages of a report.

    Args:
        outputs: path of each page by its name.
        given: ``metrics`` of all runs, ``clips``, ``tables``, ``figures`` (svg); in the first study
            ``splits`` and ``groups``, in the second study the record of the ``model``.
        config: the resolved configuration.
        files: of the configuration, in the order in which they are read.
        caption: parameters of the figures' captions.
    """
    runs = Runs(given["metrics"])
    today = datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z")
    pictures = {Path(path).stem: _picture(path, caption) for path in given["figures"]}
    study = _minmaxgap if config["study"] == "minmaxgap" else _subgroups
    tables = {Path(path).stem: path for path in given["tables"]}
    for page in [
        overview.overview_page(config, runs, given["clips"], files, today),
        overview.configuration_page(config, files),
        *study(tables, given, runs, config),
    ]:
        shown = replace(page, picture=pictures.get(BESIDE.get(page.name, "")))
        write_page(outputs[page.name], shown)
    if "figures" in outputs:
        write_pictures(outputs["figures"], TITLES["figures"], [*pictures.values()])


def _subgroups(
    tables: Mapping[str, str], given: Mapping[str, Any], runs: Runs, config: Config
) -> Iterable[Page]:
    grid, paper = Subgroups(runs, config), {name: tables.get(f"{name}_vs_paper") for name in tables}
    splits = {int(Path(path).stem.removeprefix("fold")): path for path in given["splits"]}
    first = min(splits)  # the fold of Table A3
    if "table1" in tables:
        yield grid.table1_page(tables["table1"], paper["table1"])
    if "table2" in tables:
        yield grid.table2_page(tables["table2"], paper["table2"])
    for name, make in (
        ("benchmark", benchmark_page),
        ("sweeps", sweeps_page),
        ("fairness", fairness_page),
    ):
        if name in tables:
            yield make(grid, tables[name])
    for name, head, behind in (
        ("tableA3", ["emotion", config["bias"]["attribute"]], {first: splits[first]}),
        ("tableA4", ["fold", "split"], splits),
    ):
        yield inputs.counts_page(tables[name], paper[name], head, behind, config)
    if "groups" in tables:
        yield inputs.groups_page(tables["groups"], given["groups"])
    named = grid.attribute.replace("_", " ")
    yield grid.runs_page(f"gaps are between the groups of {named}")
    yield grid.rates_page("Rates of each method by emotion and group: means over folds.")


def _minmaxgap(
    tables: Mapping[str, str], given: Mapping[str, Any], runs: Runs, config: Config
) -> Iterable[Page]:
    grid, clips = MinMaxGap(runs, config, read_json(given["model"])), given["clips"]
    for name, make in (
        ("performance", grid.performance_page),
        ("ablation", grid.ablation_page),
        ("gains_vs_paper", grid.gains_page),
    ):
        if name in tables:
            yield make(tables[name])
    yield inputs.statistics_page(tables["statistics"], clips, config)
    yield inputs.unknown_speakers_page(tables["unknown_speakers"], clips, config)
    yield grid.runs_page("percentage points on all test clips")
    yield grid.rates_page("Rates of each model by emotion and gender: means over seeds.")


def _picture(path: str, caption: Mapping[str, Any]) -> Picture:
    """A figure with the caption that it has in the report."""
    from jinja2 import StrictUndefined, Template

    name = Path(path).stem
    text = (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8")
    said = Template(text, undefined=StrictUndefined).render(snakemake={"params": caption})
    return Picture(TITLES[name], said.strip(), Path(path).read_bytes())
