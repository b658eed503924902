"""The families of speech LLMs, and what differs between them.

All are models of transformers with a language model ``model.language_model``, a head ``lm_head``
and a chat template. A family is one entry of :data:`FAMILIES`, by the ``model_type`` of its
``config.json``; ``tests/unit/llm/test_families.py`` tries each on a tiny random model.

Voxtral and Phi-4 multimodal are left out: the tokenizer of the first needs the package
mistral-common, the processor of the second needs torchvision, and its speech adapter is apart.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Family:
    """What differs between families.

    Attributes:
        title: name in messages.
        model: class of transformers.
        processor: class of transformers that prepares text and audio; it has an ``audio_token``.
        text_only: whether the chat template takes a turn as text, with the audio token in it, and
            not as a list of parts.
        alone: whether padding changes what the audio encoder makes of a clip, so that clips pass
            through the model one by one.
    """

    title: str
    model: str
    processor: str
    text_only: bool = False
    alone: bool = False

    def turn(self, text: str, audio_token: str) -> list[dict[str, Any]]:
        """One turn of the user, the clip and then the text, for the chat template."""
        if self.text_only:
            return [{"role": "user", "content": audio_token + text}]
        parts = [{"type": "audio", "audio_url": ""}, {"type": "text", "text": text}]
        return [{"role": "user", "content": parts}]


# The processor of Qwen2.5-Omni also reads images and needs torchvision for it. Its part for audio
# and its special tokens are those of Qwen2-Audio.
FAMILIES = {
    "qwen2_audio": Family(
        "Qwen2-Audio", "Qwen2AudioForConditionalGeneration", "Qwen2AudioProcessor"
    ),
    "qwen2_5_omni": Family(
        "Qwen2.5-Omni", "Qwen2_5OmniThinkerForConditionalGeneration", "Qwen2AudioProcessor"
    ),
    "audioflamingo3": Family(
        "Audio Flamingo 3", "AudioFlamingo3ForConditionalGeneration", "AudioFlamingo3Processor"
    ),
    "granite_speech": Family(
        "Granite Speech",
        "GraniteSpeechForConditionalGeneration",
        "GraniteSpeechProcessor",
        text_only=True,
        alone=True,
    ),
}


def family_of(model: object) -> Family:
    """The family of a loaded model."""
    name = type(model).__name__
    return next(family for family in FAMILIES.values() if family.model == name)
