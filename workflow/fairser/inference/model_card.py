"""The model card of an exported model (Mitchell et al. 2019), as the Hugging Face hub reads it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from fairser.corpora.clips import SPLITS
from fairser.evaluation.bootstrap import Bootstrap, Gap, estimate, read_counts
from fairser.inference.saved_model import METRICS, Trained
from fairser.results.tables import NAMES

CORPORA = {
    "cremad": "CREMA-D (acted; English)",
    "demo": "the demo corpus of fair-ser (synthetic speech, which says nothing about people)",
    "manifest": "a corpus in a manifest of the trainer's own",
    "emosuperb": "a corpus with label files of EMO-SUPERB",
}
RATES = {"TPR": "tpr", "PPR": "ppr", "FPR": "fpr", "F1": "f1"}
GAPS = {"tpr_gap": ("TPR gap", "tpr"), "dp_gap": ("DP gap", "ppr")}

OWN_FEATURES = "--features features.safetensors --clips clips.csv"
PYTHON = """\
```python
from fairser.inference.predicting import load

for prediction in load(".").predict(["clip.wav"]):
    print(prediction.probabilities, prediction.decided)
```"""
CARD = Path(__file__).parents[2] / "report" / "model_card.md"


def model_card(
    trained: Trained, metrics: Mapping[str, Any], run: Path, pretrained_mb: float | None
) -> str:
    """The text of the card.

    Args:
        trained: the model.
        metrics: the record of its run, without paths of the machine.
        run: folder of the run, for counts and the split beside it.
        pretrained_mb: size of the encoder's files, None where they are not at hand.
    """
    config = metrics["config"]
    method = NAMES.get(trained.method, trained.method)
    source = metrics["source"]
    groups = "" if source == "none" else f", groups from the source `{source}`"
    groups += f" with K = {metrics['k']}" if source == "kmeans" else ""
    found, split = _intervals(run, metrics), _split(run, metrics["fold"])
    name = trained.pretrained and f"{trained.pretrained['model']}"
    return CARD.read_text(encoding="utf-8").format(
        front=_front(trained, metrics, method),
        method=method,
        features=f"`{name or trained.encoder['kind']}`",
        number=len(trained.classes),
        classes=", ".join(trained.classes),
        threshold=trained.threshold,
        groups=groups,
        fold=metrics["fold"],
        seed=metrics["seed"],
        given=OWN_FEATURES if trained.encoder["kind"] == "precomputed" else "clip.wav folder/",
        usage=_usage(trained, pretrained_mb),
        corpus=_capital(CORPORA.get(config["corpus"]["kind"], config["corpus"]["kind"])),
        bias=_bias(config["bias"]),
        splits=_splits(split, config["bias"]["attribute"]),
        speakers=_speakers(split),
        clips=metrics["clips"],
        performance=_performance(metrics, found),
        intervals=_about(config["statistics"]) if found else "",
        gaps=_gaps(metrics, found),
        **{name: config["metrics"][name] for name in GAPS},
        rates=_rates(metrics["attributes"]),
        and_model=" and the pre-trained encoder" if name else "",
        and_commit=" and of the encoder" if name else "",
    )


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown: numbers with three decimals and to the right, None as nothing."""
    lines = [[_cell(value) for value in row] for row in rows]
    right = [all(_is_number(row[i]) for row in lines) for i in range(len(head))]
    rule = ["---:" if number else "---" for number in right]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), rule, *lines])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", r"\|")  # a bar would end the cell


def _is_number(text: str) -> bool:
    return text.replace(".", "").isdigit() or not text


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _front(trained: Trained, metrics: Mapping[str, Any], method: str) -> str:
    """The metadata that the hub reads."""
    kind, fold = metrics["config"]["corpus"]["kind"], metrics["fold"]
    results = [
        {"type": "f1", "name": "F1 (macro)", "value": metrics["f1"]},
        {"type": "accuracy", "name": "Accuracy (Hamming)", "value": metrics["acc"]},
    ]
    head: dict[str, Any] = {
        "license": "other",
        "library_name": "fairser",
        "pipeline_tag": "audio-classification",
        "tags": ["speech-emotion-recognition", "fairness", trained.method],
    }
    if trained.pretrained and trained.pretrained["commit"]:
        head["base_model"] = trained.pretrained["model"]
    head["model-index"] = [
        {
            "name": f"{method} on {trained.encoder['kind']}",
            "results": [
                {
                    "task": {"type": "audio-classification", "name": "Speech emotion recognition"},
                    "dataset": {"name": kind, "type": kind, "split": f"test of fold {fold}"},
                    "metrics": results,
                }
            ],
        }
    ]
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True)


def _usage(trained: Trained, pretrained_mb: float | None) -> str:
    """What the command takes, and where the encoder comes from."""
    if trained.encoder["kind"] == "precomputed":
        return (
            "The model was trained on features that fair-ser did not make: it takes no audio, but "
            "features that were made likewise. `features.safetensors` holds a tensor `features` "
            "of clip x layer x dim, the first column of `clips.csv` the clip of each row."
        )
    seconds = trained.encoder["seconds"]
    parts = [
        PYTHON,
        "Any format that libsndfile reads, any rate and number of channels; of longer files the "
        f"first {seconds} seconds count.",
    ]
    if trained.pretrained is not None:
        parts.append(_encoder(trained.pretrained, trained.adapters is not None, pretrained_mb))
    return "\n\n".join(parts)


