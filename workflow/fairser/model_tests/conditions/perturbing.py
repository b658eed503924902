"""Applying a condition to a clip."""

from importlib import import_module

import numpy as np

from fairser.core.errors import InputError
from fairser.core.provenance import code_hash, fingerprint
from fairser.model_tests.conditions.catalogue import MODULES, ConditionEntry
from fairser.model_tests.conditions.sounds import Sound, Waveform, generator

PACKAGE = "fairser.model_tests.conditions"


def perturb(condition: ConditionEntry, clip: str, sound: Sound) -> Waveform:
    """The waveform of a clip under a condition: float32 [N].

    What is drawn depends on the names of the clip and the condition alone: the same in any order,
    shard and process. The length changes with added zeros and cropping only.

    Raises:
        InputError: the condition means nothing for this clip, such as a ratio to silence.
    """
    random = generator(clip, condition.name)
    drawn = {
        name: values[int(random.integers(len(values)))]
        for name, values in condition.strength.items()
    }
    module = import_module(f"{PACKAGE}.{MODULES[condition.group]}")
    changed: Waveform = getattr(module, condition.name)(sound, random, **drawn)
    if not np.isfinite(changed).all():
        raise InputError("The changed audio is not finite.")
    return changed


def condition_key(condition: ConditionEntry) -> str:
    """A hash of what a condition does: its strength and its code."""
    module = f"{PACKAGE}.{MODULES[condition.group]}"
    return fingerprint(condition.name, condition.strength, code_hash(module))
