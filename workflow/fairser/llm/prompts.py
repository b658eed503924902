"""The questions to the model, and the words that it can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from fairser.core.errors import InputError, nearest
from fairser.core.words import joined
from fairser.corpora.meldst import EMOTIONS

END = "<|im_end|>"  # ends an answer in the chat format of Qwen; else the end of the text does


@dataclass(frozen=True)
class Prompts:
    """Instructions by language, and label words by language and class.

    ``{labels}`` in an instruction stands for the words, ``{transcript}`` for what is said.
    """

    texts: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, settings: Mapping[str, Any], classes: Sequence[str]) -> "Prompts":
        """From the settings of a run (:class:`fairser.llm.run.Setup`).

        A language without a prompt of its own has the English one.

        Raises:
            InputError: a prompt of the modality ``speech_text`` without ``{transcript}``; or see
                :func:`label_words`.
        """
        modality, languages = settings["modality"], settings["languages"]
        texts = settings["prompts"][modality]
        for language, text in texts.items():
            if modality == "speech_text" and "{transcript}" not in text:
                raise InputError(
                    f"'llm.prompts.{modality}.{language}' has no {{transcript}}; write it where "
                    "the transcript of the clip belongs."
                )
        found = {name: texts[name if name in texts else "eng"] for name in languages}
        given = settings["labels"]
        return cls(found, {n: label_words(n, given.get(n, {}), classes) for n in languages})

    def text(self, language: str, transcript: str) -> str:
        """The instruction for a clip with this transcript."""
        # A transcript must not contain a special token of the model.
        said = transcript.replace("<|", "< |")
        text = self.texts[language].replace("{labels}", ", ".join(self.words[language].values()))
        return text.replace("{transcript}", said)


def label_words(language: str, given: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """The word for each class; where none is given, the name of the class itself.

    Raises:
        InputError: a word is given for a class that is not there; or words are missing, although
            others are not the names of their classes, so that two languages would be mixed.
    """
    for name in given:
        if name not in (*classes, *EMOTIONS):  # words for these are given by default
            raise InputError(
                f"'llm.labels.{language}.{name}' is for no class of the corpus."
                f"{nearest(name, list(classes))} Classes: {', '.join(classes)}."
            )
    words = {name: given[name] for name in classes if name in given}
    missing = [name for name in classes if name not in given]
    if missing and any(word != name for name, word in words.items()):
        raise InputError(
            f"'llm.labels.{language}' has no word for {joined(missing)}; add what a speaker of "
            f"this language would say, as '{next(iter(words.values()))}' is there for "
            f"{next(iter(words))}."
        )
    return {name: given.get(name, name) for name in classes}


def answers(
    tokenizer: Any, words: Mapping[str, Mapping[str, str]], languages: Sequence[str]
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
        for emotion, word in words[language].items():
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


def _check_prefixes(language: str, words: Mapping[str, str], tokens: Sequence[list[int]]) -> None:
    """Refuse a word that begins another, as text or as tokens: the shorter one would always win."""
    named = zip(words, words.values(), tokens, strict=True)
    for (emotion, word, ids), (other, longer, more) in permutations(named, 2):
        if longer.startswith(word) or more[: len(ids)] == ids:
            raise InputError(
                f"'llm.labels.{language}': the word for {emotion}, '{word}', is the start of that "
                f"for {other}, '{longer}'; choose words that differ from the start."
            )
