"""Small random models in folders, in the file layout in which the real ones are published."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers and speechbrain
from fairser.encoders.audeering import AgeGenderModel
from fairser.encoders.dimensions import DimensionsModel

from safetensors.torch import save_file  # isort: skip
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier  # isort: skip
from transformers import (  # isort: skip
    Data2VecAudioConfig,
    Data2VecAudioModel,
    HubertConfig,
    HubertModel,
    UniSpeechSatConfig,
    UniSpeechSatForPreTraining,
    Wav2Vec2BertConfig,
    Wav2Vec2BertModel,
    Wav2Vec2Config,
    Wav2Vec2ForPreTraining,
    Wav2Vec2ForSequenceClassification,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperForConditionalGeneration,
)

# Of every architecture here: the convolutions and the regularisation of the published models,
# but 16 channels in place of 512.
COMMON: dict[str, Any] = {
    "conv_dim": [16] * 7,
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "num_attention_heads": 4,
    "hidden_dropout": 0.1,
    "layerdrop": 0.05,
    "mask_time_prob": 0.05,
    "apply_spec_augment": True,
}
POSITIONS = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
CODEBOOK = {"codevector_dim": 8, "proj_codevector_dim": 8, "num_codevectors_per_group": 4}
OLD_NAMES = {"original0": "weight_g", "original1": "weight_v"}  # of published weight norms

ECAPA = """\
# Feature parameters
n_mels: 80

# Pretrain folder (HuggingFace)
pretrained_path: speechbrain/spkrec-ecapa-voxceleb

# Output parameters
out_n_neurons: 3

# Model params
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>

mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False

embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    lin_neurons: 192

classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 192
    out_neurons: !ref <out_n_neurons>

mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False

modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>

label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""
CHANNELS, ATTENTION = [16, 16, 16, 16, 48], 8
LABELS = "'id1' => 0\n'id2' => 1\n'id3' => 2\n================\n'starting_index' => 0\n"


def write_wavlm(
    folder: Path, large: bool = False, layers: int = 2, dim: int = 32, safetensors: bool = True
) -> Path:
    """WavLM as Base+: group norm in the first convolution, clips not normalised; or as Large."""
    norms = _norms(True) | {"conv_bias": False} if large else {}
    buckets = {"num_buckets": 32, "max_bucket_distance": 80}
    config = WavLMConfig(**sizes(layers, dim), **POSITIONS, **buckets, **norms)
    return _write(folder, WavLMModel, config, safetensors, do_normalize=large)


def write_wav2vec2(
    folder: Path,
    layer_norm: bool = True,
    do_normalize: bool = True,
    layers: int = 2,
    dim: int = 32,
    safetensors: bool = True,
) -> Path:
    """wav2vec 2.0 as pre-trained; with layer norm as XLS-R, without as Base."""
    config = Wav2Vec2Config(
        **sizes(layers, dim),
        **POSITIONS,
        **_norms(layer_norm),
        **CODEBOOK,
    )
    return _write(folder, Wav2Vec2ForPreTraining, config, safetensors, do_normalize)


def write_hubert(
    folder: Path, large: bool = False, layers: int = 2, dim: int = 32, safetensors: bool = True
) -> Path:
    """HuBERT as Base, or as Large."""
    config = HubertConfig(**sizes(layers, dim), **POSITIONS, **_norms(large))
    return _write(folder, HubertModel, config, safetensors, do_normalize=True)


def write_data2vec(folder: Path, layers: int = 2, dim: int = 32, safetensors: bool = True) -> Path:
    """data2vec-audio as Base: several convolutions for the positions."""
    config = Data2VecAudioConfig(
        **sizes(layers, dim), num_conv_pos_embedding_groups=4, conv_pos_kernel_size=5
    )
    return _write(folder, Data2VecAudioModel, config, safetensors, do_normalize=True)


def write_unispeech_sat(
    folder: Path, layers: int = 2, dim: int = 32, safetensors: bool = True
) -> Path:
    """UniSpeech-SAT as pre-trained."""
    config = UniSpeechSatConfig(**sizes(layers, dim), **POSITIONS, **CODEBOOK, num_clusters=4)
    return _write(folder, UniSpeechSatForPreTraining, config, safetensors, do_normalize=True)


def write_age_gender(
    folder: Path, layers: int = 2, dim: int = 32, safetensors: bool = True
) -> Path:
    """The age-gender model: wav2vec 2.0 with layer norm and two heads."""
    config = Wav2Vec2Config(**sizes(layers, dim), **POSITIONS, **_norms(True), final_dropout=0.1)
    return _write(folder, AgeGenderModel, config, safetensors, do_normalize=True)


