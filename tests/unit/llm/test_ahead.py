"""Inputs that are prepared in advance are those that are prepared on demand."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from fairser.core.errors import InputError
from fairser.llm.adapters import LoraOptions, add_adapters, trainable
from fairser.llm.ahead import Ahead, Inputs
from fairser.llm.clips import Clips
from fairser.llm.loading import load_model
from fairser.llm.model import SpeechLLM
from fairser.llm.prompts import Prompts
from fairser.llm.training import Plan, Trainer, TrainingOptions
from fairser.methods import loss_gap
from fairser.training.checkpoints import Checkpoint
from unit.llm.builders import some_clips
from unit.llm.test_model import WORDS

PROMPTS = Prompts({"eng": "{labels}?", "jpn": "{labels}?"}, WORDS)


class Recorder:
    """Prepares the numbers of rows, and says in which thread and in which order."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.threads: set[int] = set()

    def __call__(self, _clips: Clips, rows: Sequence[int]) -> Inputs:
        self.calls.append(list(rows))
        self.threads.add(threading.get_ident())
        if 99 in rows:
            raise InputError("row 99 has no audio")
        return {"rows": torch.tensor(list(rows)), "threads": torch.tensor(torch.get_num_threads())}


def taken(ahead: Ahead, clips: Clips, rows: list[int]) -> list[int]:
    return ahead.take(clips, rows)["rows"].tolist()


def test_each_part_is_prepared_once_in_order_by_one_other_thread() -> None:
    record, clips = Recorder(), some_clips("train")
    ahead, parts = Ahead(record), [[0, 1], [2], [3, 4], [5]]
    ahead.expect(clips, iter(parts))
    assert [taken(ahead, clips, part) for part in parts] == parts
    assert record.calls == parts
    assert record.threads.isdisjoint({threading.get_ident()}) and len(record.threads) == 1
    assert int(ahead.take(clips, [0])["threads"]) == torch.get_num_threads()


def test_what_was_not_expected_is_prepared_all_the_same() -> None:
    record, clips, others = Recorder(), some_clips("train"), some_clips("development")
    ahead = Ahead(record)
    assert taken(ahead, clips, [7]) == [7]
    ahead.expect(clips, [[0], [1], [2], [3]])
    assert taken(ahead, clips, [1]) == [1]  # one was left out
    assert taken(ahead, others, [2]) == [2]  # the same rows of other clips
    ahead.expect(others, [[4], [5]])
    assert [taken(ahead, others, [row]) for row in (4, 5)] == [[4], [5]]
    assert len(record.threads) == 1


def test_without_a_thread_everything_is_prepared_on_demand() -> None:
    record, clips = Recorder(), some_clips("train")
    ahead = Ahead(record, threaded=False)
    ahead.expect(clips, [[0], [1]])
    assert record.calls == []
    assert taken(ahead, clips, [0]) == [0]
    assert record.threads == {threading.get_ident()}


def test_faults_are_raised_where_the_part_is_taken() -> None:
    clips = some_clips("train")
    ahead = Ahead(Recorder())
    ahead.expect(clips, [[0], [99]])
    assert taken(ahead, clips, [0]) == [0]
    with pytest.raises(InputError, match="row 99"):
        ahead.take(clips, [99])


def test_a_training_comes_to_the_same(folder: Any, processor: Any, clips: Clips) -> None:
    """To the bit, with parts of strata and dropout."""
    found = []
    for threaded in (False, True):
        model = load_model(folder, "float32", device="cpu")
        add_adapters(model, LoraOptions(rank=4), 0, checkpointing=False)
        llm = SpeechLLM(model, processor, PROMPTS, ["eng", "jpn"])
        assert llm.ahead.pool is None  # on the CPU
        llm.ahead = Ahead(llm.prepare, threaded)
        options = TrainingOptions(rounds=2, batch_size=5, micro_batch=2, learning_rate=0.01)
        gap = loss_gap.Options.of(p=2, weighting="fixed", lambda_0=1.0)
        trainer = Trainer(llm, clips, clips, Plan(options, gap, 0, "here"))
        trainer.fit(Checkpoint())
        found.append((trainer.frame(), {n: p.detach() for n, p in trainable(model).items()}))
    (plain, before), (ahead, after) = found
    assert plain.equals(ahead)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
