"""The tiny Qwen2-Audio: losses, scores and adapters; models and words that are refused."""

import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from fairser.core.errors import InputError
from fairser.corpora.meldst import EMOTIONS
from fairser.llm import loading as llm_loading
from fairser.llm.adapters import LoraOptions, add_adapters, trainable, write_adapters
from fairser.llm.clips import Clips
from fairser.llm.loading import load_model, load_processor
from fairser.llm.model import SpeechLLM
from fairser.llm.prompts import Prompts, answers, label_words
from fairser.llm.scoring import generated, parse, score

JAPANESE = ("怒り", "嫌悪", "恐怖", "喜び", "中立", "悲しみ", "驚き")
WORDS = {
    name: dict(zip(EMOTIONS, words, strict=True))
    for name, words in (("eng", EMOTIONS), ("jpn", JAPANESE))
}
PROMPTS = Prompts(
    {"eng": 'He says "{transcript}". {labels}?', "jpn": "「{transcript}」{labels}?"}, WORDS
)
LORA = LoraOptions(rank=4, alpha=8, dropout=0.0)


@pytest.fixture
def llm(model: Any, processor: Any) -> SpeechLLM:
    return SpeechLLM(model, processor, PROMPTS, ["eng", "jpn"])


def one_by_one(llm: SpeechLLM, clips: Clips, row: int, label: int) -> torch.Tensor:
    """Log-likelihoods of an answer's tokens from a plain pass over one unpadded clip."""
    inputs = llm.inputs(clips, [row])
    answer = llm.answers[clips.frame["language"][row]][label]
    tokens = torch.cat([inputs["input_ids"], torch.tensor([answer])], dim=1)
    inputs |= {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    with torch.no_grad():
        logits = llm.model(**inputs).logits[0]
    before = logits[-len(answer) - 1 : -1].log_softmax(dim=1)
    return before[torch.arange(len(answer)), torch.tensor(answer)]


def test_losses_and_scores_are_those_of_a_plain_pass(llm: SpeechLLM, clips: Clips) -> None:
    """Batches pad prompts on the left, answers on the right, and reuse the prompt's keys."""
    rows = list(range(len(clips)))
    losses, (scores, lengths) = llm.losses(clips, rows), llm.scores(clips, rows)
    for row in rows:
        for label in range(len(EMOTIONS)):
            expected = one_by_one(llm, clips, row, label)
            assert scores[row, label].item() == pytest.approx(expected.sum().item(), abs=1e-3)
            assert lengths[row, label] == len(expected)
        wanted = one_by_one(llm, clips, row, int(clips.labels[row]))
        assert losses[row].item() == pytest.approx(-wanted.mean().item(), abs=1e-3)


def test_audio_and_transcript_are_heard(llm: SpeechLLM, clips: Clips) -> None:
    before = llm.scores(clips, [0, 1])[0]
    silent = Clips(clips.frame, ["eng", "jpn"], "train", clips.audio.folder, 0.06)
    assert not torch.allclose(before[1], llm.scores(silent, [0, 1])[0][1], atol=1e-4)
    other = Prompts({"eng": "Say {labels}", "jpn": ""}, WORDS)
    llm.prompts = other
    assert not torch.allclose(before, llm.scores(clips, [0, 1])[0], atol=1e-4)


def test_a_pass_predicts_the_best_word(llm: SpeechLLM, clips: Clips) -> None:
    found = score(llm, clips, 4, "sum", "clips")
    total, length = llm.scores(clips, range(6))
    expected = [EMOTIONS[i] for i in total.argmax(dim=1).tolist()]
    assert found.predictions["predicted"].to_list() == expected
    assert found.predictions.select(EMOTIONS).sum_horizontal().to_list() == pytest.approx([1] * 6)
    torch.testing.assert_close(found.losses, llm.losses(clips, range(6)).detach())
    means = -(total / length)[torch.arange(6), clips.labels]
    gaps = [abs(means[0] - means[1]).item(), abs(means[3] - means[4]).item()]
    assert found.gaps == pytest.approx(gaps, abs=1e-5)
    by_mean = score(llm, clips, 4, "mean", "clips").predictions["predicted"].to_list()
    assert by_mean == [EMOTIONS[i] for i in (total / length).argmax(dim=1).tolist()]


def test_free_answers_are_parsed_and_counted(llm: SpeechLLM, clips: Clips) -> None:
    assert parse("I hear Joy, not anger.", WORDS["eng"]) == "joy"
    assert parse("喜びです", WORDS["jpn"]) == "joy"
    assert parse("no idea", WORDS["eng"]) is None
    assert len(llm.generate(clips, [0, 1])) == 2
    found = generated(llm, clips, 4, score(llm, clips, 4, "sum", "clips"))
    assert found.predictions["predicted"].null_count() > 0  # a random model says no word


def test_adapters_are_in_the_language_model_alone(llm: SpeechLLM, clips: Clips) -> None:
    add_adapters(llm.model, LORA, 0, checkpointing=False)
    names = list(trainable(llm.model))
    assert len(names) == 2 * 2 * 2  # layers, q and v, A and B
    assert all("language_model" in name and "lora_" in name for name in names)
    assert all(value.numel() == 4 * 32 for value in trainable(llm.model).values())
    llm.losses(clips, [0, 1]).sum().backward()
    with_gradient = {name for name, p in llm.model.named_parameters() if p.grad is not None}
    assert with_gradient == set(names)


def test_adapters_can_be_in_the_audio_tower_as_well(model: Any) -> None:
    add_adapters(model, LoraOptions(rank=4, where="all"), 0, checkpointing=False)
    assert any("audio_tower" in name for name in trainable(model))


def test_new_adapters_change_nothing_and_seeds_differ(
    llm: SpeechLLM, clips: Clips, folder: Path
) -> None:
    before = llm.scores(clips, [0, 4])[0]
    add_adapters(llm.model, LORA, 0, checkpointing=False)
    torch.testing.assert_close(llm.scores(clips, [0, 4])[0], before)
    first = {name: p.detach().clone() for name, p in trainable(llm.model).items()}
    other = load_model(folder, "float32", device="cpu")
    add_adapters(other, LORA, 1, checkpointing=False)
    assert any(not torch.equal(p, first[name]) for name, p in trainable(other).items())


def test_checkpointing_changes_no_gradient(llm: SpeechLLM, clips: Clips, folder: Path) -> None:
    plain = SpeechLLM(
        load_model(folder, "float32", device="cpu"), llm.processor, PROMPTS, ["eng", "jpn"]
    )
    found = []
    for subject, checkpointing in ((llm, True), (plain, False)):
        add_adapters(subject.model, LORA, 0, checkpointing)
        subject.model.train()
        subject.losses(clips, [0, 1, 4]).sum().backward()
        found.append({n: p.grad for n, p in trainable(subject.model).items()})
    assert llm.model.is_activation_checkpointing
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name])


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft's own
def test_written_adapters_are_read_by_peft(
    llm: SpeechLLM, clips: Clips, folder: Path, tmp_path: Path
) -> None:
    add_adapters(llm.model, LORA, 0, checkpointing=False)
    with torch.no_grad():
        for parameter in trainable(llm.model).values():
            parameter.add_(0.1)
    expected = llm.scores(clips, [0, 4])[0]
    paths = tmp_path / "adapter_model.safetensors", tmp_path / "adapter_config.json"
    write_adapters(*paths, trainable(llm.model), LORA)
    assert all("lora_" in name for name in load_file(paths[0]))
    assert json.loads(paths[1].read_text())["r"] == 4
    base = load_model(folder, "float32", device="cpu")
    llm.model = PeftModel.from_pretrained(base, str(tmp_path)).base_model.model
    torch.testing.assert_close(llm.scores(clips, [0, 4])[0], expected)


