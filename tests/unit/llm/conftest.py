"""One tiny random Qwen2-Audio for all tests, and clips of noise."""

from pathlib import Path
from typing import Any

import pytest

from fairser.llm.clips import Clips
from fairser.llm.loading import load_model, load_processor
from fairser.llm.tiny import write_tiny_model
from unit.builders import write_noise
from unit.llm.builders import clip_frame

ROWS = [
    *[(language, "train", emotion, gender) for language in ("eng", "jpn")
      for emotion, gender in (("anger", "female"), ("joy", "male"), ("fear", None))],
]  # fmt: skip


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"), seconds=1, dim=32)


@pytest.fixture(scope="session")
def processor(folder: Path) -> Any:
    return load_processor(folder)


@pytest.fixture
def model(folder: Path) -> Any:
    return load_model(folder, "float32", device="cpu")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Six clips of different lengths in English and Japanese."""
    audio = tmp_path_factory.mktemp("audio")
    write_noise(audio, {f"c{i:03d}.wav": (0.05 + 0.15 * i, 16_000) for i in range(len(ROWS))})
    return Clips(clip_frame(ROWS), ["eng", "jpn"], "train", audio, 1.0)
