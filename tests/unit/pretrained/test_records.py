"""Records of models: their names, what they say, and what is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fairser.core.errors import InputError
from fairser.pretrained.records import (
    Record,
    is_folder,
    local_files,
    locate,
    pins,
    read_record,
    record_name,
    write_record,
)
from unit.model_files import MODEL, NEEDED, USELESS, WEIGHTS, digests, folder_with


def test_local_files(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", {**NEEDED, **USELESS})
    expected = [str(folder / name) for name in sorted(NEEDED)]
    assert local_files(str(folder), "transformers") == expected
    assert local_files(str(folder), "ecapa") == []
    assert local_files(str(tmp_path / "none"), "transformers") == []
    assert local_files(MODEL, "transformers") == []


def record_of(folder: Path) -> Record:
    folder_with(folder, NEEDED)
    return Record(MODEL, "main", "0" * 40, str(folder), digests(NEEDED))


def test_record_is_rewritten_only_if_it_changes(tmp_path: Path) -> None:
    path, record = tmp_path / "records/model.json", record_of(tmp_path / "model")
    write_record(path, record)
    assert read_record(path) == record
    os.utime(path, (1, 1))
    write_record(path, record)
    assert path.stat().st_mtime == 1
    other = Record(MODEL, "main", "1" * 40, record.folder, record.files)
    write_record(path, other)
    assert path.stat().st_mtime > 1
    assert read_record(path) == other
    path.write_text("{")
    write_record(path, record)
    assert read_record(path) == record


@pytest.mark.parametrize("text", ["{", "[]", '{"model": "x"}', "3", None])
def test_bad_record(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "model.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"model\.json: damaged .*snakemake --force"):
        locate(path)


def test_locate(tmp_path: Path) -> None:
    path, record = tmp_path / "record.json", record_of(tmp_path / "model")
    write_record(path, record)

    assert locate(path) == tmp_path / "model"

    Path(record.folder, WEIGHTS).unlink()
    with pytest.raises(InputError) as caught:
        locate(path)
    assert str(caught.value) == (
        f"The weights of {MODEL} (revision main) are not where {path} says ({record.folder} lacks "
        f"{WEIGHTS}). Delete this record and run `snakemake download_models`, with the same "
        "HF_HOME."
    )
    shutil.rmtree(record.folder)
    with pytest.raises(InputError, match=r"lacks config\.json"):
        locate(path)


def test_pins_are_configuration() -> None:
    records = {
        "encoder": Record(MODEL, "main", "4c66d4806a428f2e922ccfa1a962776e232d487b", "/x", {}),
        "embedding": Record("./mine", "main", None, "/mine", {}),
        "pseudo": Record("lab/age-gender", "v1", "1234567890" * 4, "/y", {}),
    }
    text = pins(records)
    assert yaml.safe_load(text) == {
        "encoder": {"revision": "4c66d4806a428f2e922ccfa1a962776e232d487b"},
        "pseudo": {"revision": "1234567890" * 4},
    }
    assert all(record.model in text for record in records.values())
    assert yaml.safe_load(pins({"embedding": records["embedding"]})) is None


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("microsoft/wavlm-base-plus", False),
        ("wavlm", False),
        ("a/b_c.d-e", False),
        ("a/b/c", True),
        ("./wavlm", True),
        ("/models/wavlm", True),
        ("~/wavlm", True),
        ("../wavlm", True),
        (".", True),
        ("", True),
        ("a--b/c", True),
        ("here", True),
        ("here/there", True),
    ],
)
def test_is_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, expected: bool
) -> None:
    (tmp_path / "here/there").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert is_folder(model) is expected


def test_record_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert record_name("microsoft/wavlm-base-plus", "main") == "microsoft--wavlm-base-plus@main"
    assert record_name("wavlm", "v1.0") == "wavlm@v1.0"
    assert record_name("./my models", "main").startswith("local-my-models-")
    assert record_name("./my models", "main") == record_name(f"{tmp_path}/my models/", "v2")
    inputs = [
        *[("a/b", revision) for revision in ("main", "refs/pr/1", "refs-pr-1", "refs--pr-1")],
        *[("a/b", revision) for revision in ("refs/pr-1", "a@b", "a b", "{x}", "..", "")],
        *[("b", "main"), ("a/b-", "main"), ("a-/b", "main"), ("./a", "main"), ("./b/a", "main")],
    ]
    names = {record_name(*given) for given in inputs}
    assert len(names) == len(inputs)
    assert all(name.replace("@", "").replace(".", "").replace("-", "").isalnum() for name in names)


def test_import_is_light() -> None:
    heavy = "{'huggingface_hub', 'torch'}"
    code = f"import sys, fairser.pretrained.records; assert not {heavy} & set(sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
