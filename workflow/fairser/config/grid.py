"""The grid of runs: which cells of method x source x k x fold x seed exist."""

from dataclasses import dataclass
from math import prod

from fairser.config.extensions import extension, extensions
from fairser.config.schema import Config

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
        for method in grid["methods"]
        for source in grid["sources"]
        if uses(method, source)
        for k in group_numbers(config, source)
    ]


def faults(config: Config) -> list[str]:
    """Methods that can use none of the sources: the grid would lack them without a word."""
    sources = config["grid"]["sources"]
    return [
        f"'grid.methods' names {method}, which can use none of 'grid.sources' "
        f"({', '.join(sources)}). Add {' or '.join(usable(method))} to 'grid.sources', or leave "
        "the method out."
        for method in config["grid"]["methods"]
        if not set(sources) & set(usable(method))
    ]


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
