"""The command that writes the configuration reference."""

from pathlib import Path

import pytest

from fairser.commands.config_reference import main
from fairser.config import reference


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "docs" / "configuration.md")
    return reference.PAGE


def test_it_writes_what_it_checks(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 1
    assert "run scripts/config_reference.py" in capsys.readouterr().err
    assert not target.exists()
    assert main([]) == 0
    assert target.read_text(encoding="utf-8") == reference.page()
    assert main(["--check"]) == 0


def test_a_stale_page_is_found_and_left(target: Path) -> None:
    main([])
    stale = target.read_text(encoding="utf-8").replace("`20`", "`10`")
    target.write_text(stale, encoding="utf-8")
    assert main(["--check"]) == 1
    assert target.read_text(encoding="utf-8") == stale