def write_whisper(folder: Path, layers: int = 2, dim: int = 32, seconds: int = 2) -> Path:
    """Whisper with its decoder, on windows of 2 s in place of 30 s."""
    config = WhisperConfig(
        d_model=dim,
        num_mel_bins=80,
        vocab_size=60,
        **dict.fromkeys(("encoder_layers", "decoder_layers"), layers),
        **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 4),
        **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 2 * dim),
        **dict.fromkeys(("dropout", "encoder_layerdrop"), 0.1),
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 50),
        max_source_positions=50 * seconds,
        max_target_positions=8,
        decoder_start_token_id=51,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    folder = _write(folder, WhisperForConditionalGeneration, config, safetensors=True)
    return _replace_extractor(
        folder, "WhisperFeatureExtractor", chunk_length=seconds, n_fft=400, hop_length=160
    )


def write_w2v_bert(folder: Path, layers: int = 2, dim: int = 32) -> Path:
    """w2v-BERT 2.0: a Conformer on pairs of frames of a filter bank."""
    config = Wav2Vec2BertConfig(
        num_hidden_layers=layers,
        hidden_size=dim,
        intermediate_size=2 * dim,
        num_attention_heads=4,
        hidden_dropout=0.1,
    )
    folder = _write(folder, Wav2Vec2BertModel, config, safetensors=True)
    return _replace_extractor(
        folder, "SeamlessM4TFeatureExtractor", num_mel_bins=80, stride=2, padding_value=1
    )


def write_dimensions(
    folder: Path, layers: int = 2, dim: int = 32, safetensors: bool = True
) -> Path:
    """The model of arousal, dominance and valence: wav2vec 2.0 with layer norm and one head."""
    config = Wav2Vec2Config(**sizes(layers, dim), **POSITIONS, **_norms(True), final_dropout=0.1)
    config.id2label = {0: "arousal", 1: "dominance", 2: "valence"}
    return _write(folder, DimensionsModel, config, safetensors, do_normalize=True)


def write_gender_classifier(folder: Path, labels: Sequence[str] = ("female", "male")) -> Path:
    """wav2vec 2.0 with layer norm, a projector and a classifier."""
    norms = _norms(True) | {"classifier_proj_size": 8}
    config = Wav2Vec2Config(**sizes(2, 32), **POSITIONS, **norms, num_labels=len(labels))
    config.id2label = dict(enumerate(labels))
    model_class = Wav2Vec2ForSequenceClassification
    return _write(folder, model_class, config, safetensors=True, do_normalize=True)


def write_ecapa(folder: Path) -> Path:
    """ECAPA-TDNN with all files that speechbrain itself asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.yaml").write_text(ECAPA, encoding="utf-8")
    (folder / "label_encoder.txt").write_text(LABELS, encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ECAPA_TDNN(80, channels=CHANNELS, attention_channels=ATTENTION, lin_neurons=192)
        torch.save(_randomise(model).state_dict(), folder / "embedding_model.ckpt")
        classifier = Classifier(192, out_neurons=3)
        torch.save(classifier.state_dict(), folder / "classifier.ckpt")
    statistics = {"count": 1, "glob_mean": torch.zeros(192), "glob_std": torch.ones(192)}
    torch.save(statistics, folder / "mean_var_norm_emb.ckpt")
    return folder


def sizes(layers: int, dim: int) -> dict[str, Any]:
    """Settings of a configuration: those all have, and the size of the Transformer."""
    size = {"num_hidden_layers": layers, "hidden_size": dim, "intermediate_size": 2 * dim}
    return COMMON | size


def _norms(layer_norm: bool) -> dict[str, Any]:
    kind = "layer" if layer_norm else "group"
    return {
        "feat_extract_norm": kind,
        "conv_bias": layer_norm,
        "do_stable_layer_norm": layer_norm,
    }


def _write(
    folder: Path,
    model_class: Any,
    config: Any,
    safetensors: bool,
    do_normalize: bool = False,
) -> Path:
    """config.json, preprocessor_config.json and the weights, under their old names."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _randomise(model_class(config))
    model.config.architectures = [model_class.__name__]
    model.config.save_pretrained(folder)
    processor = {
        "do_normalize": do_normalize,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": getattr(config, "feat_extract_norm", "layer") == "layer",
        "sampling_rate": 16000,
    }
    text = json.dumps(processor, indent=2)
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    weights = {_old_name(name): value for name, value in model.state_dict().items()}
    weights.pop("proj_out.weight", None)  # Whisper's, which is that of another layer
    if safetensors:
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    else:
        torch.save(weights, folder / "pytorch_model.bin")
    return folder


def _replace_extractor(folder: Path, name: str, **values: Any) -> Path:
    common = {"feature_size": 80, "padding_side": "right", "sampling_rate": 16000}
    text = json.dumps({"feature_extractor_type": name, **common, **values}, indent=2)
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    return folder


def _randomise(model: nn.Module) -> nn.Module:
    """All parameters moved away from where they start, so that each of them counts."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(0.1 * torch.rand_like(buffer))
    return model


def _old_name(name: str) -> str:
    for new, old in OLD_NAMES.items():
        name = name.replace(f"parametrizations.weight.{new}", old)
    return name
