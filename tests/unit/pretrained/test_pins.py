"""Pinning: the commit goes into the file that decides, and nothing else in it changes."""

import stat
from pathlib import Path

import pytest
import yaml

from fairser.core.errors import InputError
from fairser.pretrained.pins import pin
from fairser.pretrained.records import Record

COMMIT = "4c66d4806a428f2e922ccfa1a962776e232d487b"
OTHER = "0123456789abcdef0123456789abcdef01234567"
MODEL = "microsoft/wavlm-base-plus"
BASE = """\
# The grid — with a comment, “quotes” and 🎤.
results: results   # any path

encoder:
  kind: transformers   # aligned
  model: microsoft/wavlm-base-plus # hub name or folder
  revision: main                # branch, tag or commit

methods: {rw: {normalise: false}}   # flow
pseudo:
    revision: "main"
"""


def record(model: str = MODEL, revision: str = "main", commit: str | None = COMMIT) -> Record:
    return Record(model, revision, commit, "/models", {})


def write(folder: Path, *texts: str) -> list[Path]:
    """The configuration files, one for each text, written without any translation."""
    files = [folder / f"config{number}.yaml" for number, _ in enumerate(texts)]
    for path, text in zip(files, texts, strict=True):
        path.write_bytes(text.encode())
    return files


def pinned(folder: Path, *texts: str, section: str = "encoder") -> list[str]:
    """What the files hold after the section was pinned, and pinned again."""
    files = write(folder, *texts)
    assert len(pin(files, {section: record()})) == 1
    after = [path.read_bytes().decode() for path in files]
    times = [path.stat().st_mtime_ns for path in files]
    assert pin(files, {section: record()}) == []
    assert times == [path.stat().st_mtime_ns for path in files]
    return after


def test_only_the_value_changes(tmp_path: Path) -> None:
    (file,) = write(tmp_path, BASE)
    assert pin([file], {"encoder": record()}) == [f"{file}: encoder.revision main -> {COMMIT}"]
    expected = BASE.replace("revision: main  ", f"revision: {COMMIT}  ")
    assert file.read_bytes() == expected.encode()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("encoder: {model: M, revision: main} # x\n", "encoder: {model: M, revision: C} # x\n"),
        ("encoder: {kind: t, model: M}\n", "encoder: {kind: t, revision: C, model: M}\n"),
        ("encoder: {kind: t}\n", "encoder: {revision: C, kind: t}\n"),
        ("encoder: {}\n", "encoder: {revision: C}\n"),
        ("{encoder: {model: M}}", "{encoder: {revision: C, model: M}}"),
        ("{seed: 0}", "{encoder: {revision: C}, seed: 0}"),
        ('{"encoder": {"model": "M"}}', '{"encoder": {"revision": "C", "model": "M"}}'),
        ("encoder:\n  # x\n  model: M # y\n", "encoder:\n  # x\n  revision: C\n  model: M # y\n"),
        ("encoder:\n    seconds: 10\n", "encoder:\n    revision: C\n    seconds: 10\n"),
        ("encoder:\r\n  model: M\r\n", "encoder:\r\n  revision: C\r\n  model: M\r\n"),
        ("encoder:\n  model: M\n  revision:\n", "encoder:\n  model: M\n  revision: C\n"),
        ("encoder:\n  model: M\n  revision: null\n", "encoder:\n  model: M\n  revision: C\n"),
        ("encoder:\n  revision: 'main'\n", "encoder:\n  revision: 'C'\n"),
        ("encoder:\nseed: 0\n", "encoder: {revision: C}\nseed: 0\n"),
        ("seed: 0", "seed: 0\nencoder:\n  revision: C\n"),
        ("seed: 0\r\n", "seed: 0\r\nencoder:\r\n  revision: C\r\n"),
        ("# nothing yet\n", "# nothing yet\nencoder:\n  revision: C\n"),
        ("", "encoder:\n  revision: C\n"),
        ("\ufeffencoder:\n  model: M\n", "\ufeffencoder:\n  revision: C\n  model: M\n"),
        ("encoder: {x: 1}\nencoder: {y: M}", "encoder: {x: 1}\nencoder: {revision: C, y: M}"),
        ("d: &d {seconds: 9}\nencoder: *d\n", None),
        ("encoder: &e\n  model: M\nembedding: *e\n", None),
        ("encoder: {model: M, revision: &r main}\nx: *r\n", None),
        ("d: &d {x: 9}\nencoder:\n  <<: *d\n", "d: &d {x: 9}\nencoder:\n  revision: C\n  <<: *d\n"),
    ],
)  # fmt: skip
def test_styles(tmp_path: Path, before: str, after: str | None) -> None:
    before = before.replace("M", MODEL)
    if after is None:
        (file,) = write(tmp_path, before)
        with pytest.raises(InputError, match=f"config0.*without changing more.*revision: {COMMIT}"):
            pin([file], {"encoder": record()})
        assert file.read_text() == before
    else:
        assert pinned(tmp_path, before) == [after.replace("M", MODEL).replace("C", COMMIT)]


