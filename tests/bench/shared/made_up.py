"""A corpus without audio: a manifest with random precomputed features."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file

CLIPS, SPEAKERS, LAYERS, DIM = 80, 20, 1, 4


def write_corpus(folder: Path, folds: int) -> dict[str, Any]:
    """Write clips of women and men with two emotions; the configuration that names the files."""
    numbers = np.arange(CLIPS)
    speakers = numbers % SPEAKERS
    names = [f"c{number:02d}" for number in numbers]
    clips = {"clip": names, "file": [f"{name}.wav" for name in names], "speaker": speakers}
    genders = np.array(["male", "female"])[speakers % 2]
    emotions = np.array(["happy", "sad"])[numbers // SPEAKERS % 2]
    pl.DataFrame(clips | {"gender": genders, "emotion": emotions}).write_csv(folder / "clips.csv")
    pl.DataFrame({"clip": names}).write_csv(folder / "names.csv")
    female = (speakers % 2).astype(float)
    probabilities = {"clip": names, "p_female": female, "p_male": 1 - female}
    pl.DataFrame(probabilities).write_csv(folder / "pseudo.csv")
    values = np.random.default_rng(0).standard_normal((CLIPS, LAYERS, DIM), dtype=np.float32)
    save_file({"features": values}, folder / "features.safetensors")
    (folder / "audio").mkdir()
    corpus = {"kind": "manifest", "manifest": "clips.csv", "audio": "audio", "folds": folds}
    store = {"kind": "precomputed", "features": "features.safetensors", "clips": "names.csv"}
    pseudo = {"kind": "precomputed", "probabilities": "pseudo.csv"}
    return {"corpus": corpus, "encoder": store, "embedding": store, "pseudo": pseudo}
