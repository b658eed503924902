"""Qwen2-Audio from its published sizes, with random weights or without any."""

from typing import Any

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.llm.adapters import LoraOptions, add_adapters

from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration  # isort: skip

TEXT = {
    "model_type": "qwen2",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 156032,
    "tie_word_embeddings": False,
}
# The defaults of the audio tower are the published sizes.
AUDIO = {"model_type": "qwen2_audio_encoder", "encoder_layers": 32}
NARROW_TEXT = {
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 512,
}
NARROW_AUDIO = {"d_model": 64, "encoder_attention_heads": 4, "encoder_ffn_dim": 128}


def build(
    layers: int,
    rank: int,
    checkpointing: bool,
    device: str = "meta",
    narrow: bool = False,
    **more: Any,
) -> Any:
    """The frozen model in bfloat16 with LoRA adapters.

    Args:
        layers: of the language model and of the audio tower.
        rank: of the adapters.
        checkpointing: whether activations are recomputed.
        device: where it is built; on ``meta`` weights have shapes and no values.
        narrow: whether layers have few values, for tests.
        more: settings of the configuration.
    """
    audio = AUDIO | {"encoder_layers": layers} | (NARROW_AUDIO if narrow else {})
    text = TEXT | {"num_hidden_layers": layers} | (NARROW_TEXT if narrow else {})
    config = Qwen2AudioConfig(text_config=text, audio_config=audio, **more)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)  # in float32 first, it would need twice the memory
    try:
        with torch.device(device):
            model = Qwen2AudioForConditionalGeneration(config)
            model.requires_grad_(False)
            add_adapters(model, LoraOptions(rank=rank), 0, checkpointing)
    finally:
        torch.set_default_dtype(before)
    return model.train()
