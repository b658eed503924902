"""The runs of the second study; light to import, because the Snakefile does."""

from dataclasses import dataclass
from typing import Any

from fairser.config.llm import in_order

OBJECTIVES = ("zero_shot", "erm", "minmaxgap")
NONE = (0, "none")  # p and weighting of the objectives that have none


@dataclass(frozen=True, order=True)
class LLMCell:
    """One run: ``languages`` joined by hyphens, ``p`` 0 and ``weighting`` none without a gap."""

    languages: str
    modality: str
    objective: str
    p: int
    weighting: str
    seed: int

    @property
    def folder(self) -> str:
        """Folder of its results, relative to the results folder."""
        return (
            f"runs/{self.languages}/{self.modality}/{self.objective}/p{self.p}/{self.weighting}"
            f"/seed{self.seed}"
        )


def llm_cells(grid: dict[str, Any]) -> list[LLMCell]:
    """All runs of the configuration's ``llm.grid``; zero-shot trains nothing and has one seed."""
    sets = dict.fromkeys(language_set(languages) for languages in grid["languages"])
    gaps = [(p, weighting) for p in grid["p"] for weighting in grid["weighting"]]
    return [
        LLMCell(languages, modality, objective, p, weighting, seed)
        for languages in sets
        for modality in grid["modalities"]
        for objective in grid["objectives"]
        for p, weighting in (gaps if objective == "minmaxgap" else [NONE])
        for seed in (grid["seeds"][:1] if objective == "zero_shot" else grid["seeds"])
    ]


def language_set(languages: list[str]) -> str:
    """Name of a set of languages, such as ``eng-deu-jpn``."""
    return "-".join(in_order(languages))
