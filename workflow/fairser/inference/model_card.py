"""The model card of an exported model (Mitchell et al. 2019), as the Hugging Face hub reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from fairser.core.text import interval, markdown, number
from fairser.corpora.clips import SPLITS
from fairser.evaluation.bootstrap import COUNTS, Bootstrap, Gap, estimate, read_counts
from fairser.inference.saved_model import METRICS, SavedModel
from fairser.results.tables import method_name

CORPORA = {
    "cremad": "CREMA-D (acted; English)",
    "demo": "The demo corpus of fair-ser (synthetic speech, which says nothing about people)",
    "manifest": "A corpus in a manifest of the trainer's own",
    "emosuperb": "A corpus with label files of EMO-SUPERB",
}
RATES = {"TPR": "tpr", "PPR": "ppr", "FPR": "fpr", "F1": "f1"}
GAPS = {"tpr_gap": ("TPR gap", "tpr"), "dp_gap": ("DP gap", "ppr")}
COUNTED = COUNTS[:3]  # columns of the table of rates

OWN_FEATURES = "--features features.safetensors --clips clips.csv"
PYTHON = """\
```python
from fairser.inference.predicting import load

for prediction in load(".").predict(["clip.wav"]):
    print(prediction.probabilities, prediction.decided)
```"""
UNBIASED = "No clips were left out: train holds every clip that has a majority class."
BIAS = (
    "Train and development are biased on purpose: within each emotion they hold {ratio} clips of "
    "one group of `{attribute}` for each other one (seed {seed}). Test is as recorded."
)
INTERVALS = (
    " In brackets: 95 % intervals from {resamples} resamples of the test speakers (percentiles, "
    "shifted by their bias)."
)
CARD = Path(__file__).parents[2] / "report" / "model_card.md"


@dataclass(frozen=True)
class CardSource:
    """What the card is written from.

    Attributes:
        saved: the model, without paths of the machine.
        metrics: ``metrics.json`` of its run.
        run: folder of the run; its ``counts.parquet`` and the split beside it are used if there.
        pretrained_mb: size of the encoder's files, None if unknown.
    """

    saved: SavedModel
    metrics: Mapping[str, Any]
    run: Path
    pretrained_mb: float | None

    @cached_property
    def split(self) -> pl.DataFrame | None:
        """The clips of the fold."""
        results = self.run.parents[min(5, len(self.run.parents) - 1)]
        path = results / "splits" / f"fold{self.metrics['fold']}.parquet"
        return pl.read_parquet(path) if path.is_file() else None

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals by :class:`Bootstrap` of the numbers that exist."""
        counts_file, config = self.run / "counts.parquet", self.metrics["config"]
        if not counts_file.is_file():
            return {}
        gaps = {
            f"{attribute}.{name}": Gap(attribute, rate, config["metrics"][name])
            for attribute in self.metrics["attributes"]
            for name, (_, rate) in GAPS.items()
        }
        (counts,) = read_counts([str(self.run / METRICS)], [str(counts_file)])
        statistics = config["statistics"]
        values = Bootstrap(statistics["resamples"], statistics["seed"], gaps).values(counts)
        found = {name: estimate([counts], {counts: value}) for name, value in values.items()}
        return {name: one.interval for name, one in found.items() if one.value == one.value}


def model_card(source: CardSource) -> str:
    """The text of the card."""
    saved, metrics, config = source.saved, source.metrics, source.metrics["config"]
    bias = config["bias"]
    origin = metrics["source"]
    groups = "" if origin == "none" else f", groups from the source `{origin}`"
    groups += f" with K = {metrics['k']}" if origin == "kmeans" else ""
    name, kind = saved.pretrained and saved.pretrained["model"], config["corpus"]["kind"]
    return CARD.read_text(encoding="utf-8").format(
        front=_front(source),
        method=method_name(saved.method),
        features=f"`{name or saved.encoder['kind']}`",
        number=len(saved.classes),
        classes=", ".join(saved.classes),
        threshold=saved.threshold,
        groups=groups,
        fold=metrics["fold"],
        seed=metrics["seed"],
        given=OWN_FEATURES if saved.encoder["kind"] == "precomputed" else "clip.wav folder/",
        usage=_usage(source),
        corpus=CORPORA.get(kind, kind.capitalize()),
        bias=BIAS.format(**bias) if bias["ratio"] is not None else UNBIASED,
        splits=_splits(source),
        speakers=_speakers(source.split),
        clips=metrics["clips"],
        performance=_performance(source),
        intervals=INTERVALS.format(**config["statistics"]) if source.intervals else "",
        gaps=_gaps(source),
        **{name: config["metrics"][name] for name in GAPS},
        rates=_rates(metrics["attributes"]),
        and_model=" and the pre-trained encoder" if name else "",
        and_commit=" and of the encoder" if name else "",
    )