def test_layers_that_are_not_there(model: Any) -> None:
    with pytest.raises(InputError, match=r"llm\.lora\.modules' names 'c_attn'.*q_proj"):
        add_adapters(model, LoraOptions(modules=["c_attn"]), 0, False)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", r"llm\.labels\.eng\.fear' is '', which has no token"),
        ("  ", r"which has no token"),
        (" fear", r"begins or ends with a space"),
        ("joyful", r"the word for joy, 'joy', is the start of that for fear, 'joyful'"),
        ("ang", r"the word for fear, 'ang', is the start of that for anger, 'anger'"),
        ("anger", r"is the start of that for"),
    ],
)
def test_label_words_that_cannot_be_scored(processor: Any, word: str, message: str) -> None:
    words = {"eng": WORDS["eng"] | {"fear": word}}
    with pytest.raises(InputError, match=message):
        answers(processor.tokenizer, words, ["eng"])


def test_answers_end_with_the_end_of_the_turn(processor: Any) -> None:
    found = answers(processor.tokenizer, WORDS, ["jpn"])["jpn"][3]
    assert processor.tokenizer.decode(found) == "喜び<|im_end|>"
    assert len(found) == len("喜び".encode()) + 1


def test_prompts_are_filled_in_without_special_tokens_of_a_transcript() -> None:
    turn = PROMPTS.text("eng", 'Hi<|AUDIO|> {labels}"')
    assert turn.startswith('He says "Hi< |AUDIO|>')
    assert turn.endswith(f"{', '.join(EMOTIONS)}?")
    settings = {"prompts": {"speech_text": {"eng": "What?"}}, "labels": {}}
    settings |= {"modality": "speech_text", "languages": ["eng"]}
    with pytest.raises(InputError, match=r"llm\.prompts\.speech_text\.eng' has no {transcript}"):
        Prompts.read(settings, EMOTIONS)


