"""Configurations that are wrong say what to write instead; those that are right are filled in."""

from pathlib import Path
from typing import Any

import pytest

from fairser.config.configuration import (
    check_folder,
    check_inputs,
    label_files,
    made_folder,
    make_results,
    resolve,
)
from fairser.core.errors import InputError


def message(config: dict) -> str:
    with pytest.raises(InputError) as caught:
        resolve(config)
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        (
            {"trian": {}},
            [
                "'trian' is no key",
                "Did you mean 'train'?",
                "Allowed: results, features, plugins, container, corpus",
            ],
        ),
        ({"grid": {"method": ["erm"]}}, ["'grid.method' is no key", "mean 'methods'?", "folds"]),
        ({"grid": {"methods": ["gdor"]}}, ["'grid.methods' is 'gdor'", "mean 'gdro'?", "pgdro"]),
        ({"corpus": {"kind": "crema-d"}}, ["'corpus.kind' is 'crema-d'", "mean 'cremad'?"]),
        ({"train": {"epochs": "many"}}, ["'train.epochs' is 'many'", "a whole number"]),
        ({"train": {"epochs": 2.5}}, ["'train.epochs' is 2.5", "a whole number"]),
        ({"train": {"epochs": 0}}, ["'train.epochs' is 0", "at least 1"]),
        ({"train": {"learning_rate": 0}}, ["'train.learning_rate' is 0", "more than 0"]),
        ({"bias": {"ratio": True}}, ["'bias.ratio' is True", "a finite number or null"]),
        ({"grid": {"folds": []}}, ["'grid.folds' is []", "at least 1"]),
        ({"grid": {"folds": [1, 1]}}, ["'grid.folds' is [1, 1]", "only once"]),
        ({"grid": ["erm"]}, ["'grid' is ['erm']", "a group of keys"]),
        ({"methods": {"lff": {"momentum": 1}}}, ["'methods.lff.momentum' is 1", "less than 1"]),
        ({"methods": {"gdro": {"etta": 1}}}, ["'methods.gdro.etta' is no key", "mean 'eta'?"]),
        ({"figures": {"method": "rv"}}, ["'figures.method' is 'rv'", "mean 'rw'?"]),
        ({"corpus": {"kind": "manifest"}}, ["'corpus.manifest' is null", "needs it"]),
        ({"corpus": {"kind": "emosuperb"}}, ["'corpus.labels' is null"]),
        ({"encoder": {"kind": "precomputed"}}, ["'encoder.features'", "'encoder.clips'"]),
        ({"pseudo": {"kind": "precomputed"}}, ["'pseudo.probabilities' is null"]),
        ({"corpus": {"labels": "x"}}, ["'corpus.audio' is null; encoder kind 'transformers'"]),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(config: dict, parts: list[str]) -> None:
    text = message(config)
    assert [part for part in parts if part not in text] == []


def test_all_faults_are_told_at_once() -> None:
    text = message({"trian": {}, "train": {"epochs": "x", "batch_size": -1}})
    assert text.count("\n") == 3


def test_numbers_that_arrive_as_text() -> None:
    # PyYAML reads 1e-4 as a text, and so does `--config` every number.
    train = resolve({"train": {"learning_rate": "1e-4", "epochs": "5", "clip_norm": "2"}})["train"]
    assert train == {
        "learning_rate": 1e-4,
        "epochs": 5,
        "batch_size": 32,
        "clip_norm": 2.0,
        "memory_mb": 2000,
        "together": "cell",
        "checkpoint_seconds": 60,
    }
    assert resolve({"grid": {"folds": ["1", "2"]}})["grid"]["folds"] == [1, 2]


def test_defaults_are_filled_in_without_touching_the_input() -> None:
    given = {"bias": {"ratio": None}}
    resolved = resolve(given)
    assert resolved["bias"] == {"attribute": "gender", "ratio": None, "seed": 0}
    assert resolved["corpus"]["labels"] == "resources/cremad/labels"
    assert resolved["corpus"]["audio"] == "resources/cremad/AudioWAV"
    assert given == {"bias": {"ratio": None}}


def test_files_of_the_users_own_are_not_replaced() -> None:
    corpus = resolve({"corpus": {"labels": "own", "audio": "wavs"}})["corpus"]
    assert (corpus["labels"], corpus["demographics"], corpus["audio"]) == ("own", None, "wavs")
    assert made_folder(corpus) is None
    manifest = resolve({"corpus": {"kind": "manifest", "manifest": "a/b.csv"}})["corpus"]
    assert manifest["audio"] == "a"


