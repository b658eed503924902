"""The encoder below a model: found where it is, and never another one."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fairser.pretrained.hub import fetch, find_encoder
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_wavlm

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_wavlm(tmp_path / "wavlm")


@pytest.fixture
def record(folder: Path) -> dict[str, Any]:
    """Of a model in a folder."""
    return asdict(fetch(str(folder), "main", "transformers"))


def test_where_the_run_found_it(record: dict[str, Any], folder: Path) -> None:
    assert find_encoder(record) == folder


def test_a_folder_that_is_given(record: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    moved = folder.rename(tmp_path / "moved")
    assert find_encoder(record, moved) == moved
    (moved / WEIGHTS).rename(tmp_path / WEIGHTS)
    assert_refused((str(moved), WEIGHTS, "--model"), find_encoder, record, moved)


def test_a_folder_that_is_gone(record: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "moved")
    assert_refused((str(folder), "--model"), find_encoder, record)
    del record["folder"]  # as in a package
    assert_refused((record["model"], "--model"), find_encoder, record)


@pytest.mark.parametrize("given", [False, True])
def test_other_weights(record: dict[str, Any], folder: Path, tmp_path: Path, given: bool) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other")) if given else folder
    content = bytearray((other / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (other / WEIGHTS).write_bytes(content)
    told = (str(other / WEIGHTS), record["files"][WEIGHTS])
    assert_refused(told, find_encoder, record, other if given else None)
