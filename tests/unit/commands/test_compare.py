"""The command compare: what it prints and writes, and its exit status."""

from pathlib import Path

import pytest

from fairser.commands.base import BAD_INPUT
from fairser.commands.compare import main
from unit.comparison.test_comparing import ERM
from unit.result_folder import counts, write_run


def test_the_verdict_comes_first_and_a_difference_is_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, out = tmp_path / "a", tmp_path / "b", tmp_path / "out"
    write_run(a, ERM, counts(1))
    write_run(b, ERM, counts(1, worse=0.8))
    assert main([str(a), str(b), "--out", str(out), "--resamples", "500"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 of 1 cells differ beyond noise.\n")
    assert f"a is {a}, b is {b}." in told
    assert "| erm    | none   | 1 | tpr_gap |" in told
    assert str(out / "compare.csv") in told
    assert (out / "compare.md").is_file()


def test_nothing_is_written_unless_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "a", ERM, counts(1))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main([str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    assert "(identical byte for byte: 1)" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert folder.is_dir()


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "a", ERM, counts(1))
    arguments = [str(tmp_path / "a"), str(tmp_path / "no"), "--out", str(tmp_path / "out")]
    assert main(arguments) == BAD_INPUT
    assert "no: no finished run" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option",
    [("--resamples", "99"), ("--resamples", "9999999"), ("--seed", "-1"), ("--seed", "one")],
)
def test_numbers_that_are_none(
    option: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), str(tmp_path), *option])
    assert ended.value.code == BAD_INPUT
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert f"argument {option[0]}: " in said
    assert option[1] in said
