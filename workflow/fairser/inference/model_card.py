"""The model card of an exported model (Mitchell et al. 2019), as the Hugging Face hub reads it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from jinja2 import Environment, StrictUndefined

from fairser.config.extensions import extension, extensions
from fairser.core import escape
from fairser.core.places import WORKFLOW
from fairser.core.text import FEWEST, chance, markdown, number
from fairser.core.text import estimate as text_of
from fairser.corpora.clips import SPLITS, ClipTable
from fairser.evaluation.bootstrap import COUNTS, Bootstrap, Gap, read_counts
from fairser.evaluation.estimates import estimate
from fairser.evaluation.metrics import metric_names
from fairser.inference.saved_model import METRICS, SavedModel
from fairser.results.tables import method_name

CORPORA = {
    "cremad": "CREMA-D (acted; English)",
    "demo": "The demo corpus of fair-ser (synthetic speech, which says nothing about people)",
    "manifest": "A corpus in a manifest of the trainer's own",
    "emosuperb": "A corpus with label files of EMO-SUPERB",
    "msp_podcast": "A podcast corpus with label files as those of MSP-Podcast",
    "audformat": "A database in audformat",
}
# Metrics of the hub's metadata: type and name.
HUB = {
    "uar": ("recall", "UAR (recall, macro)"),
    "f1": ("f1", "F1 (macro)"),
    "acc": ("accuracy", "Accuracy (Hamming)"),
    "accuracy": ("accuracy", "Accuracy"),
}
RATES = {"TPR": "tpr", "PPR": "ppr", "FPR": "fpr", "F1": "f1"}
GAPS = {"tpr_gap": ("TPR gap", "tpr"), "dp_gap": ("DP gap", "ppr")}
COUNTED = COUNTS[:3]  # columns of the table of rates
CARD = WORKFLOW / "report" / "model_card.md"

Metrics = Mapping[str, Any]
Uncertainty = Mapping[str, float]
ENDS = ("low", "high", "chance", "chance_high")


def model_card(saved: SavedModel, metrics: Metrics, run: Path, pretrained_mb: float | None) -> str:
    """The text of the card.

    Args:
        saved: the model, without paths of the machine.
        metrics: ``metrics.json`` of its run.
        run: folder of the run; its ``counts.parquet`` and the split beside it are used if there.
        pretrained_mb: size of the encoder's files, None if unknown.
    """
    config, model = metrics["config"], saved.pretrained
    own = saved.encoder["kind"] == "precomputed"
    kind, method = config["corpus"]["kind"], method_name(saved.method)
    split = run.parents[min(5, len(run.parents) - 1)] / f"splits/fold{metrics['fold']}.parquet"
    splits, known, licence = "", 0, None
    if split.is_file():
        table = ClipTable.read(split)
        licence, (splits, known) = table.licence, _splits(table, config["bias"]["attribute"])
    uncertainty = _uncertainty(metrics, run)
    measured = [name for name in metric_names("performance", saved.task) if name in metrics]
    # Markdown, not HTML: nothing is escaped.
    words = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    words.filters["line"] = lambda text: " ".join(text.split())
    words.filters["name"] = escape.markdown
    words.filters["code"] = lambda text: escape.one_line(text).replace("`", "'")
    return words.from_string(CARD.read_text(encoding="utf-8")).render(
        saved=saved,
        model=model,
        pretrained_mb=pretrained_mb,
        metrics=metrics,
        front=_front(saved, metrics, measured),
        method=method,
        encoder=model["model"] if model else saved.encoder["kind"],
        own=own,
        terms=None if own else extension("ENCODER", saved.encoder["kind"])["licence"],
        origin=metrics["source"],
        corpus=CORPORA.get(kind, kind.capitalize()),
        licence=config["corpus"].get("licence") or licence,
        bias=config["bias"],
        statistics=config["statistics"],
        gap_of=config["metrics"],
        splits=splits,
        known=known,
        performance=_performance(metrics, measured, uncertainty),
        measured=[extensions("METRICS")[name] for name in measured],
        confusion=_confusion(metrics["confusion"]) if "confusion" in metrics else "",
        uncertainty=uncertainty,
        fewest=FEWEST,
        gaps=_gaps(metrics, uncertainty),
        rates=_rates(metrics["attributes"]),
    )


def _front(saved: SavedModel, metrics: Metrics, measured: Sequence[str]) -> str:
    """The metadata that the hub reads."""
    kind, method = metrics["config"]["corpus"]["kind"], method_name(saved.method)
    head: dict[str, Any] = {
        "license": "other",
        "library_name": "fairser",
        "pipeline_tag": "audio-classification",
        "tags": ["speech-emotion-recognition", "fairness", saved.method],
    }
    if saved.pretrained and saved.pretrained["commit"]:
        head["base_model"] = saved.pretrained["model"]
    result = {
        "task": {"type": "audio-classification", "name": "Speech emotion recognition"},
        "dataset": {"name": kind, "type": kind, "split": f"test of fold {metrics['fold']}"},
        "metrics": [
            dict(zip(("type", "name", "value"), (*HUB[name], metrics[name]), strict=True))
            for name in measured
            if name in HUB
        ],
    }
    name = f"{method} on {saved.encoder['kind']}"
    head["model-index"] = [{"name": name, "results": [result]}]
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _splits(table: ClipTable, attribute: str) -> tuple[str, int]:
    """Speakers and clips by split and group, and how many speakers of test are in train."""
    frame = table.frame
    known = attribute in frame.columns
    groups = frame[attribute].drop_nulls().unique().sort().to_list() if known else []
    parts = {split: frame.filter(pl.col("split") == split) for split in SPLITS}
    rows = []
    for split, part in parts.items():
        by_group = [part.filter(pl.col(attribute) == group).height for group in groups]
        rows.append([split, *map(str, (part["speaker"].n_unique(), part.height, *by_group))])
    head = ["split", "speakers", "clips", *groups]
    both = {*parts["train"]["speaker"]} & {*parts["test"]["speaker"]}
    return markdown(head, rows, head[1:]), len(both)


def _uncertainty(metrics: Metrics, run: Path) -> Uncertainty:
    """Interval and chance level of the numbers that have one, as a row of a table names them."""
    file, config = run / "counts.parquet", metrics["config"]
    if not file.is_file():
        return {}
    gaps = {
        f"{attribute}.{name}": Gap(attribute, rate, config["metrics"][name])
        for attribute in metrics["attributes"]
        for name, (_, rate) in GAPS.items()
    }
    (counts,) = read_counts([str(run / METRICS)], [str(file)])
    statistics = config["statistics"]
    samples = Bootstrap(statistics["resamples"], statistics["seed"], gaps).samples(counts)
    found: dict[str, float] = {}
    for name, one in samples.items():
        made = estimate([counts], {counts: one})
        parts = zip(ENDS, (*made.interval, made.chance, made.chance_high), strict=True)
        found |= {f"{name}_{end}": value for end, value in parts if not np.isnan(value)}
    return found


def _written(uncertainty: Uncertainty, value: float | None, name: str) -> str:
    """A number with what is known of its uncertainty."""
    row = {**uncertainty, name: value}
    level = chance(row, name)
    return " ".join(filter(None, [text_of(row, name), f"(by chance {level})" if level else ""]))


def _performance(metrics: Metrics, measured: Sequence[str], uncertainty: Uncertainty) -> str:
    rows = [
        [extensions("METRICS")[name]["title"], _written(uncertainty, metrics[name], name)]
        for name in measured
    ]
    rows += [[f"F1 of {name}", number(value)] for name, value in metrics["f1_by_class"].items()]
    return markdown(["metric", "value"], rows)


def _confusion(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Clips by class, a row each, and by predicted class."""
    rows = [[name, *map(str, by_predicted.values())] for name, by_predicted in counts.items()]
    return markdown(["", *counts], rows, list(counts))


def _gaps(metrics: Metrics, uncertainty: Uncertainty) -> str:
    rows = []
    for attribute, part in metrics["attributes"].items():
        row = [attribute, ", ".join(f"{name} {n}" for name, n in part["groups"].items())]
        for name, (_, rate) in GAPS.items():
            value = part["gaps"][rate][metrics["config"]["metrics"][name]]["rms"]
            row.append(_written(uncertainty, value, f"{attribute}.{name}"))
        rows.append([*row, str(part["unknown"])])
    titles = [title for title, _ in GAPS.values()]
    head = ["attribute", "test clips of its groups", *titles, "of unknown group"]
    return markdown(head, rows, head[-1:])


def _rates(attributes: Mapping[str, Any]) -> str:
    rows = [
        [attribute, label, group, *(str(row[name]) for name in COUNTED)]
        + [number(row[rate]) for rate in RATES.values()]
        for attribute, part in attributes.items()
        for label, by_group in part["rates"].items()
        for group, row in by_group.items()
    ]
    right = [*COUNTED, *RATES]
    return markdown(["attribute", "class", "group", *right], rows, right)
