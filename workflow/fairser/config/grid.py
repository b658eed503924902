"""The grid of runs: which cells of method x source x k x fold x seed exist."""

from dataclasses import dataclass
from math import prod

from fairser.config.schema import Config, load_schema
from fairser.core.errors import InputError

# Number of groups of the sources whose number is not an axis of the grid.
GROUPS = {"none": 1, "pseudo": 2}
# Sections of the configuration that group sources take their groups from.
SECTIONS = {"kmeans": "embedding", "pseudo": "pseudo"}
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
    """The combinations of method, source and k that exist, in the order of the configuration.

    Raises:
        InputError: no method of the grid can use any of its sources.
    """
    grid = config["grid"]
    usable = load_schema()["properties"]["grid"]["properties"]["methods"]["x-sources"]
    annotated = prod(VALUES.get(name, 1) for name in config["annotated"]["attributes"])
    numbers = {source: [k] for source, k in GROUPS.items()}
    numbers |= {"annotated": [annotated], "kmeans": grid["k"]}
    found = [
        Configuration(method, source, k)
        for method in grid["methods"]
        for source in grid["sources"]
        if source in usable[method]
        for k in numbers[source]
    ]
    if not found:
        pairs = "; ".join(
            f"{method} uses {', '.join(usable[method])}" for method in grid["methods"]
        )
        raise InputError(
            f"The grid is empty: none of 'grid.methods' can use any of 'grid.sources' "
            f"({', '.join(grid['sources'])}). {pairs}."
        )
    return found


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
    used = {found.source for found in configurations(config)}
    return ["encoder", *(name for source, name in SECTIONS.items() if source in used)]
