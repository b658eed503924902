"""What every command does around its work."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from fairser.commands.base import BAD_INPUT, command, read_config, whole_number
from fairser.core.errors import InputError
from workflow.runner import ROOT


def test_bad_input_prints_the_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(arguments: Sequence[str] | None = None) -> int:
        raise InputError("clips.csv, row 3: fix it.")

    assert main([]) == BAD_INPUT
    assert capsys.readouterr().err == "Error: clips.csv, row 3: fix it.\n"


def test_a_bug_keeps_its_traceback() -> None:
    @command
    def main(arguments: Sequence[str] | None = None) -> int:
        raise KeyError("speaker")

    with pytest.raises(KeyError):
        main([])


def test_configuration_files_are_merged(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"results": "elsewhere", "grid": {"k": [3]}}))
    config = read_config([str(ROOT / "config.yaml"), str(mine)])
    assert (config["results"], config["grid"]["k"]) == ("elsewhere", [3])
    assert config["grid"]["seeds"] == [0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("a: [1", "not readable as YAML"),
        ("- a", "not a mapping"),
        ("resluts: x", "Did you mean 'results'"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str | None, message: str) -> None:
    mine = tmp_path / "mine.yaml"
    if text is not None:
        mine.write_text(text)
    with pytest.raises(InputError, match=message):
        read_config([str(mine)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "0 is less than 1"),
        ("-4", "-4 is less"),
        ("x", "'x'"),
        ("9" * 23, "is more than 1000000000"),
    ],
)
def test_a_number_of_things_is_whole(text: str, message: str) -> None:
    assert whole_number(1)("12") == 12
    with pytest.raises((ArgumentTypeError, ValueError), match=message):
        whole_number(1)(text)
