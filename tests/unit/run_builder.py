"""Runs on small waveforms, made as the workflow's rules make them."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from fairser.audio.reading import Audio, waveform_statistics
from fairser.config.configuration import resolve
from fairser.config.store_names import is_standardised, store_settings
from fairser.core import checksums
from fairser.core.checksums import read_record
from fairser.core.files import complete, read_json, write_json
from fairser.core.table_files import read_made
from fairser.corpora.clip_lists import write_list
from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import evaluate, speaker_counts
from fairser.extraction.extract import Shard, StoreSource, extract
from fairser.pretrained.hub import fetch
from fairser.pretrained.records import write_record
from fairser.training.runs import CellJob, train_cell
from unit.builders import clip_table

COUNT = 24
SPLITS = ["train", "train", "development", "test"] * (COUNT // 4)
KIND = np.random.default_rng(1).integers(3, size=COUNT)


def write_tones(folder: Path) -> None:
    """Stereo tones whose pitch tells the class, of several lengths, at 22,050 Hz."""
    random = np.random.default_rng(2)
    folder.mkdir(parents=True)
    for number, kind in enumerate(KIND):
        time = np.arange(5000 + 700 * (number % 3)) / 22_050
        waveform = 0.3 * np.sin(2 * np.pi * [150, 500, 1500][kind] * time) + 0.02
        waveforms = waveform[:, None] + random.normal(0, 0.05, (len(time), 2))
        soundfile.write(folder / f"c{number:03d}.wav", waveforms, 22_050)


def make_run(folder: Path, method: str = "erm", model: Path | None = None, **given: Any) -> Path:
    """Train on the tones; returns the folder of the run.

    Args:
        folder: of all files: ``audio``, ``results`` and what lies between.
        method: that trains.
        model: folder of an encoder's model, None for fbank.
        given: the configuration; the encoder's kind and model are filled in.
    """
    if not (folder / "audio").is_dir():
        write_tones(folder / "audio")
    encoder = {"kind": "transformers", "model": str(model)} if model else {"kind": "fbank"}
    given["encoder"] = encoder | given.get("encoder", {})
    base: dict[str, Any] = {"corpus": {"kind": "demo"}, "device": "cpu"}
    config = resolve({**base, "grid": {"methods": [method]}, **given})
    genders = [("female", "male", None)[n % 3] for n in range(COUNT)]
    table = clip_table(0.1 + 0.7 * np.eye(3)[KIND], SPLITS, gender=genders)
    table = table.with_task(config["corpus"]["task"], folder)
    results = folder / "results"
    table.write(results / "splits" / "fold1.parquet")
    finetune = config["lora"] if config["encoder"]["finetune"] else None
    settings = {
        "train": {"epochs": 3, "batch_size": 4, "learning_rate": 5e-3},
        "hyper": {},
        "standardise": is_standardised(config, "encoder"),
        "finetune": finetune,
        "encoder": store_settings(config, "encoder"),
        "audio": str(folder / "audio"),
    }
    files = _ahead(folder, table, model, settings["encoder"])
    if finetune is None:
        files = _store(folder, table, settings["encoder"], files)
    files["split"] = str(results / "splits" / "fold1.parquet")
    place = results / "runs" / method / "none" / "k1" / "fold1" / "seed0"
    cell = {"method": method, "source": "none", "k": "1", "fold": "1", "seed": "0"}
    train_cell(CellJob(cell, files, settings, "0123", "4567", config), place)
    predictions = read_made(place / "predictions.parquet", ["clip"])
    metrics = read_record(place / "run.json") | evaluate(predictions, table)
    with complete(place / "counts.parquet") as path:
        speaker_counts(predictions, table).write_parquet(path)
    checksums.write_record(place / "metrics.json", metrics, [place / "counts.parquet"])
    return place


def reseal(run: Path) -> None:
    """Have the record of a run say that its files are as they are now."""
    metrics, files = run / "metrics.json", ("model.safetensors", "counts.parquet")
    checksums.write_record(metrics, read_json(metrics), [run / name for name in files])


def _ahead(
    folder: Path, table: ClipTable, model: Path | None, settings: dict[str, Any]
) -> dict[str, str]:
    """The model's record and the statistics of the waveforms."""
    files = {"listed": str(folder / "listed.csv")}
    write_list(table, files["listed"])
    if model:
        files["model"] = str(folder / "model.json")
        write_record(files["model"], fetch(str(model), "main", "transformers"))
    if settings.get("waveforms") == "corpus":
        files["waveforms"] = str(folder / "waveforms.json")
        audio = Audio(folder / "audio", table.frame["file"].to_list(), settings["seconds"])
        mean, std, _ = waveform_statistics(audio, 0)
        write_json(files["waveforms"], {"mean": mean, "std": std})
    return files


def _store(
    folder: Path, table: ClipTable, settings: dict[str, Any], files: dict[str, str]
) -> dict[str, str]:
    names = {"features": "features.safetensors", "clips": "clips.csv"}
    names |= {"faults": "faults.csv", "source": "source.json"}
    paths = {name: str(folder / "store" / file) for name, file in names.items()}
    source = StoreSource.read(settings, files.get("model"), files.get("waveforms"))
    clips = table.frame.select("clip", "file")
    shard = Shard(clips, str(folder / "audio"), paths, folder / "part", "code")
    extract(source, shard, device="cpu")
    return paths
