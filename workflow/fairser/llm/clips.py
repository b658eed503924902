"""The clips that a run of the second study sees."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch

from fairser.audio.waveforms import read
from fairser.core.errors import InputError
from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import EMOTIONS

SHORTEST = 1_600  # samples; a shorter clip is filled up, for the model needs some frames
Stratum = tuple[int, int]


class Clips:
    """Clips of some languages and one split, in the order of their names.

    Args:
        table: clip table of :mod:`fairser.corpora.meldst`.
        languages: the language set of the run.
        split: ``train``, ``development`` or ``test``.
        audio: folder of the audio.
        seconds: only so much of the start of a clip is used.

    Attributes:
        frame: rows of the clips.
        labels: number of the emotion of each clip [N].
        strata: numbers of language and gender of each clip, gender -1 where unknown.

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
        self.languages, self.audio, self.seconds = list(languages), Path(audio), seconds
        there = set(self.frame["language"])
        if missing := [name for name in languages if name not in there]:
            raise InputError(
                f"The corpus has no clip of {', '.join(missing)} in {split}, which "
                "'llm.grid.languages' names; take it out, or name a corpus that has it."
            )
        self.labels = torch.tensor([EMOTIONS.index(name) for name in self.frame["emotion"]])
        numbers: dict[str | None, int] = {None: -1, **{name: i for i, name in enumerate(GENDERS)}}
        self.strata: list[Stratum] = [
            (self.languages.index(language), numbers[gender])
            for language, gender in self.frame.select("language", "gender").iter_rows()
        ]

    def __len__(self) -> int:
        return self.frame.height

    def wave(self, row: int) -> torch.Tensor:
        """Samples of a clip at 16 kHz, float32."""
        wave = read(self.audio / self.frame["file"][row], self.seconds)
        return torch.nn.functional.pad(wave, (0, max(0, SHORTEST - len(wave))))

    def sizes(self) -> Counter[Stratum]:
        """Clips in each stratum, those of unknown gender included."""
        return Counter(self.strata)

    def sums(self, rows: Sequence[int], losses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums of losses and numbers of clips by language and gender [L, G]; unknown ones are out.

        Args:
            rows: of the clips.
            losses: theirs [B], with or without gradients.
        """
        known = [i for i, row in enumerate(rows) if self.strata[row][1] >= 0]
        cells = torch.tensor([self.strata[rows[i]] for i in known]).reshape(-1, 2)
        place = (cells[:, 0] * len(GENDERS) + cells[:, 1]).to(losses.device)
        shape = len(self.languages) * len(GENDERS)
        flat = losses.new_zeros(shape).index_add(0, place, losses[known])
        counts = torch.bincount(place, minlength=shape)
        return flat.reshape(-1, len(GENDERS)), counts.reshape(-1, len(GENDERS))
