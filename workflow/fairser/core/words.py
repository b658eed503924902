"""Counts and lists in messages."""

from collections.abc import Iterable, Sequence


def counted(value: int, noun: str) -> str:
    """Such as ``1 clip`` or ``2,000 clips``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def joined(parts: Sequence[str]) -> str:
    """Such as ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def shortened(items: Iterable[str], most: int) -> list[str]:
    """The first items and, if there are others, ``3 more`` as the last one."""
    known = list(items)
    return [*known[:most], *([f"{len(known) - most:,} more"] if len(known) > most else [])]
