"""Extraction of a shard of the corpus into files; it can be interrupted and resumed at any time."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from fairser.audio.reading import Audio, check_faults
from fairser.core.files import read_json, sha256_text, write_json
from fairser.core.jobs import Progress, logger
from fairser.core.provenance import commit, versions
from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.extraction.encoding import BATCH_SECONDS, encode
from fairser.extraction.partial import Partial, stamp_columns, take_over
from fairser.extraction.shards import write_faults
from fairser.extraction.store import write_clips
from fairser.pretrained import devices
from fairser.pretrained.records import Record, locate, read_record


@dataclass(frozen=True)
class StoreSource:
    """What a store is made from, besides the audio.

    Attributes:
        settings: as :func:`fairser.config.store_names.store_settings` gives them.
        model: the record of the model's files, which are in ``folder``; None without a model.
        mean, std: of the corpus' waveforms; 0 and 1 leave them as they are.
    """

    settings: dict[str, Any]
    model: Record | None = None
    folder: Path | None = None
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def read(
        cls, settings: dict[str, Any], model: str | None = None, statistics: str | None = None
    ) -> "StoreSource":
        """From the workflow's files: the model's record and the statistics of the waveforms."""
        values = read_json(statistics) if statistics else {"mean": 0.0, "std": 1.0}
        record, folder = (read_record(model), locate(model)) if model else (None, None)
        return cls(settings, record, folder, values["mean"], values["std"])

    def encoder(self, device: str) -> Encoder:
        """The encoder, ready on a device (``fairser.pretrained.devices.choose``)."""
        precision = self.settings.get("precision", "float32")
        options = self.settings.get("options", {})
        settings = Settings(self.folder, device, precision, self.mean, self.std, options)
        return make_encoder(self.settings["kind"], settings)

    def described(self) -> dict[str, Any]:
        """For the record of a store: settings, model with its commit, waveform statistics."""
        model = vars(self.model) | {"files": dict(self.model.files)} if self.model else None
        waveforms = {"mean": self.mean, "std": self.std}
        return {"settings": self.settings, "model": model, "waveforms": waveforms}


@dataclass(frozen=True)
class Shard:
    """Clips of a store that one job extracts, and where it writes.

    Attributes:
        clips: columns ``clip`` and ``file``.
        folder: of the audio.
        paths: of the results: ``features``, ``clips``, ``faults`` and ``source``.
        partial: folder of unfinished work, from which an interrupted job goes on.
        code: hash of the code that the values depend on.
        before: folder of the store of an earlier extraction, whose rows are taken over where
            neither the audio nor anything else has changed.
        follow_links: whether links may lead out of the folder of the audio.
    """

    clips: pl.DataFrame
    folder: str
    paths: dict[str, str]
    partial: Path
    code: str
    before: Path | None = None
    follow_links: bool = False

    def stamped(self) -> pl.DataFrame:
        """The clips and, as they are now, the ``size`` and time (``modified``) of their files."""
        return self.clips.select(
            "clip", "file", *stamp_columns(self.folder, self.clips["file"].to_list())
        )


def extract(
    source: StoreSource,
    shard: Shard,
    device: str = "auto",
    threads: int = 1,
    failures: float = 0.0,
) -> None:
    """Write the pooled features of a shard.

    Args:
        source: of the store.
        shard: its part of the clips.
        device: auto, cuda, mps or cpu.
        threads: of the model on a CPU; of reading beside a GPU.
        failures: share of the clips that may be left out because they can't be used.

    Raises:
        InputError: too many clips can't be used (all are listed); weights or a device are missing.
    """
    encoder = source.encoder(device)
    chosen = devices.choose(device if source.model else "cpu")
    on_cpu = chosen.type == "cpu"
    torch.set_num_threads(threads if on_cpu else 1)
    clips = shard.stamped()
    files = clips["file"].to_list()
    made_by = sha256_text(
        json.dumps([source.described(), shard.code, shard.folder], sort_keys=True)
    )
    shape = (clips.height, encoder.layers, encoder.dim)
    dtype = np.dtype(source.settings.get("store", "float32"))
    partial = Partial(shard.partial, made_by, clips, shape, dtype)
    if shard.before:
        take_over(shard.before, made_by, clips, partial)
    audio = Audio(Path(shard.folder), files, source.settings["seconds"], shard.follow_links)
    start = time.monotonic()
    readers = 0 if on_cpu else threads
    faults = encode_missing(partial, encoder, audio, BATCH_SECONDS[chosen.type], readers)
    check_faults(list(faults.values()), clips.height, failures)
    write_faults(shard.paths["faults"], clips, faults)
    write_clips(shard.paths["clips"], clips)
    record = {
        **source.described(),
        "made_by": made_by,
        "shape": shape[1:],
        "clips": clips.height - len(faults),
        "left_out": len(faults),
        "seconds": round(time.monotonic() - start, 3),
        "device": devices.describe(chosen),
        "versions": versions(),
        "commit": commit(),
    }
    write_json(shard.paths["source"], record)
    partial.finish(shard.paths["features"])


def encode_missing(
    partial: Partial, encoder: Encoder, audio: Audio, batch_seconds: float, readers: int
) -> dict[int, str]:
    """Encode the clips whose rows are not done; returns why clips can't be used, by number."""
    missing = np.flatnonzero(~partial.done).tolist()
    if len(missing) < len(audio.files):
        done = len(audio.files) - len(missing)
        logger.info("resumed: %d of %d clips are done", done, len(audio.files))
    faults: dict[int, str] = {}
    plan = audio.plan(missing, batch_seconds)
    with Progress(len(missing), "clips") as progress:
        for features, unusable in encode(encoder, audio, plan, readers, partial.dtype):
            for numbers, values in features:
                partial.write(numbers, values)
                progress.add(len(numbers))
            faults |= unusable
            progress.add(len(unusable))
    partial.flush()
    return dict(sorted(faults.items()))
