"""Names of clips, audio files and tasks, and names that are taken; without a heavy import."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from unicodedata import category

MULTI, SINGLE = "multi_label", "single_label"  # tasks

# A widespread mirror of CREMA-D dropped the last letter of one name.
ALIASES = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}

# Endings of audio files; another dot belongs to the name, as in `speaker1.take2`.
AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aif", ".aiff", ".au", ".sph")


def clip_name(file: str) -> str:
    """Name of the clip of an audio file, or of a clip: the relative path without an extension."""
    name = file
    if file.lower().endswith(AUDIO_SUFFIXES):
        path = PurePosixPath(file)  # too slow for names without an ending, of which there are many
        name = str(path.with_suffix("")) if path.suffix else file  # not of a file named `.wav`
    return ALIASES.get(name, name)


# Columns that tables of clips, counts, groups and predictions have besides those of the corpus.
TAKEN = (
    *("clip", "file", "speaker", "fold", "split", "majority", "age_years", "test_set", "row"),
    *("emotion", "label", "prediction", "class", "group", "len"),
    *("clips", "positives", "predicted", "hits"),  # fairser.evaluation.metrics.COUNTS
    *("train", "development", "test"),
)


def is_drawn(name: str) -> bool:
    """Whether a name can be drawn: control characters and line breaks are in no figure or table."""
    return not any(category(letter) == "Cc" or letter in "\ufffe\uffff" for letter in name)


def taken_names(
    origin: object, classes: Sequence[str], attributes: Iterable[str] = ()
) -> list[str]:
    """Messages about classes and attributes whose names other columns have.

    ``origin`` is what they start with, such as ``file, row 1``.
    """
    lines = []
    for kind, names in (("class", classes), ("attribute", attributes)):
        how = f"Rename the {kind} in the corpus' files"
        for name in names:
            if not name.strip():
                lines.append(f"{origin}: a {kind} without a name. {how}.")
            elif not is_drawn(name):
                lines.append(f"{origin}: the {kind} {name!a} has control characters. {how}.")
            elif name in TAKEN:
                lines.append(
                    f"{origin}: no {kind} can have the name '{name}', which tables need for "
                    f"another column. {how}."
                )
            elif kind == "attribute" and name in classes:
                lines.append(
                    f"{origin}: '{name}' is the name of a class and of an attribute. Rename one of "
                    "them in the corpus' files."
                )
    return lines
