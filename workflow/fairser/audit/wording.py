"""Names and numbers as a sentence has them."""

from collections.abc import Sequence

from fairser.audit.grouping import CROSS

NOUNS = {"female": "women", "male": "men"}
ADJECTIVES = ("age", "race", "ethnicity")
AGES = {"middle": "middle-aged"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def people(attribute: str, group: str) -> str:
    """The speakers of a group, such as ``women``, ``Asian men`` or ``speakers with accent x``."""
    before, noun, after = [], "speakers", []
    for name, value in zip(attribute.split(CROSS), group.split(CROSS), strict=True):
        text = value.replace("_", " ")
        if name == "gender":
            noun = NOUNS.get(value, f"{text} speakers")
        elif name in ADJECTIVES:
            before.append(AGES.get(value, text) if name == "age" else text.title())
        else:
            after.append(f"{name.replace('_', ' ')} {text}")
    return " ".join([*before, noun, *([f"with {' and '.join(after)}"] if after else [])])


def group_words(attribute: str, group: str) -> str:
    """A group's name where it is clear that speakers are meant, such as ``Asian``."""
    return people(attribute, group).removesuffix(" speakers")


def attribute_title(attribute: str) -> str:
    return attribute.replace("_", " ")


def attribute_words(attribute: str) -> str:
    """An attribute within a sentence: a crossing is ``gender and race``."""
    return attribute.replace("_", " ").replace(CROSS, " and ")


def class_words(name: str) -> str:
    return f"class {name}" if name.replace(".", "").isdigit() else name.replace("_", " ")


def points(value: float, low: float | None = None, high: float | None = None) -> str:
    """A difference of rates in percentage points, perhaps with its interval."""
    digits = 0 if abs(value) >= 0.0995 else 1
    text = f"{100 * value:.{digits}f} points"
    if low is None or high is None:
        return text
    return f"{text} [{_signless(100 * low, digits)}, {_signless(100 * high, digits)}]"


def _signless(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if not float(text) else text


def percent(value: float) -> str:
    if 0 < value < 0.0095:
        return f"{100 * value:.1f} %"
    return f"{100 * value:.0f} %"


def p_words(p: float) -> str:
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def number(value: int) -> str:
    return NUMBERS[value] if value < len(NUMBERS) else f"{value:,}"


def counted(value: int, noun: str) -> str:
    """Such as ``1 clip`` or ``2,000 clips``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def stand(value: int) -> str:
    return "stands" if value == 1 else "stand"


def joined(parts: Sequence[str]) -> str:
    """Such as ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
