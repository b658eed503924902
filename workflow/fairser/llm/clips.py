"""The clips of a run of the second study, and the batches of a round.

In a batch every language and gender has its share. Each stratum is shuffled and spread evenly over
the round, then the strata are merged by position. So each clip comes once per round, and a batch of
B clips holds B s clips of a stratum with the share s of all clips, up to rounding at both ends of
the batch. A stratum with B s >= 2 is in every full batch. Where a stratum is absent, its language
has no gap in that batch.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch

from fairser.audio.reading import Audio
from fairser.core.errors import InputError
from fairser.corpora.genders import GENDERS
from fairser.corpora.llm_clips import classes_of

SHORTEST = 1_600  # samples; the model needs some frames, so a shorter clip is padded
Stratum = tuple[int, int]


class Clips:
    """Clips of some languages and one split, sorted by name; only their first seconds are used.

    Attributes:
        frame: rows of the clips.
        classes: the emotions that an answer can be, those of the table.
        labels: number of the emotion of each clip [N].
        strata: numbers of language and gender of each clip, gender -1 where unknown.
        places: the same as one number [N], int64, -1 where the gender is unknown.

    Raises:
        InputError: a language has no clip in this split.
    """

    def __init__(
        self,
        table: pl.DataFrame,
        languages: Sequence[str],
        split: str,
        audio: str | Path,
        seconds: float,
    ) -> None:
        chosen = pl.col("language").is_in(list(languages)) & (pl.col("split") == split)
        self.frame = table.filter(chosen).sort("clip")
        self.languages = list(languages)
        # Links in the folder were checked when the table of the clips was made.
        self.audio = Audio(Path(audio), self.frame["file"].to_list(), seconds, follow_links=True)
        there = set(self.frame["language"])
        if missing := [name for name in languages if name not in there]:
            raise InputError(
                f"'llm.grid.languages' names {', '.join(missing)}, but the corpus has no such clip "
                f"in {split}; remove the language, or use a corpus that has it."
            )
        self.classes = classes_of(self.frame)
        self.labels = torch.tensor(self.frame["emotion"].to_physical().to_list())
        self.strata: list[Stratum] = [
            (self.languages.index(language), GENDERS.index(gender) if gender else -1)
            for language, gender in self.frame.select("language", "gender").iter_rows()
        ]
        self.places = torch.tensor([n * len(GENDERS) + g if g >= 0 else -1 for n, g in self.strata])

    def __len__(self) -> int:
        return self.frame.height

    def waveform(self, row: int) -> torch.Tensor:
        """Samples of a clip at 16 kHz, float32."""
        samples = self.audio.read(row)
        return torch.nn.functional.pad(samples, (0, max(0, SHORTEST - len(samples))))


def batches(strata: Sequence[Hashable], size: int, seed: int, number: int) -> list[list[int]]:
    """Rows of the clips of each batch of a round; the last one may be smaller.

    The strata are those of the clips. The same seed and number of the round give the same batches.
    """
    rng = np.random.default_rng([seed, number])
    members: dict[Hashable, list[int]] = {}
    for row, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(row)
    places = np.empty(len(strata))
    for rows in members.values():
        # The start is random so that small strata are in other batches each round.
        spread = (np.arange(len(rows)) + rng.random()) / len(rows)
        places[rng.permutation(rows)] = spread
    order = np.argsort(places, kind="stable").tolist()
    return [order[start : start + size] for start in range(0, len(order), size)]
