"""MELD-ST in its published format, clips in memory, and a stand-in for a speech LLM."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
import torch
from torch import nn

from fairser.corpora.meldst import EMOTIONS
from fairser.llm.clips import Clips
from fairser.llm.prompts import Prompts

HEAD = "id,dia_id,utt_id,emotion,sentiment,English,{},season,episode,speaker"
HEAD += ",English_begin_time,English_end_time,{}_begin_time,{}_end_time"
OTHER = {"ENG_DEU": ("deu", "German"), "ENG_JPN": ("jpn", "Japanese")}
FOLDERS = {"train": "train", "valid": "dev", "test": "test"}
Row = tuple[str, str, str]  # emotion, English text, speaker


def write_meldst(
    folder: Path,
    rows: Mapping[tuple[str, str], Sequence[Row]],
    genders: str = "speaker\tgender\nRoss\tmale\nRachel\tfemale\n",
) -> dict[str, Path]:
    """Write metadata, noise as audio and a list of genders; the paths that ``read_meldst`` takes.

    Args:
        folder: for all of it.
        rows: of each pair and split; a file that is missing here is not written.
        genders: the list of speakers.
    """
    audio = folder / "audio"
    noise = np.random.default_rng(0).normal(0, 0.1, 8_000)
    for (pair, split), lines in rows.items():
        language, name = OTHER[pair]
        text = [HEAD.format(name, name, name)]
        for number, (emotion, english, speaker) in enumerate(lines):
            cells = [number, 0, number, emotion, "neutral", f'"{english}"', f'"{english} ({name})"']
            text.append(",".join(map(str, [*cells, 1, 1, speaker, "a", "b", "c", "d"])))
            for spoken in ("ENG", language.upper()):
                part = FOLDERS[split]
                path = audio / pair / spoken / part / f"{part}_{number}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, noise, 16_000)
        (folder / pair).mkdir(parents=True, exist_ok=True)
        path = folder / pair / f"{language}_{split}.csv"
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
    (folder / "speakers.tsv").write_text(genders, encoding="utf-8")
    return {"metadata": folder, "audio": audio, "genders": folder / "speakers.tsv"}


def both_pairs(lines: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The same lines in every file, each with the name of its split."""
    return {
        (pair, split): [(e, f"{text} {split}", speaker) for e, text, speaker in lines]
        for pair in OTHER
        for split in FOLDERS
    }


def clip_frame(rows: Sequence[tuple[str, str, str, str | None]]) -> pl.DataFrame:
    """Clip table from language, split, emotion and gender, with one speaker per gender."""
    return pl.DataFrame(
        [
            (f"c{i:03d}", f"c{i:03d}.wav", *row[:3], "words", f"{row[3]}", row[3], True)
            for i, row in enumerate(rows)
        ],
        [
            *("clip", "file", "language", "split", "emotion"),
            *("transcript", "speaker", "gender", "listed"),
        ],
        orient="row",
    ).with_columns(pl.col("emotion").cast(pl.Enum(EMOTIONS)))


CELLS = [("eng", "female"), ("eng", "male"), ("deu", "female"), ("deu", "male"), ("eng", None)]
ROWS = [
    (language, split, EMOTIONS[(i + 3 * number) % 7], gender)
    for split in ("train", "development", "test")
    for number, (language, gender) in enumerate(CELLS)
    for i in range(6 - number // 2)
]


def some_clips(split: str) -> Clips:
    """Clips in two languages, of every stratum and of unknown gender: 26 of each split."""
    return Clips(clip_frame(ROWS), ["eng", "deu"], split, ".", 1.0)


class Lookup(nn.Module):
    """Has a parameter per clip and emotion; frozen ones beside them, as a base model has."""

    def __init__(self, clips: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)
        generator = torch.Generator().manual_seed(3)
        self.table = nn.Parameter(torch.randn(clips, len(EMOTIONS), generator=generator))
        self.shared = nn.Parameter(torch.zeros(len(EMOTIONS)))
        self.dropout = nn.Dropout(0.1)


class LookupLLM:
    """Stands in for a speech LLM: the logits of a clip are numbers in a table."""

    def __init__(self, clips: int) -> None:
        self.model = Lookup(clips)
        self.prompts = Prompts({}, {})
        self.calls: list[int] = []

    def expect(self, clips: Clips, parts: object) -> None:
        """Nothing is prepared."""

    def losses(self, clips: Clips, rows: Sequence[int]) -> torch.Tensor:
        self.calls.append(len(rows))
        logits = self.model.dropout(self._logits(clips, rows))
        return nn.functional.cross_entropy(logits, clips.labels[list(rows)], reduction="none")

    def scores(self, clips: Clips, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            found = self._logits(clips, rows).log_softmax(dim=1)
        return found, torch.ones_like(found, dtype=torch.long)

    def generate(self, clips: Clips, rows: Sequence[int]) -> list[str]:
        return ["I hear Joy, not anger." if row % 2 else "no idea" for row in rows]

    def _logits(self, clips: Clips, rows: Sequence[int]) -> torch.Tensor:
        # Clips of every split look up the same table, by their number in the split.
        return self.model.scale * (self.model.table[list(rows)] + self.model.shared)
