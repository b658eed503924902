"""The command that exports a run."""

from pathlib import Path

import pytest

from fairser.commands.base import BAD_INPUT
from fairser.commands.export import main
from unit.run_builder import make_run


def test_a_package_and_its_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, folder = make_run(tmp_path), tmp_path / "package"
    assert main([str(run), str(folder), "--zip"]) == 0
    told = capsys.readouterr().out
    assert f"{folder}: " in told
    assert "README.md" in told
    assert (folder / "predict.py").is_file()
    assert (tmp_path / "package.zip").is_file()
    assert main([str(run), str(folder)]) == BAD_INPUT
    assert "exists already" in capsys.readouterr().err


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "run"), str(tmp_path / "package")]) == BAD_INPUT
    assert "is no run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
