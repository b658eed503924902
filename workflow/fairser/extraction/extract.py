"""Extraction: a shard of the corpus through an encoder, resumable at any time."""

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
from fairser.extraction.shards import Partial, write_faults
from fairser.extraction.store import DTYPES, write_clips
from fairser.pretrained import devices
from fairser.pretrained.records import Record, locate, read_record

STORED = {"float32": DTYPES["F32"], "float16": DTYPES["F16"]}


@dataclass(frozen=True)
class Source:
    """What a store is made from, besides the audio.

    Attributes:
        settings: as :func:`fairser.config.store_names.store_settings` gives them.
        model: the record of the model's files, None for a kind without one.
        folder: where these files are.
        mean, std: of the corpus' waves; 0 and 1 leave them as they are.
    """

    settings: dict[str, Any]
    model: Record | None = None
    folder: Path | None = None
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def read(
        cls, settings: dict[str, Any], model: str | None = None, waves: str | None = None
    ) -> "Source":
        """From the files that the workflow made: the model's record and the waves' statistics."""
        statistics = read_json(waves) if waves else {"mean": 0.0, "std": 1.0}
        record, folder = (read_record(model), locate(model)) if model else (None, None)
        return cls(settings, record, folder, statistics["mean"], statistics["std"])

    def encoder(self, device: str) -> Encoder:
        """The encoder, ready on a device (``fairser.pretrained.devices.choose``)."""
        precision = self.settings.get("precision", "float32")
        settings = Settings(self.folder, device, precision, self.mean, self.std)
        return make_encoder(self.settings["kind"], settings)

    def described(self) -> dict[str, Any]:
        """For the record of a store: settings, model with its commit, statistics of the waves."""
        model = vars(self.model) | {"files": dict(self.model.files)} if self.model else None
        waves = {"mean": self.mean, "std": self.std}
        return {"settings": self.settings, "model": model, "waves": waves}


def extract(
    source: Source,
    clips: pl.DataFrame,
    folder: str | Path,
    paths: dict[str, str],
    partial: Path,
    code: str,
    device: str = "auto",
    threads: int = 1,
    failures: float = 0.0,
) -> None:
    """Pooled features of the clips of a shard.

    Args:
        source: of the store.
        clips: columns ``clip`` and ``file``.
        folder: of the audio.
        paths: where ``features``, ``clips``, ``faults`` and ``source`` go.
        partial: folder for what is done so far; an interrupted job finds it and goes on.
        code: hash of the code that the values depend on.
        device: auto, cuda, mps or cpu.
        threads: for the model on a CPU, or for reading beside a GPU.
        failures: share of the clips that may be left out because they can't be used.

    Raises:
        InputError: more clips than that can't be used (all are listed), features that are not
            finite, weights or a device that are not there.
    """
    encoder = source.encoder(device)
    chosen = devices.choose(device if source.model else "cpu")
    on_cpu = chosen.type == "cpu"
    torch.set_num_threads(threads if on_cpu else 1)
    audio = Audio(Path(folder), clips["file"].to_list(), source.settings["seconds"])
    names = clips["clip"].to_list()
    shape = (len(names), encoder.layers, encoder.dim)
    files = clips.select("clip", "file").rows()
    work = json.dumps([source.described(), code, str(folder), files], sort_keys=True)
    store = STORED[source.settings.get("store", "float32")]
    unfinished = Partial(partial, sha256_text(work), shape, store)
    waiting = np.flatnonzero(~unfinished.done).tolist()
    if len(waiting) < len(names):
        logger.info("resumed: %d of %d clips are done", len(names) - len(waiting), len(names))
    start = time.monotonic()
    found = _encode(
        encoder, audio, waiting, unfinished, BATCH_SECONDS[chosen.type], 0 if on_cpu else threads
    )
    faults = dict(sorted(found.items()))
    unfinished.flush()
    check_faults(list(faults.values()), len(names), failures)
    write_faults(paths["faults"], {names[number]: fault for number, fault in faults.items()})
    write_clips(paths["clips"], names)
    write_json(
        paths["source"],
        {
            **source.described(),
            "shape": shape[1:],
            "clips": len(names) - len(faults),
            "left_out": len(faults),
            "seconds": round(time.monotonic() - start, 3),
            "device": devices.describe(chosen),
            "versions": versions(),
            "commit": commit(),
        },
    )
    unfinished.finish(paths["features"])


def _encode(
    encoder: Encoder,
    audio: Audio,
    waiting: list[int],
    unfinished: Partial,
    batch_seconds: float,
    readers: int,
) -> dict[int, str]:
    """Encode what waits; returns why clips can't be used, by their numbers."""
    faults: dict[int, str] = {}
    plan = audio.plan(waiting, batch_seconds)
    with Progress(len(waiting), "clips") as shown:
        for batch in encode(encoder, audio, plan, readers, unfinished.dtype):
            faults |= batch.faults
            for numbers, values in batch.features:
                unfinished.write(numbers, values)
            shown.add(len(batch))
    return faults