def test_several_sections_at_once(tmp_path: Path) -> None:
    (file,) = write(tmp_path, BASE)
    records = {
        "encoder": record(),
        "embedding": record("lab/ecapa", commit=OTHER),
        "pseudo": record("lab/age-gender"),
    }
    sentences = pin([file], records)
    assert sentences == [
        f"{file}: encoder.revision main -> {COMMIT}",
        f"{file}: embedding.revision (none) -> {OTHER}",
        f"{file}: pseudo.revision main -> {COMMIT}",
    ]
    expected = BASE.replace("revision: main  ", f"revision: {COMMIT}  ")
    expected = expected.replace('"main"', f'"{COMMIT}"') + f"embedding:\n  revision: {OTHER}\n"
    assert file.read_bytes() == expected.encode()
    assert pin([file], records) == []


@pytest.mark.parametrize(
    ("overlays", "decides"),
    [
        ([], 0),
        (["train: {epochs: 1}\n"], 0),
        (["encoder: {seconds: 5}\n"], 0),
        (["encoder: {revision: main}\n"], 1),
        (["encoder: {revision: main}\n", "seed: 0\n"], 1),
        (["encoder: {revision: v1}\n", "encoder: {revision: main}\n"], 2),
        ([f"encoder: {{model: {MODEL}}}\n"], 1),
        (["encoder: {revision: main}\n", f"encoder:\n  model: {MODEL}\n"], 2),
        ([f"encoder:\n  model: {MODEL}\n", "encoder: {revision: main}\n"], 2),
    ],
)
def test_the_file_that_decides(tmp_path: Path, overlays: list[str], decides: int) -> None:
    texts = [BASE, *overlays]
    after = pinned(tmp_path, *texts)
    changed = [number for number, text in enumerate(texts) if after[number] != text]
    assert changed == [decides]
    assert yaml.safe_load(after[decides])["encoder"]["revision"] == COMMIT


def test_overlay_with_another_model(tmp_path: Path) -> None:
    files = write(tmp_path, BASE, "encoder:\n  model: lab/other  # mine\n")
    pin(files, {"encoder": record("lab/other", commit=OTHER)})
    assert files[0].read_text() == BASE
    expected = f"encoder:\n  revision: {OTHER}\n  model: lab/other  # mine\n"
    assert files[1].read_text() == expected


def test_nowhere_means_the_first_file(tmp_path: Path) -> None:
    first, second = pinned(tmp_path, "seed: 0\n", "epochs: 1\n")
    assert first == f"seed: 0\nencoder:\n  revision: {COMMIT}\n"
    assert second == "epochs: 1\n"


def test_local_folder_is_left_out_and_said(tmp_path: Path) -> None:
    files = write(tmp_path, BASE)
    (sentence,) = pin(files, {"encoder": record("./mine", commit=None)})
    assert sentence == "encoder: ./mine is a local folder, with no commit to pin."
    assert files[0].read_text() == BASE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (record("lab/other"), "encoder.model is 'microsoft/wavlm-base-plus'.*'lab/other'"),
        (record(revision="v2"), "encoder.revision is 'main'.*has 'v2'.*download_models"),
    ],
)
def test_record_of_another_model(tmp_path: Path, wrong: Record, message: str) -> None:
    files = write(tmp_path, BASE)
    with pytest.raises(InputError, match=message):
        pin(files, {"pseudo": record(), "encoder": wrong})
    assert files[0].read_text() == BASE, "nothing is written if one section fails"


def test_commit_of_digits_stays_text(tmp_path: Path) -> None:
    files = write(tmp_path, BASE)
    digits = "1234567890" * 4
    pin(files, {"encoder": record(commit=digits)})
    assert yaml.safe_load(files[0].read_text())["encoder"]["revision"] == digits


def test_mode_and_link_are_kept(tmp_path: Path) -> None:
    (file,) = write(tmp_path, BASE)
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file.name)
    pin([link], {"encoder": record()})
    assert link.is_symlink()
    assert COMMIT in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"encoder: {model: [}\n", "config.yaml is no YAML"),
        (b"- encoder\n", "config.yaml is no configuration"),
        (b"encoder: wavlm\n", "config.yaml: 'encoder' is 'wavlm', a mapping"),
        (b"\xff", "config.yaml: the configuration cannot be read"),
        (None, "config.yaml: the configuration cannot be read"),
    ],
)
def test_bad_files(tmp_path: Path, text: bytes | None, message: str) -> None:
    file = tmp_path / "config.yaml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(InputError, match=message):
        pin([file], {"encoder": record()})
