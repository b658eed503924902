"""A pass over clips without gradients: losses, predictions, gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
import torch

from fairser.core.jobs import Progress
from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import EMOTIONS
from fairser.llm.clips import Clips
from fairser.llm.measures import evaluate
from fairser.llm.prompts import Prompts
from fairser.methods.loss_gap import language_gaps

SCORES = ("sum", "mean")


class Scorer(Protocol):
    """What gives scores: :class:`fairser.llm.model.SpeechLLM`, or a stand-in."""

    prompts: Prompts

    def scores(self, clips: Clips, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]: ...

    def generate(self, clips: Clips, rows: Sequence[int]) -> list[str]: ...


@dataclass(frozen=True)
class Pass:
    """What a pass over a split found.

    Attributes:
        losses: mean negative log-likelihood of each clip's answer [N].
        predictions: the clips with ``predicted``, the probabilities of the classes and ``loss``.
        gaps: Delta_l of each language, None without both genders.
    """

    losses: torch.Tensor
    predictions: pl.DataFrame
    gaps: list[float | None]

    @property
    def loss(self) -> float:
        return float(self.losses.mean())

    @property
    def gap(self) -> float | None:
        """Delta_max."""
        return max((gap for gap in self.gaps if gap is not None), default=None)

    def measures(self, languages: Sequence[str]) -> dict[str, Any]:
        """Those of :func:`fairser.llm.measures.evaluate` over all clips."""
        return evaluate(self.predictions, languages)["all"]


def score(llm: Scorer, clips: Clips, batch_size: int, rule: str, what: str) -> Pass:
    """Score every label word for every clip; the best one is the prediction.

    Args:
        llm: the model.
        clips: of a split.
        batch_size: clips at a time.
        rule: ``sum`` takes the log-likelihood of a word, ``mean`` that of its average token.
        what: for the progress, such as ``development clips``.
    """
    totals, lengths = [], []
    with Progress(len(clips), what) as progress:
        for rows in torch.arange(len(clips)).split(batch_size):
            total, length = llm.scores(clips, rows.tolist())
            totals.append(total)
            lengths.append(length)
            progress.add(len(rows))
    total, length = torch.cat(totals), torch.cat(lengths)
    losses = -(total / length).gather(1, clips.labels[:, None])[:, 0]
    values = total if rule == "sum" else total / length
    shares = values.softmax(dim=1)
    predicted = [EMOTIONS[i] for i in values.argmax(dim=1).tolist()]
    frame = clips.frame.drop("file", "transcript", "listed", strict=False).with_columns(
        pl.Series("predicted", predicted, pl.String),
        *(pl.Series(name, shares[:, i].numpy()) for i, name in enumerate(EMOTIONS)),
        pl.Series("loss", losses.numpy()),
    )
    sums, counts = clips.sums(range(len(clips)), losses.double())
    means = sums / counts.clamp_min(1)
    assert means.shape == (len(clips.languages), len(GENDERS))  # noqa: S101
    return Pass(losses, frame, language_gaps(means, counts))


def generated(llm: Scorer, clips: Clips, batch_size: int, scored: Pass) -> Pass:
    """The same with predictions read from free answers; null where no label word is in one."""
    words: list[str | None] = []
    for rows in torch.arange(len(clips)).split(batch_size):
        texts = llm.generate(clips, rows.tolist())
        for row, text in zip(rows.tolist(), texts, strict=True):
            words.append(parse(text, llm.prompts.words[clips.frame["language"][row]]))
    frame = scored.predictions.with_columns(pl.Series("predicted", words, pl.String))
    return Pass(scored.losses, frame, scored.gaps)


def parse(text: str, words: Sequence[str]) -> str | None:
    """The emotion whose label word comes first in an answer, in any case; None without one."""
    places = [text.casefold().find(word.casefold()) for word in words]
    there = [
        (place, emotion) for place, emotion in zip(places, EMOTIONS, strict=True) if place >= 0
    ]
    return min(there)[1] if there else None
