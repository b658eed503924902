"""Speech encoders of ``transformers``: WavLM, wav2vec 2.0, HuBERT, w2v-BERT, Whisper and others.

Every model that passes waveforms through strided convolutions into a Transformer, such as XLS-R,
data2vec-audio and UniSpeech-SAT, in all their sizes, and the two types of model in
:mod:`fairser.encoders.spectrograms`. The type follows from the model's own ``config.json``.
"""

from fairser.encoders.base import Settings
from fairser.encoders.loading import load, model_type
from fairser.encoders.spectrograms import make_filter_bank, make_whisper
from fairser.encoders.speech import SpeechEncoder
from fairser.pretrained.devices import choose

from transformers import AutoModel  # isort: skip

ENCODER = {
    "title": "speech encoder of transformers",
    "sections": ["encoder"],
    "files": "transformers",
    "standardise": False,
    "finetune": True,
}
OTHERS = {"whisper": make_whisper, "wav2vec2-bert": make_filter_bank}  # by type of the model


def make(settings: Settings) -> SpeechEncoder:
    """The encoder in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`.
    """
    if other := OTHERS.get(model_type(settings)):
        return other(settings)
    device = choose(settings.device)
    model, extractor = load(settings, AutoModel)
    return SpeechEncoder(model, extractor.do_normalize, settings, device)
