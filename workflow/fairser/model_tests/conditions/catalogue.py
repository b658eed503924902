"""The list of conditions: name, group, title and strength of each. It imports nothing heavy.

``strength`` has the values that are drawn for each clip, by the name of the parameter; a function
of the condition's name in the module of its group takes them. The groups are those of
arXiv 2312.06270; the strengths are this project's choice.
"""

from dataclasses import dataclass, field
from typing import Any

from fairser.core.errors import InputError, nearest

SMALL, NOISE, RECORDING = "small changes", "background noise", "recording"
MODULES = {SMALL: "small_changes", NOISE: "background_noise", RECORDING: "recording"}

CONDITIONS: dict[str, dict[str, Any]] = {
    "added_tone": {
        "group": SMALL,
        "title": "tone of 5, 6 or 7 kHz at 40, 45 or 50 dB SNR",
        "strength": {"hz": [5000, 6000, 7000], "snr_db": [40, 45, 50]},
    },
    "added_zeros": {
        "group": SMALL,
        "title": "zeros of 6, 31 or 62 ms before or after the clip",
        "strength": {"ms": [6.25, 31.25, 62.5], "side": ["start", "end"]},
    },
    "clipping": {
        "group": SMALL,
        "title": "0.1, 0.2 or 0.3 % of the samples clipped",
        "strength": {"share": [0.001, 0.002, 0.003]},
    },
    "cropping": {
        "group": SMALL,
        "title": "start or end cut by 6, 31 or 62 ms",
        "strength": {"ms": [6.25, 31.25, 62.5], "side": ["start", "end"]},
    },
    "gain": {
        "group": SMALL,
        "title": "gain of -2, -1, 1 or 2 dB",
        "strength": {"db": [-2, -1, 1, 2]},
    },
    "highpass": {
        "group": SMALL,
        "title": "highpass at 50, 100 or 150 Hz",
        "strength": {"hz": [50, 100, 150]},
    },
    "lowpass": {
        "group": SMALL,
        "title": "lowpass at 6.5, 7 or 7.5 kHz",
        "strength": {"hz": [6500, 7000, 7500]},
    },
    "faint_white_noise": {
        "group": SMALL,
        "title": "white noise at 35, 40 or 45 dB SNR",
        "strength": {"snr_db": [35, 40, 45]},
    },
    "babble": {
        "group": NOISE,
        "title": "babble of 4 to 7 clips of other speakers at 20 dB SNR",
        "strength": {"snr_db": [20], "voices": [4, 5, 6, 7]},
    },
    "coughing": {
        "group": NOISE,
        "title": "a synthetic cough at 10 dB SNR",
        "strength": {"snr_db": [10]},
    },
    "sneezing": {
        "group": NOISE,
        "title": "a synthetic sneeze at 10 dB SNR",
        "strength": {"snr_db": [10]},
    },
    "music": {
        "group": NOISE,
        "title": "synthetic music at 20 dB SNR",
        "strength": {"snr_db": [20]},
    },
    "environment": {
        "group": NOISE,
        "title": "pink noise at 20 dB SNR",
        "strength": {"snr_db": [20]},
    },
    "white_noise": {
        "group": NOISE,
        "title": "white noise at 20 dB SNR",
        "strength": {"snr_db": [20]},
    },
    "own_noise": {
        "group": NOISE,
        "title": "noise of the user's files at 20 dB SNR",
        "strength": {"snr_db": [20]},
        "folder": "noise",
    },
    "phone_mu_law": {
        "group": RECORDING,
        "title": "phone: 300 to 3400 Hz, 8 kHz, mu-law",
        "strength": {"codec": ["ULAW"]},
    },
    "phone_gsm": {
        "group": RECORDING,
        "title": "phone: 300 to 3400 Hz, 8 kHz, GSM 06.10",
        "strength": {"codec": ["GSM610"]},
    },
    "other_microphone": {
        "group": RECORDING,
        "title": "response of a laptop's, a headset's or a lapel microphone",
        "strength": {"microphone": ["laptop", "headset", "lapel"], "scale": [1.0]},
    },
    "simulated_room": {
        "group": RECORDING,
        "title": "one of 6 simulated rooms, RT60 of 0.2 to 0.7 s",
        "strength": {"room": [0, 1, 2, 3, 4, 5]},
    },
    "own_room": {
        "group": RECORDING,
        "title": "room response of the user's files",
        "strength": {},
        "folder": "rooms",
    },
    "tilt_up": {
        "group": RECORDING,
        "title": "spectral tilt of 3 dB per octave",
        "strength": {"db_per_octave": [3.0]},
    },
    "tilt_down": {
        "group": RECORDING,
        "title": "spectral tilt of -3 dB per octave",
        "strength": {"db_per_octave": [-3.0]},
    },
}


@dataclass(frozen=True)
class ConditionEntry:
    """A condition of the catalogue; ``folder`` names the kind of the user's files it needs."""

    name: str
    group: str
    title: str
    strength: dict[str, list[Any]] = field(default_factory=dict)
    folder: str | None = None


def entry(name: str) -> ConditionEntry:
    """The condition of that name."""
    if name not in CONDITIONS:
        known = [*CONDITIONS]
        raise InputError(
            f"There is no condition '{name}'.{nearest(name, known)} The conditions are: "
            f"{', '.join(known)}."
        )
    return ConditionEntry(name, **CONDITIONS[name])


def choose(wanted: list[str] | None, folders: dict[str, str | None]) -> list[ConditionEntry]:
    """The conditions of a test, in the order of the catalogue.

    Args:
        wanted: names of conditions or of groups; None for all that ``folders`` allow.
        folders: of the user's ``noise`` and ``rooms``, None where there is none.

    Raises:
        InputError: an unknown name, or one that needs a folder which is not given.
    """
    entries = [entry(name) for name in CONDITIONS]
    if wanted is None:
        return [one for one in entries if one.folder is None or folders.get(one.folder)]
    names = {name for name in wanted if name not in MODULES}
    for one in map(entry, names):
        if one.folder is not None and not folders.get(one.folder):
            raise InputError(
                f"The condition '{one.name}' needs files of your own; name their folder by "
                f"--{one.folder}."
            )
    return [
        one
        for one in entries
        if one.name in names
        or (one.group in wanted and (one.folder is None or folders.get(one.folder)))
    ]
