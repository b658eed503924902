"""Every family of speech LLMs on a tiny random model: losses, scores, adapters, audio."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fairser.core.errors import InputError
from fairser.corpora.meldst import EMOTIONS
from fairser.llm.adapters import LoraOptions, add_adapters, trainable
from fairser.llm.ahead import Ahead
from fairser.llm.clips import Clips
from fairser.llm.families import FAMILIES
from fairser.llm.loading import load_model, load_processor, read_family
from fairser.llm.model import SpeechLLM
from fairser.llm.prompts import Prompts
from unit.llm.tiny_families import WRITERS

WORDS = dict(zip(EMOTIONS, EMOTIONS, strict=True))
PROMPTS = Prompts({"eng": 'He says "{transcript}". {labels}?', "jpn": "{labels}?"},
                  {"eng": WORDS, "jpn": WORDS})  # fmt: skip
ENDS = {"granite_speech": "<|end_of_text|>"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp(name) for name in FAMILIES}
    for name, folder in found.items():
        WRITERS[name](folder)
    return found


def made(folder: Path) -> SpeechLLM:
    model = load_model(folder, "float32", device="cpu")
    return SpeechLLM(model, load_processor(folder), PROMPTS, ["eng", "jpn"])


def plain(llm: SpeechLLM, clips: Clips, row: int, label: int) -> torch.Tensor:
    """Log-likelihoods of an answer's tokens from the model's own pass over one clip."""
    inputs = llm.inputs(clips, [row])
    answer = llm.answers[clips.frame["language"][row]][label]
    tokens = torch.cat([inputs["input_ids"], torch.tensor([answer])], dim=1)
    inputs |= {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    with torch.no_grad():
        logits = llm.model(**inputs).logits[0]
    # Granite's language model divides its logits by this, and the tiny one's is 2.
    logits /= 2.0 if llm.family.title == "Granite Speech" else 1.0
    before = logits[-len(answer) - 1 : -1].log_softmax(dim=1)
    return before[torch.arange(len(answer)), torch.tensor(answer)]


@pytest.mark.parametrize("name", FAMILIES)
def test_losses_and_scores_are_those_of_the_model(
    name: str, folders: dict[str, Path], clips: Clips
) -> None:
    """Padding, cached keys and the batch of clips change nothing."""
    llm, rows = made(folders[name]), [0, 4, 5]
    end = llm.processor.tokenizer.convert_tokens_to_ids(ENDS.get(name, "<|im_end|>"))
    assert llm.answers["eng"][0][-1] == end
    losses, (scores, lengths) = llm.losses(clips, rows), llm.scores(clips, rows)
    for place, row in enumerate(rows):
        for label in (0, 3):
            expected = plain(llm, clips, row, label)
            assert scores[place, label].item() == pytest.approx(expected.sum().item(), abs=1e-3)
            assert lengths[place, label] == len(expected)
        wanted = plain(llm, clips, row, int(clips.labels[row]))
        assert losses[place].item() == pytest.approx(-wanted.mean().item(), abs=1e-3)
    assert len(llm.generate(clips, rows[:2])) == 2


@pytest.mark.parametrize("name", FAMILIES)
def test_audio_and_question_are_in_the_prompt(
    name: str, folders: dict[str, Path], clips: Clips
) -> None:
    llm = made(folders[name])
    made_inputs = llm.prepare(clips, [5])
    tokens, tokenizer = made_inputs["input_ids"][0], llm.processor.tokenizer
    audio = tokens == tokenizer.convert_tokens_to_ids(llm.processor.audio_token)
    seconds = len(clips.waveform(5)) / 16_000
    rate = 10 if name == "granite_speech" else 25  # audio tokens of a second
    assert int(audio.sum()) == pytest.approx(rate * seconds, abs=3)
    text = tokenizer.decode(tokens[int(audio.nonzero()[-1]) + 1 :])
    assert PROMPTS.text("jpn", "words") in text
    assert text.rstrip().endswith(("assistant", "assistant<|end_of_role|>"))
    before = llm.scores(clips, [1])[0]
    short = Clips(clips.frame, ["eng", "jpn"], "train", clips.audio.folder, 0.1)
    assert not torch.allclose(before, llm.scores(short, [1])[0], atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_adapters_are_in_the_language_model_alone(
    name: str, folders: dict[str, Path], clips: Clips
) -> None:
    llm = made(folders[name])
    before = llm.scores(clips, [0])[0]
    add_adapters(llm.model, LoraOptions(rank=4, dropout=0.0), 0, checkpointing=True)
    torch.testing.assert_close(llm.scores(clips, [0])[0], before)
    names = list(trainable(llm.model))
    assert len(names) == 2 * 2 * 2  # layers, q and v, A and B
    assert all("language_model" in n and "lora_" in n for n in names)
    llm.model.train()
    llm.losses(clips, [0, 1]).sum().backward()
    assert {n for n, p in llm.model.named_parameters() if p.grad is not None} == set(names)


@pytest.mark.parametrize("name", ["qwen2_audio", "granite_speech"])
def test_parts_are_prepared_as_they_are_taken(
    name: str, folders: dict[str, Path], clips: Clips
) -> None:
    """One by one, where clips pass through the model alone; none is prepared in vain."""
    llm, calls = made(folders[name]), []
    llm.ahead = Ahead(lambda c, rows: calls.append(list(rows)) or llm.prepare(c, rows))
    llm.expect(clips, [[0, 1], [2]])
    found = torch.cat([llm.losses(clips, rows) for rows in ([0, 1], [2])])
    assert calls == ([[0], [1], [2]] if name == "granite_speech" else [[0, 1], [2]])
    llm.ahead = Ahead(llm.prepare, threaded=False)
    assert torch.equal(found[2], llm.losses(clips, [2])[0])


def test_an_adapter_of_the_published_model_becomes_part_of_it(
    folders: dict[str, Path], clips: Clips, tmp_path: Path
) -> None:
    """As Granite Speech has it; those of a training come on top of it."""
    folder = tmp_path / "with"
    shutil.copytree(folders["granite_speech"], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"has_lora_adapter": True}))
    with pytest.raises(InputError, match=r"adapter_model\.safetensors"):
        made(folder)
    base = load_file(folder / "model.safetensors")
    name = "language_model.model.layers.1.self_attn.q_proj"
    generator = torch.Generator().manual_seed(2)
    down, up = torch.randn(3, 32, generator=generator), torch.randn(32, 3, generator=generator)
    keys = [f"base_model.model.{name}.lora_{side}.weight" for side in "AB"]
    save_file(dict(zip(keys, (down, up), strict=True)), folder / "adapter_model.safetensors")
    lora = {"peft_type": "LORA", "r": 3, "lora_alpha": 6, "base_model_name_or_path": None}
    lora |= {"target_modules": ["layers.1.self_attn.q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(lora))
    llm = made(folder)
    assert not [n for n, _ in llm.model.named_modules() if "lora" in n]
    changed = base[f"{name}.weight"] + 6 / 3 * up @ down
    weights: dict[str, Any] = dict(llm.model.named_parameters())
    torch.testing.assert_close(weights[f"model.{name.replace('.model', '')}.weight"], changed)
    before = llm.scores(clips, [0])[0]
    assert not torch.allclose(before, made(folders["granite_speech"]).scores(clips, [0])[0])
    add_adapters(llm.model, LoraOptions(rank=4), 0, checkpointing=False)
    torch.testing.assert_close(llm.scores(clips, [0])[0], before)


def test_a_family_that_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(InputError, match=r"type 'whisper'.*Qwen2\.5-Omni.*Granite Speech"):
        read_family(tmp_path)
