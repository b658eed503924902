"""Names of stores: changed by what changes their content, and by nothing else."""

from pathlib import Path
from typing import Any

import pytest

from fairser.config.configuration import resolve
from fairser.config.schema import Config
from fairser.config.store_names import (
    SECTIONS,
    clip_list_name,
    is_standardised,
    section_of,
    store_name,
    store_settings,
    waveform_statistics_name,
)

CORPUS = {"kind": "emosuperb", "labels": "own/labels", "audio": "own/wavs"}
MODELS: dict[str, Any] = {"corpus": CORPUS}
SIGNALS: dict[str, Any] = {
    "corpus": CORPUS,
    "encoder": {"kind": "fbank"},
    "embedding": {"kind": "mfcc"},
    "pseudo": {"kind": "pitch"},
}
OWN: dict[str, Any] = {
    "corpus": CORPUS,
    "encoder": {"kind": "precomputed", "features": "f", "clips": "c"},
    "embedding": {"kind": "precomputed", "features": "g", "clips": "d"},
    "pitch": {"kind": "precomputed", "features": "h", "clips": "e"},
    "pseudo": {"kind": "precomputed", "probabilities": "p"},
}
ALL = set(SECTIONS)
LOADING = ("encoder", "embedding", "pseudo")  # sections whose kind can load a model


def change(config: dict[str, Any], key: str, value: Any) -> Config:
    """The resolved configuration with another value, given as ``section.name``."""
    section, _, name = key.partition(".")
    part = {**config.get(section, {}), name: value} if name else value
    return resolve({**config, section: part})


def renamed(config: dict[str, Any], key: str, value: Any) -> set[str]:
    """Sections whose store gets another name."""
    before, after = resolve(config), change(config, key, value)
    section, _, name = key.partition(".")
    values = [c[section][name] if name else c[section] for c in (before, after)]
    assert values[0] != values[1], "this changes nothing"
    return {s for s in SECTIONS if store_name(before, s) != store_name(after, s)}


@pytest.mark.parametrize("config", [MODELS, SIGNALS], ids=["models", "signals"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("corpus.kind", "cremad"),
        ("corpus.labels", "other"),
        ("corpus.manifest", "other"),
        ("corpus.audio", "other"),
    ],
)
def test_another_corpus_renames_everything(config: dict, key: str, value: str) -> None:
    assert renamed(config, key, value) == ALL
    for name in (waveform_statistics_name, clip_list_name):
        assert name(resolve(config)) != name(change(config, key, value))


@pytest.mark.parametrize("section", LOADING)
@pytest.mark.parametrize(("name", "value"), [("model", "x/y"), ("revision", "0123abcd")])
def test_a_section_renames_its_own_store(section: str, name: str, value: Any) -> None:
    assert renamed(MODELS, f"{section}.{name}", value) == {section}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_length_of_clips_renames_a_store(section: str) -> None:
    assert renamed(MODELS, f"{section}.seconds", 5) == {section}


@pytest.mark.parametrize("section", LOADING)
def test_kinds_have_names_of_their_own(section: str) -> None:
    kind = SIGNALS[section]["kind"]
    assert renamed(MODELS, f"{section}.kind", kind) == {section}
    assert store_name(resolve(SIGNALS), section).startswith(f"{kind}-")


def test_waves_are_the_encoders_alone() -> None:
    assert renamed(MODELS, "encoder.waveforms", "raw") == {"encoder"}
    assert [store_settings(resolve(MODELS), s)["waveforms"] for s in LOADING] == [
        "corpus",
        "raw",
        "raw",
    ]


@pytest.mark.parametrize(
    ("key", "value"), [("extraction.precision", "bfloat16"), ("extraction.store", "float16")]
)
def test_numbers_of_models_rename_their_stores(key: str, value: str) -> None:
    assert renamed(MODELS, key, value) == set(LOADING)
    assert renamed(SIGNALS, key, value) == set()


@pytest.mark.parametrize("section", LOADING)
@pytest.mark.parametrize(("name", "value"), [("model", "x/y"), ("revision", "abc")])
def test_what_a_kind_does_not_use_renames_nothing(section: str, name: str, value: str) -> None:
    assert renamed(SIGNALS, f"{section}.{name}", value) == set()


def test_waves_of_signals_rename_nothing() -> None:
    assert renamed(SIGNALS, "encoder.waveforms", "raw") == set()


