"""The grid of runs: which cells of method x source x k x fold x seed exist.

A sweep (``grid.sweep``) adds methods to it: each combination of its values is a variant with a name
of its own (:mod:`fairser.config.variants`), which stands wherever the method's name does.
"""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from fairser.config.extensions import extension, extensions
from fairser.config.schema import Config
from fairser.config.values import shown
from fairser.config.variants import LONGEST, meant, spelled, variant_name

# Values of the usual attributes; of others k says nothing, their number is in the group files.
VALUES = {"gender": 2, "race": 3, "age": 3, "ethnicity": 2}


@dataclass(frozen=True, order=True)
class Configuration:
    """A method with its group source and number of groups: one row of the tables."""

    method: str
    source: str
    k: int


@dataclass(frozen=True, order=True)
class Cell:
    """One run of the grid."""

    method: str
    source: str
    k: int
    fold: int
    seed: int

    @property
    def folder(self) -> str:
        """Where its results lie, below the results folder."""
        return f"runs/{self.method}/{self.source}/k{self.k}/fold{self.fold}/seed{self.seed}"


def configurations(config: Config) -> list[Configuration]:
    """The combinations of method, source and k that exist, in the order of the configuration."""
    grid = config["grid"]
    return [
        Configuration(method, source, k)
        for method in methods(config)
        for source in grid["sources"]
        if uses(method, source)
        for k in group_numbers(config, source)
    ]


def methods(config: Config) -> list[str]:
    """The methods of ``grid.methods``, each before its variants, then the variants of others."""
    grid = config["grid"]
    return [
        name
        for base in dict.fromkeys([*grid["methods"], *grid["sweep"]])
        for name in ([base] if base in grid["methods"] else []) + variants(config, base)
    ]


def variants(config: Config, method: str) -> list[str]:
    """Names of the variants of a method, the settings in the order that the method declares."""
    values = config["grid"]["sweep"].get(method, {})
    settings = [name for name in extension("METHOD", method)["settings"] if name in values]
    return [
        variant_name(method, dict(zip(settings, combination, strict=True)))
        for combination in product(*(values[name] for name in settings))
        if settings
    ]


def hyper(config: Config, method: str) -> dict[str, Any]:
    """Settings of a method or a variant: those of ``methods``, and in their place the variant's."""
    one = extension("METHOD", method)
    return {**config["methods"].get(one.base, {}), **one.variant}


def faults(config: Config) -> list[str]:
    """What is wrong with the sweeps, and methods that can use none of the sources: the grid would
    lack them without a word."""
    grid = config["grid"]
    sources = grid["sources"]
    named = dict.fromkeys(grid["sweep"], "grid.sweep")
    named |= dict.fromkeys(grid["methods"], "grid.methods")
    return _sweep_faults(grid["sweep"]) + [
        f"'{key}' names {method}, which can use none of 'grid.sources' "
        f"({', '.join(sources)}). Add {' or '.join(usable(method))} to 'grid.sources', or leave "
        "the method out."
        for method, key in named.items()
        if not set(sources) & set(usable(method))
    ]


def _sweep_faults(sweep: Config) -> list[str]:
    """Sweeps without a setting, and values that can't be part of a folder's name."""
    lines = []
    for method, settings in sweep.items():
        key, declared = f"grid.sweep.{method}", extension("METHOD", method)["settings"]
        if not settings:
            lines.append(
                f"'{key}' names no setting; name one with a list of values, or leave it out."
            )
        for name, values in settings.items():
            for value in values:
                try:
                    same = meant(spelled(value), declared[name]) == value
                except ValueError:
                    same = False
                if not same:
                    lines.append(
                        f"'{key}.{name}' has {shown(value)}, which can't be part of a folder's "
                        "name; take numbers, true, false, null, or texts of letters, digits and "
                        "'._-'."
                    )
        longest = {
            name: max(values, key=lambda one: len(spelled(one)))
            for name, values in settings.items()
        }
        if len(variant_name(method, longest)) > LONGEST:
            lines.append(
                f"'{key}' gives folders with names of more than {LONGEST} letters; take fewer "
                "settings at once."
            )
    return lines


def uses(method: str, source: str) -> bool:
    """Whether a method can use a group source."""
    wanted = extension("METHOD", method)["groups"]
    if source == "none" or wanted == "none":
        return source == wanted
    return wanted == "any" or bool(extension("SOURCE", source)[wanted])


def usable(method: str) -> list[str]:
    """The group sources that a method can use."""
    return [source for source in extensions("SOURCE") if uses(method, source)]


def has_k_axis(source: str) -> bool:
    """Whether a source has a run for each of ``grid.k``; False for one that is not there."""
    known = extensions("SOURCE")
    return source in known and known[source]["k"] == "grid"


def group_numbers(config: Config, source: str) -> list[int]:
    """Numbers of groups of a source, each a run of its own."""
    if has_k_axis(source):
        return list(config["grid"]["k"])
    k = extension("SOURCE", source)["k"]
    if k == "attributes":
        return [prod(VALUES.get(name, 1) for name in config["sources"][source]["attributes"])]
    return [k]


def cells(config: Config) -> list[Cell]:
    """All runs of the grid."""
    grid = config["grid"]
    return [
        Cell(c.method, c.source, c.k, fold, seed)
        for c in configurations(config)
        for fold in grid["folds"]
        for seed in grid["seeds"]
    ]


def sections(config: Config) -> list[str]:
    """Sections whose features the runs need: ``encoder``, and those of their group sources."""
    sources = dict.fromkeys(one.source for one in configurations(config))
    needed = [extension("SOURCE", source)["needs"] for source in sources]
    return list(dict.fromkeys(["encoder", *sorted(filter(None, needed))]))
