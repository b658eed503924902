"""A tiny random Qwen2-Audio with a byte-level tokenizer, for the demo and the tests.

It has the files of the published model and runs through the same code. Its weights are random, so
its adapters learn the demo corpus through random projections.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers

from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # isort: skip
from transformers import PreTrainedTokenizerFast  # isort: skip
from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration  # isort: skip
from transformers import Qwen2AudioProcessor, WhisperFeatureExtractor  # isort: skip
from transformers.utils import logging  # isort: skip

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
AUDIO = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
MELS, HEADS, LAYERS = 32, 4, 2
SPREAD = 0.08  # of the random weights; with the usual 0.02 audio hardly changes the answer


def write_tiny_model(folder: str | Path, seconds: int = 2, dim: int = 64) -> Path:
    """Write configuration, tokenizer, feature extractor and weights; the folder.

    The model takes so many seconds of audio; the published one takes 30.
    """
    logging.disable_progress_bar()
    tokenizer = byte_tokenizer()
    audio = {
        "model_type": "qwen2_audio_encoder",
        "d_model": dim,
        "encoder_layers": LAYERS,
        "encoder_attention_heads": HEADS,
        "encoder_ffn_dim": 2 * dim,
        "num_mel_bins": MELS,
        "max_source_positions": 50 * seconds,
        "initializer_range": SPREAD,
    }
    text = {
        "model_type": "qwen2",
        "hidden_size": dim,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "intermediate_size": 2 * dim,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "initializer_range": SPREAD,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    token = tokenizer.convert_tokens_to_ids(AUDIO[0])
    config = Qwen2AudioConfig(audio_config=audio, text_config=text, audio_token_index=token)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen2AudioForConditionalGeneration(config)
    model.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=MELS, chunk_length=seconds)
    Qwen2AudioProcessor(extractor, tokenizer).save_pretrained(folder)
    return Path(folder)


def byte_tokenizer(
    pad: str = SPECIAL[0], end: str = SPECIAL[2], others: Sequence[str] = (SPECIAL[1], *AUDIO)
) -> Any:
    """A token for each byte of UTF-8, and special tokens, by default those of Qwen2-Audio."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = Tokenizer(models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token=pad,
        eos_token=end,
        additional_special_tokens=list(others),
        padding_side="left",
    )