@pytest.mark.parametrize("config", [MODELS, SIGNALS, OWN], ids=["models", "signals", "own"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("results", "elsewhere"),
        ("device", "cpu"),
        ("extraction.shards", 4),
        ("extraction.threads", 3),
        ("extraction.failures", 0.1),
        ("train.memory_mb", 1),
        ("train.checkpoint_seconds", 1),
        ("train.epochs", 3),
        ("encoder.standardise", True),
        ("embedding.standardise", False),
        ("corpus.demographics", "speakers.csv"),
        ("corpus.classes", ["angry", "sad"]),
        ("corpus.folds", 7),
        ("corpus.speaker", ["SpkrID", "Gender"]),
        ("corpus.licence", "CC0-1.0"),
        ("corpus.task", "single_label"),
        ("bias.attribute", "race"),
        ("bias.ratio", 5),
        ("grid.seeds", [1]),
        ("lora.rank", 4),
    ],
)
def test_what_changes_no_feature_renames_nothing(config: dict, key: str, value: Any) -> None:
    assert renamed(config, key, value) == set()
    for name in (waveform_statistics_name, clip_list_name):
        assert name(resolve(config)) == name(change(config, key, value))


@pytest.mark.parametrize(
    ("columns", "same"),
    [
        ({"speaker": "client_id", "emotion": "label", "split": "set"}, True),
        ({"file": "path"}, False),
        ({"clip": "name"}, False),
    ],
)
def test_columns_rename_where_they_tell_the_clips(columns: dict[str, str], same: bool) -> None:
    corpus = {"kind": "manifest", "manifest": "a/clips.csv"}
    before, after = (
        resolve({**SIGNALS, "corpus": {**corpus, "columns": c}}) for c in ({}, columns)
    )
    for name in (waveform_statistics_name, clip_list_name):
        assert (name(before) == name(after)) == same


@pytest.mark.parametrize("section", ["encoder", "embedding"])
@pytest.mark.parametrize("name", ["features", "clips"])
def test_files_of_the_users_own_rename_their_store(section: str, name: str) -> None:
    assert renamed(OWN, f"{section}.{name}", "other") == {section}


def names(config: dict[str, Any]) -> set[str]:
    """All names in the folder of features."""
    resolved = resolve(config)
    stores = {store_name(resolved, section) for section in SECTIONS}
    return stores | {waveform_statistics_name(resolved), clip_list_name(resolved)}


@pytest.mark.parametrize("config", [MODELS, SIGNALS, OWN], ids=["models", "signals", "own"])
def test_a_relative_path_is_another_file_in_another_place(
    config: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the folder of features goes with it: a project may move."""
    found = {}
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        found[place] = [
            names({**config, "features": features})
            for features in ("resources/features", str(tmp_path / "shared"))
        ]
    assert found["here"][0] == found["there"][0]
    assert found["here"][1] & found["there"][1] == set()


def test_a_model_in_a_relative_folder_is_another_one_in_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = {"kind": "emosuperb", "labels": "/corpus/labels", "audio": "/corpus/wavs"}
    config = {"corpus": corpus, "features": str(tmp_path)}
    hub, folder = [], []
    for place in ("here", "there"):
        (tmp_path / place / "model").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / place)
        hub.append(names(config))
        folder.append(names({**config, "encoder": {"model": "model"}}))
    assert hub[0] == hub[1]
    assert len(folder[0] - folder[1]) == 1


def test_name_of_the_statistics_of_the_waves() -> None:
    before = waveform_statistics_name(resolve(MODELS))
    assert before.startswith("waveforms-")
    assert waveform_statistics_name(change(MODELS, "encoder.seconds", 5)) != before
    for key in "encoder.model", "encoder.revision", "embedding.model":
        assert waveform_statistics_name(change(MODELS, key, "x/y")) == before
    assert waveform_statistics_name(change(MODELS, "embedding.seconds", 5)) == before


@pytest.mark.parametrize("config", [MODELS, SIGNALS, OWN], ids=["models", "signals", "own"])
def test_the_section_follows_from_the_name(config: dict) -> None:
    resolved = resolve(config)
    names = {store_name(resolved, section): section for section in SECTIONS}
    assert len(names) == len(SECTIONS)
    assert {name: section_of(resolved, name) for name in names} == names


def test_settings_hold_all_that_a_job_needs() -> None:
    resolved = resolve(MODELS)
    assert store_settings(resolved, "encoder") == {
        "kind": "transformers",
        "seconds": 10,
        "model": "microsoft/wavlm-base-plus",
        "revision": "main",
        "precision": "float32",
        "store": "float32",
        "waveforms": "corpus",
        "pooling": "mean over frames",
    }
    assert store_settings(resolve(SIGNALS), "pseudo") == {"kind": "pitch", "seconds": 10}


@pytest.mark.parametrize(
    ("config", "expected"), [(MODELS, (False, False)), (SIGNALS, (True, True)), (OWN, (True, True))]
)
def test_values_of_models_are_used_as_they_are(config: dict, expected: tuple[bool, bool]) -> None:
    resolved = resolve(config)
    assert (
        is_standardised(resolved, "encoder"),
        is_standardised(resolved, "embedding"),
    ) == expected
    for wanted in True, False:
        other = change(config, "encoder.standardise", wanted)
        assert is_standardised(other, "encoder") is wanted
