"""Estimators of the loss gap against the true gap of a linear model on made-up features.

    python tests/bench/gap_estimators.py [--clips 1000] [--rounds 4] [--seeds 3]

Seven emotions, three languages, two genders, so many train clips of each language and gender. In
the case *women*, the features of German women carry half of the others' signal, and one of their
own that is noise in the others; in the case *none*, all are alike. The model is trained by the
study's own trainer in batches of 24, four clips of each language and gender. Its true gap is that
of 4,000 other clips of each, taken every tenth step of the last round.

A row has means over the seeds. *Gap* is the true one, *bias* and *spread* are mean and standard
deviation of the estimate minus it, *chance* is the estimate's expectation without any gap, *final*
is the true gap of the last model, *W-F1* that of the last model minus ERM's in percentage points,
with its standard error over the seeds. Lambda is adaptive with the default settings, or fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import polars as pl
import torch
from shared.measuring import Parser, Row, Table
from torch import nn

from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import EMOTIONS
from fairser.llm.clips import Clips
from fairser.llm.scoring import Pass, score
from fairser.llm.training import ERM, Plan, Trainer, TrainingOptions
from fairser.methods.loss_gap import Options
from fairser.training.checkpoints import Checkpoint

LANGUAGES = ("eng", "deu", "jpn")
FAINT = ("deu", "female")
SHARED, OWN = 12, 12  # features that carry the emotion in all strata, and in one alone
SIGNAL = 0.6
BATCH = 24
EVERY = 10  # steps between two looks at the true gap
TRUTH, DEVELOPMENT = 4_000, 200  # clips of each language and gender
ESTIMATORS: dict[str, dict[str, Any]] = {
    "batch": {"estimator": "batch"},
    "moving average, 0.9": {"estimator": "moving_average", "momentum": 0.9},
    "moving average, 0.98": {"estimator": "moving_average", "momentum": 0.98},
    "memory, 128": {"estimator": "memory", "memory_size": 128},
}
# p and lambda, by what the table calls the latter.
WEIGHTS = [(p, "adaptive", {}) for p in (1, 2)]
WEIGHTS += [(2, f"{w}", {"weighting": "fixed", "lambda_0": w}) for w in (1.0, 3.0)]
SMALLEST = {"clips": 8, "rounds": 1, "seeds": 2}


def parser() -> Parser:
    return Parser(__file__, __doc__, SMALLEST, clips=1000, rounds=4, seeds=3)


@dataclass(frozen=True)
class Corpus:
    """Clips of each split, and their features [N, D] in the same order."""

    clips: dict[str, Clips]
    features: dict[str, torch.Tensor]


def make_corpus(size: int, seed: int, faint: bool) -> Corpus:
    generator = torch.Generator().manual_seed(seed)
    centres = SIGNAL * torch.randn(2, len(EMOTIONS), SHARED, generator=generator)
    clips, features = {}, {}
    sizes = {"train": size, "development": min(size, DEVELOPMENT), "test": min(40 * size, TRUTH)}
    for split, count in sizes.items():
        rows, parts = [], []
        for language in LANGUAGES:
            for gender in GENDERS:
                labels = torch.randint(len(EMOTIONS), (count,), generator=generator)
                own = faint and (language, gender) == FAINT
                signal = torch.zeros(count, SHARED + OWN)
                signal[:, :SHARED] = centres[0, labels] * (0.5 if own else 1.0)
                if own:
                    signal[:, SHARED:] = centres[1, labels] * 0.5
                parts.append(signal + torch.randn(signal.shape, generator=generator))
                rows += [(language, gender, EMOTIONS[i]) for i in labels.tolist()]
        frame = pl.DataFrame(rows, ["language", "gender", "emotion"], orient="row").with_columns(
            pl.int_range(pl.len()).cast(pl.String).str.zfill(6).alias("clip"),
            file=pl.lit(""),
            split=pl.lit(split),
            speaker=pl.col("gender"),
            emotion=pl.col("emotion").cast(pl.Enum(EMOTIONS)),
        )
        clips[split] = Clips(frame, LANGUAGES, split, ".", 1.0)
        features[split] = torch.cat(parts)
    return Corpus(clips, features)


class Linear:
    """Stands in for a speech LLM: the logits of a clip are linear in its features."""

    def __init__(self, corpus: Corpus) -> None:
        self.features = {id(c): corpus.features[split] for split, c in corpus.clips.items()}
        self.model = nn.Linear(SHARED + OWN, len(EMOTIONS))
        for parameter in self.model.parameters():
            nn.init.zeros_(parameter)

    def expect(self, clips: Clips, parts: object) -> None:
        """Nothing is prepared."""

    def losses(self, clips: Clips, rows: Sequence[int]) -> torch.Tensor:
        rows = list(rows)
        logits = self.model(self.features[id(clips)][rows])
        return nn.functional.cross_entropy(logits, clips.labels[rows], reduction="none")

    @torch.no_grad()
    def scores(self, clips: Clips, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.model(self.features[id(clips)][list(rows)]).log_softmax(dim=1)
        return found, torch.ones_like(found, dtype=torch.long)


class Watched(Trainer):
    """Notes the estimated and the true gap every few steps of the last round [N, 2]."""

    def __init__(self, corpus: Corpus, plan: Plan) -> None:
        train, development = (corpus.clips[name] for name in ("train", "development"))
        super().__init__(Linear(corpus), train, development, plan)
        self.test, self.pairs = corpus.clips["test"], list[tuple[float, float]]()

    def _step(self, rows: Sequence[int]) -> None:
        before = self.done.gap
        watched = self.done.round == self.options.rounds - 1 and self.done.step % EVERY == 0
        truth = self.true_gap() if watched else 0.0
        super()._step(rows)
        if watched:
            self.pairs.append((self.done.gap - before, truth))

    def _close(self, found: Pass) -> None:
        super()._close(found)
        self.last = self.copy()

    @torch.no_grad()
    def true_gap(self) -> float:
        losses = self.llm.losses(self.test, range(len(self.test)))
        by_stratum = losses.reshape(len(LANGUAGES), len(GENDERS), -1)  # the order of the clips
        means = by_stratum.mean(dim=2)
        return float((means[:, 0] - means[:, 1]).abs().max())


def trained(corpus: Corpus, gap: Options, rounds: int, seed: int) -> Row:
    """What the table shows of a run, with the W-F1 itself."""
    sizes = {"rounds": rounds, "batch_size": BATCH, "micro_batch": BATCH, "learning_rate": 0.01}
    plan = Plan(TrainingOptions(**sizes, select="w_f1", checkpoint_steps=10**9), gap, seed, "here")
    trainer = Watched(corpus, plan)
    trainer.fit(Checkpoint())
    trainer.load(trainer.last)
    estimate, truth = torch.tensor(trainer.pairs).T
    found = score(trainer.llm, trainer.test, len(trainer.test), "sum", "test clips").measures()
    return {
        "gap": float(truth.mean()),
        "bias": float((estimate - truth).mean()),
        "spread": float((estimate - truth).std(correction=0)),
        "chance": trainer.frame()["train_gap_chance"][-1],
        "final": trainer.true_gap(),
        "W-F1": found["w_f1"],
    }


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    torch.set_num_threads(1)
    numbers = dict.fromkeys(("gap", "bias", "spread", "chance", "final"), ".2f")
    heads = dict.fromkeys(("case", "p", "lambda", "estimator"), "")
    table = Table(heads | numbers | {"W-F1": "+.1f", "error": ".1f"})
    for case, faint in (("women", True), ("none", False)):
        corpora = [make_corpus(options.clips, seed, faint) for seed in range(options.seeds)]
        variants = [("", "", "ERM", ERM)]
        for p, weight, fixed in WEIGHTS if faint else WEIGHTS[:2]:
            for name, estimator in ESTIMATORS.items():
                variants.append((f"{p}", weight, name, Options.of(p=p, **fixed, **estimator)))
        base: list[float] = []
        for *head, gap in variants:
            found = [trained(one, gap, options.rounds, seed) for seed, one in enumerate(corpora)]
            scores = [one["W-F1"] for one in found]
            base = base or scores  # those of ERM
            lost = [ours - erms for ours, erms in zip(scores, base, strict=True)]
            means = [fmean(one[name] for one in found) for name in numbers]
            table.add(case, *head, *means, fmean(lost), stdev(lost) / len(lost) ** 0.5)
    return table.rows


if __name__ == "__main__":
    main()
