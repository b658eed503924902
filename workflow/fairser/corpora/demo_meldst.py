"""A small corpus in the format of MELD-ST, spoken by eSpeak NG in three languages.

Prosody expresses the emotion, and so do the words of half of the sentences. The corpus has a gender
gap: in German, women act faintly, so that their emotions are hard to hear. It says nothing about
real people. eSpeak NG is licensed under GPL-3 (see :mod:`fairser.corpora.espeak`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairser.core.files import sha256, write_text
from fairser.corpora.espeak import Prosody, Recording, write_recordings
from fairser.corpora.meldst import EMOTIONS, LANGUAGES, PAIRS, SPLITS

SEED = 2028
TAKES = {"train": 4, "valid": 2, "test": 2}  # clips of a speaker in each emotion
SPEAKERS = {"Ada": "female", "Ben": "male", "Cleo": "female", "Dan": "male"}
STRANGERS = ("Somebody",)  # not in the list of genders
VOICES = {"eng": "en-us", "deu": "de", "jpn": "ja"}
FAINT = ("deu", "female")  # who acts with less intensity
INTENSITY = {True: 0.3, False: 1.0}
PROSODY = {
    "anger": Prosody(1.2, -15, 30, 14, 0.6),
    "disgust": Prosody(0.8, -25, -20, -4, 0.9),
    "fear": Prosody(1.5, 25, -40, -10, 0.4),
    "joy": Prosody(1.2, 25, 40, 9, -0.3),
    "neutral": Prosody(1.0, 0, 0, 0, 0.0),
    "sadness": Prosody(0.7, -15, -40, -14, -0.7),
    "surprise": Prosody(1.0, 40, 45, 4, 0.2),
}
# Sentences whose words express an emotion, in the order of EMOTIONS, then neutral ones.
SENTENCES = {
    "eng": (
        *("Stop it now!", "That is foul.", "I am scared.", "How lovely!"),
        *("It is noon.", "I miss her.", "Oh, really?"),
        *("We go home.", "The door is open.", "Here he comes."),
    ),
    "deu": (
        *("Hör jetzt auf!", "Das ist eklig.", "Ich habe Angst.", "Wie schön!"),
        *("Es ist Mittag.", "Sie fehlt mir.", "Ach, wirklich?"),
        *("Wir gehen heim.", "Die Tür ist offen.", "Da kommt er."),
    ),
    "jpn": (
        *("やめなさい。", "気持ち悪い。", "怖いです。", "うれしい。"),
        *("正午です。", "さびしい。", "本当ですか。"),
        *("家に帰ります。", "ドアが開いています。", "彼が来ます。"),
    ),
}


@dataclass(frozen=True)
class Line:
    """An utterance of the series: what is said in each language, by whom, and how."""

    number: int
    speaker: str
    emotion: str
    texts: dict[str, str]


def make_demo_meldst(folder: Path, takes: dict[str, int] | None = None) -> None:
    """Write metadata, audio, ``speakers.tsv`` and, last, the list of files ``audio.tsv``.

    ``takes`` are the clips of a speaker in each emotion by split.
    """
    rng = np.random.default_rng(SEED)
    recordings: list[Recording] = []
    number = 0
    for split in SPLITS:
        lines = _lines((takes or TAKES)[split], number, rng)
        number += len(lines)
        name = "dev" if split == "valid" else split
        for pair, language in PAIRS.items():
            write_text(folder / pair / f"{language}_{split}.csv", _table(lines, language))
            for spoken in ("eng", language):
                place = f"{pair}/{spoken.upper()}/{name}/{name}"
                recordings += [
                    _act(line, spoken, f"{place}_{row}.wav", rng) for row, line in enumerate(lines)
                ]
    audio = folder / "audio"
    write_recordings(audio, recordings, SEED)
    rows = "".join(f"{name}\t{gender}\n" for name, gender in SPEAKERS.items())
    write_text(folder / "speakers.tsv", f"speaker\tgender\n{rows}")
    files = sorted(one.file for one in recordings)
    listing = [f"{name}\t{sha256(audio / name)}\n" for name in files]
    write_text(folder / "audio.tsv", "".join(listing))


def _lines(takes: int, start: int, rng: np.random.Generator) -> list[Line]:
    """The lines of a split: each speaker in each emotion, ``takes`` times; then a stranger."""
    cast = [(name, emotion) for name in SPEAKERS for emotion in EMOTIONS for _ in range(takes)]
    cast += [(name, emotion) for name in STRANGERS for emotion in EMOTIONS]
    lines = []
    for number, (speaker, emotion) in enumerate(cast, start):
        own, plain = rng.random() < 0.5, int(rng.integers(3))
        place = EMOTIONS.index(emotion) if own else len(EMOTIONS) + plain
        texts = {language: said[place] for language, said in SENTENCES.items()}
        lines.append(Line(number, speaker, emotion, texts))
    return lines


def _act(line: Line, language: str, file: str, rng: np.random.Generator) -> Recording:
    """How a line sounds in a language."""
    gender = SPEAKERS.get(line.speaker, "male")
    place = [*SPEAKERS, *STRANGERS].index(line.speaker)
    strength = INTENSITY[(language, gender) == FAINT] * rng.uniform(0.8, 1.0)
    neutral = Prosody(190, 30 if gender == "female" else 55, 50, -32, 0)
    noise = (0, *rng.normal(0, (4, 5, 1, 0.05)))
    prosody = neutral.express(PROSODY[line.emotion], strength, noise)
    voice = f"{VOICES[language]}+{gender[0]}{1 + place // 2}"
    return Recording(file, line.texts[language], voice, prosody)


def _table(lines: Sequence[Line], language: str) -> str:
    """A csv file of a pair, with the columns of the published ones."""
    other = LANGUAGES[language]
    rows = [
        f"id,dia_id,utt_id,emotion,sentiment,English,{other},season,episode,speaker,"
        f"English_begin_time,English_end_time,{other}_begin_time,{other}_end_time"
    ]
    for row, line in enumerate(lines):
        n, start = line.number, f"00:{line.number // 60:02d}:{line.number % 60:02d}"
        rows.append(
            f"{row},{n // 10},{n % 10},{line.emotion},neutral,"
            f'"{line.texts["eng"]}","{line.texts[language]}",1,{n},{line.speaker},'
            f"{start},00:59:59,{start},00:59:59"
        )
    return "\n".join(rows) + "\n"
