"""A pass over clips without gradients: losses, predictions and gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import torch

from fairser.core.jobs import Progress
from fairser.llm.clips import Clips
from fairser.llm.gaps import split_gaps
from fairser.llm.measures import ALL, evaluate
from fairser.methods.loss_gap import largest


@dataclass(frozen=True)
class Pass:
    """Results of a pass over a split."""

    losses: torch.Tensor  # mean negative log-likelihood of each clip's answer [N]
    predictions: pl.DataFrame  # clips with ``predicted``, probabilities of the classes, ``loss``
    gaps: torch.Tensor  # Delta_l of each language [L], NaN without both genders
    chance: float  # expectation of Delta_max without any gap (:mod:`fairser.llm.gaps`)

    @property
    def loss(self) -> float:
        return float(self.losses.mean())

    @property
    def gap(self) -> float:
        """Delta_max, NaN where no language has a gap."""
        return float(largest(self.gaps))

    def measures(self) -> dict[str, Any]:
        """Those of :func:`fairser.llm.measures.evaluate` over all clips."""
        return evaluate(self.predictions, [])[ALL]


def score(llm: Any, clips: Clips, batch_size: int, rule: str, what: str) -> Pass:
    """Score every label word for every clip with a SpeechLLM; the best one is the prediction.

    The rule ``sum`` takes the log-likelihood of a word, ``mean`` that of its average token;
    ``what`` names the clips in the progress.
    """
    parts = []
    batches = [rows.tolist() for rows in torch.arange(len(clips)).split(batch_size)]
    llm.expect(clips, batches)
    with Progress(len(clips), what) as progress:
        for rows in batches:
            parts.append(llm.scores(clips, rows))
            progress.add(len(rows))
    total, length = (torch.cat(found) for found in zip(*parts, strict=True))
    means = total / length
    losses = -means.gather(1, clips.labels[:, None])[:, 0]
    values = total if rule == "sum" else means
    shares = values.softmax(dim=1)
    names = clips.classes
    predicted = [names[i] for i in values.argmax(dim=1).tolist()]
    frame = clips.frame.drop("file", "transcript", "listed", strict=False).with_columns(
        pl.Series("predicted", predicted, pl.Enum(names)),
        *(pl.Series(name, shares[:, i].numpy()) for i, name in enumerate(names)),
        pl.Series("loss", losses.numpy()),
    )
    return Pass(losses, frame, *split_gaps(clips, losses))


def generated(llm: Any, clips: Clips, batch_size: int, scored: Pass) -> Pass:
    """The same with predictions read from free answers; null where an answer has no label word."""
    words: list[str | None] = []
    for rows in torch.arange(len(clips)).split(batch_size):
        texts = llm.generate(clips, rows.tolist())
        for row, text in zip(rows.tolist(), texts, strict=True):
            words.append(parse(text, llm.prompts.words[clips.frame["language"][row]]))
    predicted = pl.Series("predicted", words, pl.Enum(clips.classes))
    return replace(scored, predictions=scored.predictions.with_columns(predicted))


def parse(text: str, words: Mapping[str, str]) -> str | None:
    """The emotion whose label word comes first in an answer, in any case; None without one."""
    places = {name: text.casefold().find(word.casefold()) for name, word in words.items()}
    found = {name: place for name, place in places.items() if place >= 0}
    return min(found, key=found.__getitem__) if found else None