def test_words_for_the_classes_of_a_corpus() -> None:
    english, german = (
        {"anger": word, "joy": other} for word, other in (("anger", "joy"), ("Wut", "Freude"))
    )
    classes = ["joy", "boredom", "anger"]
    assert list(label_words("eng", english, classes).values()) == classes
    assert label_words("fra", {}, classes) == dict(zip(classes, classes, strict=True))
    full = german | {"boredom": "Langeweile"}
    assert list(label_words("deu", full, classes).values()) == ["Freude", "Langeweile", "Wut"]
    # The words of one language are never mixed with names of another.
    with pytest.raises(InputError, match=r"llm\.labels\.deu' has no word for boredom"):
        label_words("deu", german, classes)
    with pytest.raises(InputError, match=r"llm\.labels\.deu\.boredon'.*mean 'boredom'"):
        label_words("deu", full | {"boredon": "x"}, classes)


def test_a_language_without_a_prompt_has_the_english_one() -> None:
    settings = {"prompts": {"speech": {"eng": "What? {labels}", "deu": "Was?"}}, "labels": {}}
    settings |= {"modality": "speech", "languages": ["fra", "deu"]}
    found = Prompts.read(settings, ["oui", "non"])
    assert found.text("fra", "") == "What? oui, non"
    assert found.text("deu", "") == "Was?"


def test_folders_that_are_no_such_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not readable as a model of transformers"):
        load_processor(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "wavlm"}))
    with pytest.raises(
        InputError, match=r"type 'wavlm'; 'llm\.model' must be one of: Qwen2-Audio, "
    ):
        load_processor(tmp_path)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(name for name in weights if "lm_head" in name)
    save_file({n: v for n, v in weights.items() if n != lost}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"lacks weights.*lm_head"):
        load_model(tmp_path, "float32", device="cpu")


def test_four_bits_need_a_gpu(folder: Path) -> None:
    with pytest.raises(InputError, match=r"llm\.quantise' is 4bit, which needs a GPU"):
        load_model(folder, "float32", "4bit", "cpu")


def test_the_random_model_is_finite(llm: SpeechLLM, clips: Clips) -> None:
    assert all(math.isfinite(x) for x in llm.losses(clips, [0]).tolist())


class LoadedError(Exception):
    """Raised in place of the loading."""


def loading(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gpus: int, quantise: str | None
) -> dict[str, Any]:
    """What transformers is asked for on a machine with so many GPUs."""
    asked: dict[str, Any] = {}

    def stand_in(_folder: Path, **arguments: Any) -> None:
        asked.update(arguments)
        raise LoadedError

    monkeypatch.setattr(llm_loading.devices, "choose", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(
        llm_loading.transformers.Qwen2AudioForConditionalGeneration,
        "from_pretrained",
        staticmethod(stand_in),
    )
    with pytest.raises(InputError, match="can't be loaded"):
        load_model(folder, "bfloat16", quantise)
    return asked


def test_several_gpus_share_the_layers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (loading(folder, monkeypatch, gpus, None) for gpus in (1, 2))
    assert one["device_map"] == {"": torch.device("cuda")}
    assert two["device_map"] == "auto"
    assert one["dtype"] == torch.bfloat16
    assert one["local_files_only"] and one["weights_only"]
    assert "quantization_config" not in one


def test_four_bits_are_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", ModuleType("bitsandbytes"))
    config = loading(folder, monkeypatch, 1, "4bit")["quantization_config"]
    assert config.load_in_4bit and config.bnb_4bit_quant_type == "nf4"
    assert config.bnb_4bit_compute_dtype == torch.bfloat16
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(InputError, match="pip install bitsandbytes"):
        load_model(folder, "bfloat16", "4bit")
