"""Clips through an encoder, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fairser.audio.reading import Audio
from fairser.core.errors import InputError
from fairser.encoders.base import Encoder

# Seconds of audio in a batch; beyond that a device gains no speed, but needs more memory.
BATCH_SECONDS = {"cpu": 10, "mps": 60, "cuda": 120}


@dataclass(frozen=True)
class Encoded:
    """A batch of clips that are done.

    Attributes:
        features: pairs of the numbers of clips and their features [B, L, D].
        faults: why clips can't be used, by their numbers.
    """

    features: list[tuple[list[int], np.ndarray]]
    faults: dict[int, str]

    def __len__(self) -> int:
        return len(self.faults) + sum(len(numbers) for numbers, _ in self.features)


def encode(
    encoder: Encoder, audio: Audio, plan: list[list[int]], readers: int, dtype: np.dtype
) -> Iterator[Encoded]:
    """Features of the clips of each batch of a plan, as they are stored.

    Args:
        encoder: to take them through.
        audio: of the clips.
        plan: numbers of the clips of each batch (:meth:`fairser.audio.reading.Audio.plan`).
        readers: threads that read ahead.
        dtype: of the features; what is too large for it is a fault.
    """
    for batch in audio.batches(plan, readers):
        done = Encoded([], dict(batch.faults))
        for numbers, waves in batch.waves:
            try:
                with np.errstate(over="ignore"):  # beyond float16; told as not finite
                    values = encoder(waves).numpy().astype(dtype)
            except InputError as fault:  # such as a wave shorter than the encoder's frame
                done.faults.update({n: f"{audio.files[n]}: {fault}" for n in numbers})
                continue
            finite = np.isfinite(values).all(axis=(1, 2))
            good = []
            for number, fine in zip(numbers, finite, strict=True):
                if fine:
                    good.append(number)
                else:
                    done.faults[number] = f"{audio.files[number]}: its features are not finite"
            done.features.append((good, values[finite]))
        yield done