def _front(source: CardSource) -> str:
    """The metadata that the hub reads."""
    saved, metrics = source.saved, source.metrics
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
            {"type": "f1", "name": "F1 (macro)", "value": metrics["f1"]},
            {"type": "accuracy", "name": "Accuracy (Hamming)", "value": metrics["acc"]},
        ],
    }
    name = f"{method} on {saved.encoder['kind']}"
    head["model-index"] = [{"name": name, "results": [result]}]
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _usage(source: CardSource) -> str:
    """What the command takes, and where the encoder comes from."""
    settings, record = source.saved.encoder, source.saved.pretrained
    if settings["kind"] == "precomputed":
        return (
            "The model was trained on features that fair-ser did not make: it takes no audio, but "
            "features that were made in the same way. `features.safetensors` holds a tensor "
            "`features` of clip x layer x dim, the first column of `clips.csv` the clip of each "
            "row."
        )
    text = (
        f"{PYTHON}\n\nAny format that libsndfile reads, any rate and number of channels; of longer "
        f"files the first {settings['seconds']} seconds are used."
    )
    if record is None:
        return text
    size = "" if source.pretrained_mb is None else f" ({source.pretrained_mb:.0f} MB)"
    text += (
        f"\n\nThe weights of the pre-trained encoder `{record['model']}`{size} are not in the "
        "package: they are as their authors published them, and many times its size. "
    )
    if source.saved.adapters is not None:
        text += "The adapters that were trained beside them are. "
    if record["commit"] is None:
        text += "They came from a folder: `--model FOLDER` says where it is now."
    else:
        text += (
            f"They are fetched from the Hugging Face hub at commit `{record['commit']}` and kept "
            "in its cache; without network, `--model FOLDER` takes a folder with the files."
        )
    return f"{text} They are checked against the SHA-256 in `config.json`."


def _splits(source: CardSource) -> str:
    """Speakers and clips by split, and clips by group of the biased attribute."""
    frame, attribute = source.split, source.metrics["config"]["bias"]["attribute"]
    if frame is None:
        return ""
    known = attribute in frame.columns
    groups = frame[attribute].drop_nulls().unique().sort().to_list() if known else []
    rows = []
    for split in SPLITS:
        part = frame.filter(pl.col("split") == split)
        by_group = [part.filter(pl.col(attribute) == group).height for group in groups]
        rows.append([split, *map(str, (part["speaker"].n_unique(), part.height, *by_group))])
    head = ["split", "speakers", "clips", *groups]
    return f"\n{markdown(head, rows, head[1:])}"


def _speakers(frame: pl.DataFrame | None) -> str:
    """Whether speakers of test were trained on."""
    if frame is None:
        return ""
    train, test = (set(frame.filter(pl.col("split") == s)["speaker"]) for s in ("train", "test"))
    both = len(train & test)
    return f"; {both or 'none'} of its speakers {'are' if both != 1 else 'is'} in train"


def _with_interval(source: CardSource, value: float | None, name: str) -> str:
    return f"{number(value)} {interval(*source.intervals.get(name, (None, None)))}".strip()


def _performance(source: CardSource) -> str:
    metrics = source.metrics
    rows = [
        [title, _with_interval(source, metrics[name], name)]
        for title, name in (("F1", "f1"), ("Accuracy", "acc"))
    ]
    rows += [[f"F1 of {name}", number(value)] for name, value in metrics["f1_by_class"].items()]
    return markdown(["metric", "value"], rows).rstrip()


def _gaps(source: CardSource) -> str:
    metrics = source.metrics
    if not metrics["attributes"]:
        return "The corpus has no demographic attributes: no gap was measured."
    rows = []
    for attribute, part in metrics["attributes"].items():
        row = [attribute, ", ".join(f"{name} {n}" for name, n in part["groups"].items())]
        for name, (_, rate) in GAPS.items():
            value = part["gaps"][rate][metrics["config"]["metrics"][name]]["rms"]
            row.append(_with_interval(source, value, f"{attribute}.{name}"))
        rows.append([*row, str(part["unknown"])])
    titles = [title for title, _ in GAPS.values()]
    head = ["attribute", "test clips of its groups", *titles, "of unknown group"]
    return markdown(head, rows, head[-1:]).rstrip()


def _rates(attributes: Mapping[str, Any]) -> str:
    rows = [
        [attribute, label, group, *(str(row[name]) for name in COUNTED)]
        + [number(row[rate]) for rate in RATES.values()]
        for attribute, part in attributes.items()
        for label, by_group in part["rates"].items()
        for group, row in by_group.items()
    ]
    right = [*COUNTED, *RATES]
    table = markdown(["attribute", "class", "group", *right], rows, right)
    return table.rstrip() if rows else "No attribute, no groups."
