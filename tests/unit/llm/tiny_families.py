"""Tiny random speech LLMs of each family, with the files that the published ones have."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from fairser.llm.tiny import AUDIO, byte_tokenizer, write_tiny_model

from transformers import AudioFlamingo3Config, AudioFlamingo3ForConditionalGeneration  # isort: skip
from transformers import AudioFlamingo3Processor, WhisperFeatureExtractor  # isort: skip
from transformers import GraniteSpeechConfig, GraniteSpeechFeatureExtractor  # isort: skip
from transformers import GraniteSpeechForConditionalGeneration, GraniteSpeechProcessor  # isort: skip
from transformers import Qwen2_5OmniConfig, Qwen2_5OmniThinkerForConditionalGeneration  # isort: skip

DIM, HEADS, MELS, SPREAD = 32, 4, 32, 0.08
AUDIO_TOWER = {
    "d_model": DIM,
    "encoder_layers": 2,
    "encoder_attention_heads": HEADS,
    "encoder_ffn_dim": 2 * DIM,
    "num_mel_bins": MELS,
    "max_source_positions": 50,
    "initializer_range": SPREAD,
}
# The chat templates have the form of the published ones.
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'audio' %}AUDIO{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT_CHAT = (
    "{% for message in messages %}"
    "{{ '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] }}"
    "<|end_of_text|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
)


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": DIM,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "intermediate_size": 2 * DIM,
        "vocab_size": len(tokenizer),
        "tie_word_embeddings": False,
        "initializer_range": SPREAD,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        **more,
    }


def _made(model: type, config: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return model(config)


def qwen2_audio(folder: Path) -> None:
    """As the demo has it."""
    write_tiny_model(folder, seconds=1, dim=DIM)


def qwen2_5_omni(folder: Path) -> None:
    """Weights and configuration of the thinker inside those of the whole model, as published."""
    tokenizer = byte_tokenizer()
    audio = AUDIO_TOWER | {"output_dim": DIM, "n_window": 25}
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6}
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2}
    vision |= {"out_hidden_size": DIM, "fullatt_block_indexes": [0]}
    thinker = {
        "audio_config": audio,
        "text_config": _text(tokenizer, rope_parameters=rope),
        "vision_config": vision,
        "audio_token_index": tokenizer.convert_tokens_to_ids(AUDIO[0]),
        "image_token_index": 7,
        "video_token_index": 8,
        "vision_start_token_id": 9,
    }
    whole = Qwen2_5OmniConfig(thinker_config=thinker)
    model = _made(Qwen2_5OmniThinkerForConditionalGeneration, whole.thinker_config)
    model.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    named = {f"thinker.{name}": value for name, value in weights.items()}
    named |= {"talker.codec_head.weight": torch.zeros(2, 2)}  # of parts that are not loaded
    save_file(named, folder / "model.safetensors", {"format": "pt"})
    whole.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(MELS, chunk_length=1, return_attention_mask=True)
    images = {"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136}
    described = extractor.to_dict() | images | {"processor_class": "Qwen2_5OmniProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(described))
    tokenizer.chat_template = CHAT.replace("AUDIO", "".join((AUDIO[1], AUDIO[0], AUDIO[2])))
    tokenizer.save_pretrained(folder)


def audioflamingo3(folder: Path) -> None:
    """Audio Flamingo 3, whose audio token is in its own tokenizer."""
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens(["<sound>"], special_tokens=True)
    token = tokenizer.convert_tokens_to_ids("<sound>")
    text = _text(tokenizer, model_type="qwen2")
    config = AudioFlamingo3Config(
        audio_config=AUDIO_TOWER | {"model_type": "audioflamingo3_encoder"},
        text_config=text,
        audio_token_id=token,
    )
    _made(AudioFlamingo3ForConditionalGeneration, config).save_pretrained(folder)
    extractor = WhisperFeatureExtractor(MELS, chunk_length=1, return_attention_mask=True)
    template = CHAT.replace("AUDIO", "<sound>")
    AudioFlamingo3Processor(extractor, tokenizer, chat_template=template).save_pretrained(folder)


def granite_speech(folder: Path) -> None:
    """Granite Speech without an adapter; answers end with the end of the text."""
    tokenizer = byte_tokenizer(
        "<|pad|>", "<|end_of_text|>", ("<|audio|>", "<|start_of_role|>", "<|end_of_role|>")
    )
    encoder = {"input_dim": 2 * 80, "num_layers": 2, "hidden_dim": DIM, "num_heads": HEADS}
    encoder |= {"context_size": 20, "max_pos_emb": 32, "output_dim": 10, "conv_kernel_size": 5}
    projector = {"model_type": "blip_2_qformer", "hidden_size": DIM, "encoder_hidden_size": DIM}
    projector |= {
        "initializer_range": 10 * SPREAD,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": DIM,
    }
    config = GraniteSpeechConfig(
        text_config=_text(tokenizer, model_type="granite", logits_scaling=2.0),
        encoder_config=encoder,
        projector_config=projector,
        audio_token_index=tokenizer.convert_tokens_to_ids("<|audio|>"),
        has_lora_adapter=False,
        initializer_range=SPREAD,
        tie_word_embeddings=False,
    )
    _made(GraniteSpeechForConditionalGeneration, config).save_pretrained(folder)
    extractor = GraniteSpeechFeatureExtractor()
    GraniteSpeechProcessor(extractor, tokenizer, chat_template=TEXT_CHAT).save_pretrained(folder)


WRITERS: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (qwen2_audio, qwen2_5_omni, audioflamingo3, granite_speech)
}
