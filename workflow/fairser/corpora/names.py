"""Names of clips, of their audio files and of tasks; without a heavy import."""

from pathlib import PurePosixPath

MULTI, SINGLE = "multi_label", "single_label"  # tasks

# A widespread mirror of CREMA-D dropped the last letter of one name.
ALIASES = {"1040_ITH_SAD_X": "1040_ITH_SAD_XX"}

# Endings of audio files; another dot belongs to the name, as in `speaker1.take2`.
AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aif", ".aiff", ".au", ".sph")


def clip_name(file: str) -> str:
    """Name of the clip of an audio file, or of a clip: the relative path without an extension."""
    path = PurePosixPath(file)
    name = str(path.with_suffix("")) if path.suffix.lower() in AUDIO_SUFFIXES else file
    return ALIASES.get(name, name)
