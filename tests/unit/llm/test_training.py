"""The loop on a model known by heart: gradients, lambda's course, choice of round, resuming."""

from pathlib import Path

import pytest
import torch
from polars.testing import assert_frame_equal

from fairser import minmaxgap
from fairser.checkpoints import Checkpoint
from fairser.corpora.meldst import EMOTIONS
from fairser.errors import InputError
from fairser.llm import training
from fairser.llm.clips import Clips
from fairser.llm.training import ERM, Options, Trainer
from unit.llm.builders import LookupLLM, clip_frame

CELLS = [("eng", "female"), ("eng", "male"), ("deu", "female"), ("deu", "male"), ("eng", None)]
ROWS = [
    (language, split, EMOTIONS[(i + 3 * number) % 7], gender)
    for split in ("train", "development", "test")
    for number, (language, gender) in enumerate(CELLS)
    for i in range(6 - number // 2)
]
GAP = minmaxgap.Options(p=2, lambda_0=1.5, eta=2.0, epsilon=0.1)


def clips(split: str, rows: list = ROWS) -> Clips:
    return Clips(clip_frame(rows), ["eng", "deu"], split, ".", 1.0)


def trainer(gap: minmaxgap.Options = GAP, dropout: float = 0.1, **options: object) -> Trainer:
    found = clips("train")
    llm = LookupLLM(len(found))
    llm.model.dropout.p = dropout
    settings = {"rounds": 4, "batch_size": 9, "micro_batch": 3, "learning_rate": 0.05}
    chosen = Options(**{**settings, "checkpoint_steps": 1, **options})
    return Trainer(llm, found, clips("development"), chosen, gap, 0, "here")


def by_hand(subject: Trainer, rows: list[int]) -> torch.Tensor:
    """The objective as the paper writes it, on the whole batch, through autograd."""
    losses = subject.llm.losses(subject.train, rows)
    gaps = []
    for language in (0, 1):
        genders = [
            [i for i, row in enumerate(rows) if subject.train.strata[row] == (language, gender)]
            for gender in (0, 1)
        ]
        if all(genders):
            gaps.append((losses[genders[0]].mean() - losses[genders[1]].mean()).abs())
    regulariser = torch.stack(gaps).max() ** subject.gap.p if gaps else 0.0
    return losses.mean() + subject.done.weight * regulariser


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("micro", [1, 2, 50])
@pytest.mark.parametrize("rows", [list(range(25)), [0, 7, 13, 25], [3, 13, 25], [0, 13, 18]])
def test_the_gradient_is_that_of_the_whole_batch(rows: list[int], micro: int, p: int) -> None:
    """Batches of all strata, of some, with one gender of each language, and without a pair."""
    gap = minmaxgap.Options(p=p, lambda_0=1.5)
    subject = trainer(gap, dropout=0.0, micro_batch=micro, batch_size=50)
    by_hand(subject, rows).backward()
    expected = {name: value.grad.clone() for name, value in subject.adapters.items()}
    subject.optimizer.zero_grad()
    subject.gradient(rows)
    for name, value in subject.adapters.items():
        torch.testing.assert_close(value.grad, expected[name])


def test_parts_are_no_larger_than_allowed_and_erm_needs_no_strata() -> None:
    subject = trainer(ERM, dropout=0.0, micro_batch=4)
    subject.gradient(list(range(10)))
    assert subject.llm.calls == [4, 4, 2]
    subject = trainer(dropout=0.0, micro_batch=4)
    subject.gradient(list(range(10)))
    assert max(subject.llm.calls) <= 4


def test_only_adapters_are_trained() -> None:
    subject = trainer()
    before = subject.llm.model.scale.clone()
    subject.fit(Checkpoint())
    assert set(subject.copy()) == {"table", "shared"}
    assert torch.equal(subject.llm.model.scale, before)


def test_erm_lowers_the_loss_and_minmaxgap_the_gap() -> None:
    erm, fair = (trainer(gap, dropout=0.0, rounds=8, batch_size=26) for gap in (ERM, GAP))
    erm.fit(Checkpoint())
    fair.fit(Checkpoint())
    losses = erm.frame()["train_loss"].to_list()
    assert losses[-1] < losses[0]
    assert fair.frame()["train_gap"][-1] < erm.frame()["train_gap"][-1]


def test_lambda_follows_the_gap_on_development() -> None:
    subject = trainer()
    subject.fit(Checkpoint())
    frame = subject.frame()
    weight = GAP.lambda_0
    for row in frame.to_dicts():
        assert row["weight"] == pytest.approx(weight)
        assert row["development_gap"] == pytest.approx(max(row["gap_eng"], row["gap_deu"]))
        weight = min(max(weight + 2.0 * (row["development_gap"] - 0.1), 0.0), GAP.lambda_max)
    assert frame["weight"].n_unique() == 4
    fixed = trainer(minmaxgap.Options(weighting="fixed", lambda_0=1.5))
    fixed.fit(Checkpoint())
    assert fixed.frame()["weight"].to_list() == [1.5] * 4


@pytest.mark.parametrize("select", ["w_f1", "gap"])
def test_the_best_round_is_kept(select: str) -> None:
    subject = trainer(select=select)
    subject.fit(Checkpoint())
    frame = subject.frame()
    column = "w_f1" if select == "w_f1" else "development_gap"
    best = frame[column].arg_max() if select == "w_f1" else frame[column].arg_min()
    assert subject.done.best_round == best + 1
    assert subject.develop().measures(["eng", "deu"])["w_f1"] == pytest.approx(frame["w_f1"][best])


class InterruptionError(Exception):
    """What ends a training from outside."""


@pytest.mark.parametrize("gap", [ERM, GAP])
@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_a_resumed_training_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gap: minmaxgap.Options, steps: int
) -> None:
    """Interrupted in the first round, at its end and in the second; dropout included."""
    undisturbed = trainer(gap)
    undisturbed.fit(Checkpoint())
    path, calls = tmp_path / "checkpoint.pt", []
    step = Trainer._step

    def broken(self: Trainer, rows: list[int]) -> None:
        calls.append(0)
        if len(calls) > steps:
            raise InterruptionError
        step(self, rows)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_step", broken)
        with pytest.raises(InterruptionError):
            trainer(gap).fit(Checkpoint(path, "same"))
    resumed = trainer(gap)
    resumed.fit(Checkpoint(path, "same"))
    assert_frame_equal(resumed.frame(), undisturbed.frame(), check_exact=True)
    assert resumed.done == undisturbed.done
    for name, value in undisturbed.copy().items():
        assert torch.equal(resumed.copy()[name], value)


def test_a_loss_that_is_not_finite() -> None:
    subject = trainer()
    subject.load({name: value * torch.nan for name, value in subject.copy().items()})
    with pytest.raises(InputError, match=r"not finite in round 1.*here.*llm\.train\.learning_rate"):
        subject.fit(Checkpoint())


def test_a_language_without_clips_is_refused() -> None:
    with pytest.raises(InputError, match=r"no clip of jpn in train.*llm\.grid\.languages"):
        Clips(clip_frame(ROWS), ["eng", "jpn"], "train", ".", 1.0)


def test_seeds_of_steps_differ() -> None:
    found = {training._seed(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)}
    assert len(found) == 8
