"""Encoding of clips, batch by batch: audio -> waveforms -> encoder -> features."""

from collections.abc import Iterator

import numpy as np

from fairser.audio.reading import Audio
from fairser.core.errors import InputError
from fairser.encoders.base import Encoder

# Seconds of audio in a batch; larger ones are no faster on the device, but need more memory.
BATCH_SECONDS = {"cpu": 10, "mps": 60, "cuda": 120}


# Numbers of clips with their features [B, L, D], and why other clips can't be used.
Encoded = tuple[list[tuple[list[int], np.ndarray]], dict[int, str]]


def encode(
    encoder: Encoder, audio: Audio, plan: list[list[int]], readers: int, dtype: np.dtype
) -> Iterator[Encoded]:
    """Features of the clips, for each batch of a plan by :meth:`fairser.audio.reading.Audio.plan`.

    ``readers`` threads read ahead. A value that is too large for ``dtype`` is a fault of the clip.
    """
    for batch in audio.batches(plan, readers):
        features, faults = [], dict(batch.faults)
        for numbers, waveforms in batch.waveforms:
            try:
                with np.errstate(over="ignore"):  # values beyond float16 become infinite
                    values = encoder(waveforms).numpy().astype(dtype)
            except InputError as fault:  # such as a waveform shorter than the encoder's frame
                faults |= {n: f"{audio.files[n]}: {fault}" for n in numbers}
                continue
            finite = np.isfinite(values).all(axis=(1, 2))
            for number in np.array(numbers)[~finite].tolist():
                faults[number] = f"{audio.files[number]}: its features are not finite"
            features.append((np.array(numbers)[finite].tolist(), values[finite]))
        yield features, faults