def _encoder(record: Mapping[str, Any], adapted: bool, megabytes: float | None) -> str:
    size = f" ({megabytes:.0f} MB)" if megabytes is not None else ""
    text = (
        f"The weights of the pre-trained encoder `{record['model']}`{size} are not in the package: "
        "they are as their authors published them, and many times its size. "
    )
    if adapted:
        text += "The adapters that were trained beside them are. "
    if record["commit"] is None:
        text += "They came from a folder: `--model FOLDER` says where it is now."
    else:
        text += (
            f"They are fetched from the Hugging Face hub at commit `{record['commit']}` and kept "
            "in its cache; without network, `--model FOLDER` takes a folder with the files."
        )
    return f"{text} They are checked against the SHA-256 in `config.json`."


def _bias(bias: Mapping[str, Any]) -> str:
    if bias["ratio"] is None:
        return "Nothing was drawn: train holds every clip that has a majority class."
    return (
        "Train and development are biased on purpose: within each emotion they hold "
        f"{bias['ratio']} clips of one group of `{bias['attribute']}` for each other one (seed "
        f"{bias['seed']}). Test is as recorded."
    )


def _split(run: Path, fold: int) -> pl.DataFrame | None:
    """The clips of the fold, where the run still lies in the results folder beside them."""
    path = run.parents[min(5, len(run.parents) - 1)] / "splits" / f"fold{fold}.parquet"
    return pl.read_parquet(path) if path.is_file() else None


def _splits(frame: pl.DataFrame | None, attribute: str) -> str:
    """Speakers and clips by split, and clips by group of the biased attribute."""
    if frame is None:
        return ""
    known = attribute in frame.columns
    groups = frame[attribute].drop_nulls().unique().sort().to_list() if known else []
    rows = []
    for split in SPLITS:
        part = frame.filter(pl.col("split") == split)
        by_group = [part.filter(pl.col(attribute) == group).height for group in groups]
        rows.append([split, part["speaker"].n_unique(), part.height, *by_group])
    return f"\n{table(['split', 'speakers', 'clips', *groups], rows)}\n"


def _speakers(frame: pl.DataFrame | None) -> str:
    """Whether speakers of test were trained on."""
    if frame is None:
        return ""
    by_split = {s: set(frame.filter(pl.col("split") == s)["speaker"]) for s in ("train", "test")}
    both = len(by_split["train"] & by_split["test"])
    return f"; {both or 'none'} of its speakers {'are' if both != 1 else 'is'} in train"


def _intervals(run: Path, metrics: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """95 % intervals of this run's numbers by :class:`Bootstrap`, where its counts are there."""
    if not (run / "counts.parquet").is_file():
        return {}
    config = metrics["config"]
    gaps = {
        f"{attribute}.{name}": Gap(attribute, rate, config["metrics"][name])
        for attribute in metrics["attributes"]
        for name, (_, rate) in GAPS.items()
    }
    (counts,) = read_counts([str(run / METRICS)], [str(run / "counts.parquet")])
    bootstrap = Bootstrap(config["statistics"]["resamples"], config["statistics"]["seed"], gaps)
    values = bootstrap.values(counts)
    return {
        name: estimate([counts], {counts: value}).interval
        for name, value in values.items()
        if value[0] == value[0]
    }


def _about(statistics: Mapping[str, Any]) -> str:
    return (
        f" In brackets: 95 % intervals from {statistics['resamples']} resamples of the test "
        "speakers (percentiles, shifted by their bias)."
    )


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str | None:
    if value is None or interval is None:
        return _cell(value)
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _performance(metrics: Mapping[str, Any], found: Mapping[str, tuple[float, float]]) -> str:
    rows = [
        [title, _with_interval(metrics[name], found.get(name))]
        for title, name in (("F1", "f1"), ("Accuracy", "acc"))
    ]
    rows += [[f"F1 of {name}", _cell(value)] for name, value in metrics["f1_by_class"].items()]
    return table(["metric", "value"], rows)


def _gaps(metrics: Mapping[str, Any], found: Mapping[str, tuple[float, float]]) -> str:
    if not metrics["attributes"]:
        return "The corpus has no demographic attributes: no gap was measured."
    variants = metrics["config"]["metrics"]
    rows = []
    for attribute, part in metrics["attributes"].items():
        row = [attribute, ", ".join(f"{name} {n}" for name, n in part["groups"].items())]
        for name, (_, rate) in GAPS.items():
            value = part["gaps"][rate][variants[name]]["rms"]
            row.append(_with_interval(value, found.get(f"{attribute}.{name}")) or "")
        rows.append([*row, part["unknown"]])
    titles = [title for title, _ in GAPS.values()]
    return table(["attribute", "test clips of its groups", *titles, "of unknown group"], rows)


def _rates(attributes: Mapping[str, Any]) -> str:
    rows = [
        [attribute, label, group, *(row[name] for name in ("clips", "positives", "predicted"))]
        + [row[rate] for rate in RATES.values()]
        for attribute, part in attributes.items()
        for label, by_group in part["rates"].items()
        for group, row in by_group.items()
    ]
    head = ["attribute", "class", "group", "clips", "positives", "predicted", *RATES]
    return table(head, rows) if rows else "No attribute, no groups."
