"""The questions to the model, and the words that it can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from fairser.core.errors import InputError
from fairser.corpora.meldst import EMOTIONS

END = "<|im_end|>"  # ends an answer in the chat format of Qwen


@dataclass(frozen=True)
class Prompts:
    """Instructions and label words by language, the words in the order of the emotions.

    ``{labels}`` in an instruction stands for the words, ``{transcript}`` for what is said.
    """

    texts: Mapping[str, str]
    words: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, settings: Mapping[str, Any], modality: str) -> "Prompts":
        """From the configuration's ``prompts`` and ``labels``.

        Raises:
            InputError: a prompt of the modality ``speech_text`` without ``{transcript}``.
        """
        texts = settings["prompts"][modality]
        for language, text in texts.items():
            if modality == "speech_text" and "{transcript}" not in text:
                raise InputError(
                    f"'llm.prompts.{modality}.{language}' has no {{transcript}}; write it where "
                    "the transcript of the clip belongs."
                )
        labels = settings["labels"].items()
        return cls(texts, {lang: [names[e] for e in EMOTIONS] for lang, names in labels})

    def conversation(self, language: str, transcript: str) -> list[dict[str, Any]]:
        """One turn of the user with the clip and the instruction, for the chat template."""
        # A transcript must not contain a special token of the model.
        said = transcript.replace("<|", "< |")
        text = self.texts[language].replace("{labels}", ", ".join(self.words[language]))
        content = {"type": "text", "text": text.replace("{transcript}", said)}
        return [{"role": "user", "content": [{"type": "audio", "audio_url": ""}, content]}]


def answers(
    tokenizer: Any, words: Mapping[str, Sequence[str]], languages: Sequence[str]
) -> dict[str, list[list[int]]]:
    """Tokens of each label word with the end of the answer, by language and in order.

    Raises:
        InputError: a word is empty or has no token, two are the same, or one begins another.
    """
    end = tokenizer.convert_tokens_to_ids(END)
    if end is None or end == tokenizer.unk_token_id:
        end = tokenizer.eos_token_id
    found = {}
    for language in languages:
        tokens = []
        for emotion, word in zip(EMOTIONS, words[language], strict=True):
            ids = tokenizer.encode(word, add_special_tokens=False) if word.strip() else []
            if not ids or word != word.strip():
                raise InputError(
                    f"'llm.labels.{language}.{emotion}' is {word!r}, which "
                    f"{'has no token' if not ids else 'begins or ends with a space'}; name a word."
                )
            tokens.append(ids)
        _check_prefixes(language, words[language], tokens)
        found[language] = [[*ids, end] for ids in tokens]
    return found


def _check_prefixes(language: str, words: Sequence[str], tokens: Sequence[list[int]]) -> None:
    """Refuse a word that begins another, as text or as tokens: the shorter one would always win."""
    named = zip(EMOTIONS, words, tokens, strict=True)
    for (emotion, word, ids), (other, longer, more) in permutations(named, 2):
        if longer.startswith(word) or more[: len(ids)] == ids:
            raise InputError(
                f"'llm.labels.{language}': the word for {emotion}, '{word}', is the start of that "
                f"for {other}, '{longer}'; choose words that differ from the start."
            )
