"""Names of metrics, groups and classes, percentages and p-values as a sentence has them."""

import polars as pl

from fairser.config.extensions import extensions
from fairser.core.text import interval, number
from fairser.evaluation.metrics import metric_names
from fairser.results.style import words

CROSS = " x "  # between the parts of a crossing, as in the groups of training
NOUNS = {"female": "women", "male": "men"}
ADJECTIVES = ("age", "race", "ethnicity")
AGES = {"middle": "middle-aged"}


def metric_titles(task: str) -> dict[str, str]:
    """Titles of the metrics of performance of a task, by name and in order."""
    known = extensions("METRICS")
    return {name: known[name]["title"] for name in metric_names("performance", task)}


def people(attribute: str, group: str) -> str:
    """The speakers of a group, such as ``women``, ``Asian men`` or ``speakers with accent x``."""
    before, noun, after = [], "speakers", []
    for name, value in zip(attribute.split(CROSS), group.split(CROSS), strict=True):
        text = words(value)
        if name == "gender":
            noun = NOUNS.get(value, f"{text} speakers")
        elif name in ADJECTIVES:
            before.append(AGES.get(value, text) if name == "age" else text.title())
        else:
            after.append(f"{words(name)} {text}")
    return " ".join([*before, noun, *([f"with {' and '.join(after)}"] if after else [])])


def group_words(attribute: str, group: str) -> str:
    """A group's name where it is clear that speakers are meant, such as ``Asian``."""
    return people(attribute, group).removesuffix(" speakers")


def class_words(name: str) -> str:
    return f"class {name}" if name.replace(".", "").isdigit() else words(name)


def points(value: float, low: float | None = None, high: float | None = None) -> str:
    """A difference of rates in percentage points, with its interval if there is one."""
    digits = 0 if abs(value) >= 0.0995 else 1
    ends = "" if low is None or high is None else interval(100 * low, 100 * high, digits)
    return f"{number(100 * value, digits)} points {ends}".rstrip()


def percent(value: float) -> str:
    return f"{number(100 * value, 1 if 0 < value < 0.0095 else 0)} %"


def p_words(p: float) -> str:
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def largest_first(differences: pl.DataFrame) -> pl.DataFrame:
    """Differences by size; ``group`` is the one with the higher rate, so none is negative."""
    swaps = {"group": "other", "other": "group"}
    swaps |= {"group_rate": "other_rate", "other_rate": "group_rate"}
    swaps |= {"difference_low": "difference_high", "difference_high": "difference_low"}
    ends = ("difference", "difference_low", "difference_high")
    turned = pl.col("difference") < 0
    return (
        differences.with_columns(
            pl.when(turned).then(pl.col(other)).otherwise(name).alias(name)
            for name, other in swaps.items()
        )
        .with_columns(pl.when(turned).then(-pl.col(end)).otherwise(end).alias(end) for end in ends)
        .sort("difference", descending=True, maintain_order=True)
    )
