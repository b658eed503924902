"""All pages of a study's report from its files."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fairser.config.schema import Config
from fairser.core.files import read_json
from fairser.report import llm, meldst, study
from fairser.report.captions import CAPTIONS, TITLES
from fairser.report.overview import overview_page
from fairser.report.pages import Page, Picture, write_page, write_pictures
from fairser.report.records import Runs
from fairser.report.settings import configuration_page
from fairser.report.splits import counts_page, groups_page


def write_pages(
    outputs: Mapping[str, str],
    given: Mapping[str, Any],
    config: Config,
    files: Sequence[str],
    caption: Mapping[str, Any],
) -> None:
    """Write the pages of a report.

    Args:
        outputs: path of each page by its name; the pages that are made.
        given: ``metrics`` of all runs, ``clips``, ``tables`` (by their names), ``figures`` (svg);
            of the first study ``splits`` and ``groups``, of the second the ``model``'s record.
        config: the resolved configuration.
        files: that it was read from, in the order in which they count.
        caption: what the captions of the figures speak of, as parameters of their rules.
    """
    runs = Runs.read(given["metrics"])
    today = datetime.now().astimezone().strftime("%d %B %Y, %H:%M %Z")
    pages = [
        overview_page(config, runs, given["clips"], files, today),
        configuration_page(config, list(files)),
        *(_minmaxgap if config["study"] == "minmaxgap" else _subgroups)(given, runs, config),
    ]
    for page in pages:
        write_page(outputs[page.name], page)
    if "figures" in outputs:
        pictures = [_picture(path, caption) for path in given["figures"]]
        write_pictures(outputs["figures"], TITLES["figures"], pictures)


def _subgroups(given: Mapping[str, Any], runs: Runs, config: Config) -> list[Page]:
    tables = _by_name(given["tables"])
    paper = {name: tables.get(f"{name}_vs_paper") for name in tables}
    splits = {int(Path(path).stem.removeprefix("fold")): path for path in given["splits"]}
    attribute = config["bias"]["attribute"]
    found = [
        make(tables[name], paper[name], runs, config)
        for name, make in (("table1", study.table1_page), ("table2", study.table2_page))
        if name in tables
    ]
    found += [
        counts_page(tables[name], paper[name], head, behind, config)
        for name, head, behind in (
            ("tableA3", ["emotion", attribute], {1: splits[1]}),
            ("tableA4", ["fold", "split"], splits),
        )
    ]
    if "groups" in tables:
        found.append(groups_page(tables["groups"], given["groups"]))
    return [*found, study.rates_page(runs, config), study.runs_page(runs, config)]


def _minmaxgap(given: Mapping[str, Any], runs: Runs, config: Config) -> list[Page]:
    tables, model = _by_name(given["tables"]), read_json(given["model"])
    makers = {
        "performance": llm.performance_page,
        "ablation": llm.ablation_page,
        "gains_vs_paper": llm.gains_page,
    }
    found = [
        make(tables[name], runs, config, model) for name, make in makers.items() if name in tables
    ]
    found += [
        make(tables[name], given["clips"], config)
        for name, make in (
            ("statistics", meldst.statistics_page),
            ("unknown_speakers", meldst.unknown_speakers_page),
        )
    ]
    return [*found, llm.rates_page(runs, config, model), llm.runs_page(runs, config, model)]


def _picture(path: str, caption: Mapping[str, Any]) -> Picture:
    """A figure with the caption that the report has for it."""
    from jinja2 import Environment, StrictUndefined

    name = Path(path).stem
    template = (CAPTIONS / f"{name}.rst").read_text(encoding="utf-8")
    # The captions are plain sentences, here without markup.
    words = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701
    said = words.from_string(template).render(snakemake={"params": caption})
    return Picture(TITLES[name], said.strip(), Path(path).read_bytes())


def _by_name(paths: Sequence[str]) -> dict[str, str]:
    return {Path(path).stem: path for path in paths}
