"""The training of a stand-in model: lambda, the round that is kept, resuming."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from polars.testing import assert_frame_equal

from fairser.core.errors import InputError
from fairser.llm.clips import Clips
from fairser.llm.gaps import Step
from fairser.llm.objective import Objective
from fairser.llm.training import ERM, Plan, Trainer, TrainingOptions
from fairser.methods import loss_gap
from fairser.training.checkpoints import Checkpoint
from unit.llm.builders import ROWS, LookupLLM, clip_frame, some_clips

GAP = loss_gap.Options.of(p=2, lambda_0=1.5, eta=2.0, epsilon=0.1, memory_size=5)
BATCH, MEMORY = (replace(GAP, estimator=name) for name in ("batch", "memory"))


def trainer(gap: loss_gap.Options = GAP, dropout: float = 0.1, **options: object) -> Trainer:
    found = some_clips("train")
    llm = LookupLLM(len(found))
    llm.model.dropout.p = dropout
    settings = {"rounds": 4, "batch_size": 9, "micro_batch": 3, "learning_rate": 0.05}
    chosen = TrainingOptions(**{**settings, "checkpoint_steps": 1, **options})
    return Trainer(llm, found, some_clips("development"), Plan(chosen, gap, 0, "here"))


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
    fixed = trainer(loss_gap.Options.of(weighting="fixed", lambda_0=1.5))
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
    assert subject.develop().measures()["w_f1"] == pytest.approx(frame["w_f1"][best])


class InterruptionError(Exception):
    """Ends a training from outside."""


@pytest.mark.parametrize("gap", [ERM, GAP, BATCH, MEMORY])
@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_a_resumed_training_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gap: loss_gap.Options, steps: int
) -> None:
    """Interrupted in the first round, at its end and in the second; dropout included."""
    undisturbed = trainer(gap)
    undisturbed.fit(Checkpoint())
    path, calls = tmp_path / "checkpoint.pt", []
    gradient = Objective.gradient

    def broken(self: Objective, rows: list[int], weight: float) -> Step:
        calls.append(0)
        if len(calls) > steps:
            raise InterruptionError
        return gradient(self, rows, weight)

    with monkeypatch.context() as patched:
        patched.setattr(Objective, "gradient", broken)
        with pytest.raises(InterruptionError):
            trainer(gap).fit(Checkpoint(path, "same"))
    resumed = trainer(gap)
    resumed.fit(Checkpoint(path, "same"))
    assert_frame_equal(resumed.frame(), undisturbed.frame(), check_exact=True)
    assert resumed.done == undisturbed.done
    for name, value in undisturbed.copy().items():
        assert torch.equal(resumed.copy()[name], value)
    state = undisturbed.gaps.estimator.state_dict()
    for name, value in resumed.gaps.estimator.state_dict().items():
        assert torch.equal(state[name], value)


@pytest.mark.parametrize("estimator", ["batch", "moving_average", "memory"])
def test_without_a_weight_it_is_erm(estimator: str) -> None:
    none = replace(GAP, weighting="fixed", lambda_0=0.0, estimator=estimator)
    erm, same = trainer(ERM), trainer(none)
    for one in (erm, same):
        one.fit(Checkpoint())
    for name, value in erm.copy().items():
        assert torch.equal(same.copy()[name], value)
    gaps = ["train_gap", "train_gap_chance"]
    assert_frame_equal(erm.frame().drop(gaps), same.frame().drop(gaps), check_exact=True)


def test_a_loss_that_is_not_finite() -> None:
    subject = trainer()
    subject.load({name: value * torch.nan for name, value in subject.copy().items()})
    with pytest.raises(InputError, match=r"not finite in round 1.*here.*llm\.train\.learning_rate"):
        subject.fit(Checkpoint())


def test_a_language_without_clips_is_refused() -> None:
    with pytest.raises(InputError, match=r"llm\.grid\.languages.*jpn.*train"):
        Clips(clip_frame(ROWS), ["eng", "jpn"], "train", ".", 1.0)