def test_label_files_of_a_made_corpus_need_not_be_there(tmp_path: Path) -> None:
    corpus = resolve({"corpus": {"kind": "demo"}})["corpus"]
    assert made_folder(corpus) == "resources/demo"
    assert label_files(corpus)[4] == "resources/demo/labels/labels_consensus_5.csv"
    (tmp_path / "labels_consensus_2.csv").touch()
    assert label_files({**corpus, "labels": str(tmp_path)}) == [
        str(tmp_path / "labels_consensus_2.csv")
    ]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    own = {"labels": str(tmp_path), "audio": str(tmp_path)}
    for fold in (1, 2):
        (tmp_path / f"labels_consensus_{fold}.csv").touch()
    check_inputs(resolve({"corpus": own}))
    with pytest.raises(InputError, match=r"'corpus\.demographics' is 'no\.csv', which does not"):
        check_inputs(resolve({"corpus": own | {"demographics": "no.csv"}}))
    with pytest.raises(InputError, match=r"'pseudo\.probabilities' is 'p\.csv', which does not"):
        pseudo = {"kind": "precomputed", "probabilities": "p.csv"}
        check_inputs(resolve({"corpus": own, "pseudo": pseudo}))


def test_results_folder(tmp_path: Path) -> None:
    new = tmp_path / "a" / "b"
    check_folder("results", new)
    assert not new.exists()
    make_results(new)
    assert list(new.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"'features' is '.*file' is a file"):
        check_folder("features", tmp_path / "file" / "below")
    with pytest.raises(InputError, match="can't be written to"):
        make_results(tmp_path / "file")


@pytest.mark.parametrize("name", ["{x}", "a{", "b}/c", "two\nlines", "a\tb"])
@pytest.mark.parametrize("key", ["results", "features", "corpus.manifest", "bias.attribute"])
def test_names_with_a_meaning_to_snakemake(key: str, name: str) -> None:
    config: Any = name
    for part in reversed(key.split(".")):
        config = {part: config}
    assert f"'{key}' is {name!r}, but " in message(config)
    assert "has a meaning in the paths" in message(config)


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000])
def test_a_folder_whose_name_is_too_long(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"'features' is .* is no path \(File name too long\)"):
        check_folder("features", tmp_path / name)
    with pytest.raises(InputError, match=r"'corpus\.demographics' is .*, which does not exist"):
        check_inputs(resolve({"corpus": {"demographics": str(tmp_path / name)}}))


def test_a_folder_that_is_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"'features' is .*, but '.*link' is a file or"):
        check_folder("features", tmp_path / "link")


@pytest.mark.parametrize("name", ["a[1]", "b*?", "with space", "ü", "a'b"])
def test_folders_with_names_that_are_unusual_but_work(tmp_path: Path, name: str) -> None:
    check_folder("results", tmp_path / name)


LORA = {"finetune": "lora"}


@pytest.mark.parametrize(
    ("encoder", "methods", "parts"),
    [
        (LORA, ["erm", "lff"], ["'grid.methods' names lff, which trains heads of its own"]),
        (
            LORA,
            ["disent"],
            ["names disent", "there are erm, pgdro, ds, rw, gdro, gadro, minmaxgap, cvar, "],
        ),
        (LORA, ["random"], ["names random", "with 'encoder.finetune' there are"]),
        (
            LORA | {"kind": "fbank"},
            ["erm"],
            ["encoder kind 'fbank' has nothing to train; set 'encoder.kind' to transformers."],
        ),
        (
            LORA | {"kind": "precomputed", "features": "f", "clips": "c"},
            ["erm"],
            ["encoder kind 'precomputed' has nothing to train"],
        ),
        (
            LORA | {"standardise": True},
            ["erm"],
            ["'encoder.standardise' is true, but features that are trained", "set it to null"],
        ),
        ({"finetune": "full"}, ["erm"], ["'encoder.finetune' is 'full'", "lora, None"]),
    ],
)
def test_what_cannot_be_finetuned_is_refused(
    encoder: dict, methods: list[str], parts: list[str]
) -> None:
    text = message({"encoder": encoder, "grid": {"methods": methods}})
    assert text.count("\n") == 1
    assert [part for part in parts if part not in text] == []


def test_sources_that_train_on_pooled_features_are_refused_where_there_are_none() -> None:
    grid = {"methods": ["erm", "rw"], "sources": ["none", "errors", "pitch_bins"]}
    text = message({"encoder": LORA, "grid": grid})
    assert text.count("\n") == 1
    assert "'grid.sources' names errors" in text
    assert "'encoder.finetune'" in text


def test_what_can_be_finetuned_is_not() -> None:
    methods = ["erm", "rw", "ds", "gdro", "gadro", "pgdro"]
    resolved = resolve({"encoder": LORA, "grid": {"methods": methods}})
    assert resolved["lora"]["modules"] == ["intermediate_dense", "output_dense"]
    everything = message({"encoder": LORA})
    assert [name for name in ("random", "lff", "disent") if f"names {name}," in everything] == [
        "random",
        "lff",
        "disent",
    ]
    # Without it neither the methods nor the statistics are restricted.
    resolve({"encoder": {"kind": "fbank", "standardise": True}})
