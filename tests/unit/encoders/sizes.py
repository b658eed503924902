"""Sizes of the published models, where they are not the defaults of their configurations."""

from typing import Any

# wav2vec 2.0 large, the trunk of the age-gender model.
LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
}
XLS_R = LARGE | {"hidden_size": 1280, "num_hidden_layers": 48, "intermediate_size": 5120}  # 1B
# Whisper's encoder, large-v3.
WHISPER: dict[str, Any] = {
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "num_mel_bins": 128,
}
ECAPA: dict[str, Any] = {
    "channels": [1024, 1024, 1024, 1024, 3072],
    "kernel_sizes": [5, 3, 3, 3, 1],
    "dilations": [1, 2, 3, 4, 1],
    "attention_channels": 128,
    "lin_neurons": 192,
}
