"""What the configuration must have for the second study, beyond its schema."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fairser.config.schema import load_schema
from fairser.core.errors import nearest

LANGUAGES = ("eng", "deu", "jpn")  # of MELD-ST, in the order of tables
LANGUAGE = re.compile("[a-z0-9_]+")  # a part of the names of folders
OWN = "manifest"  # the kind that stands for the section `corpus`
DEMO = "resources/demo_llm"  # made by the workflow
DEMO_MODEL = f"{DEMO}/model"
DEMO_PATHS = {"metadata": DEMO, "audio": f"{DEMO}/audio", "genders": f"{DEMO}/speakers.tsv"}


def in_order(languages: Iterable[str]) -> list[str]:
    """Languages without repeats: those of MELD-ST, then others by name."""
    names = set(languages)
    known = [name for name in LANGUAGES if name in names]
    return known + sorted(names - {*LANGUAGES})


def fill_paths(config: dict[str, Any]) -> None:
    """Paths, where the kind of corpus or the section ``corpus`` says where the files are."""
    corpus = config["llm"]["corpus"]
    if corpus["kind"] == OWN:
        corpus["audio"] = corpus["audio"] or config["corpus"]["audio"]
    if corpus["kind"] == "demo":
        corpus |= {key: corpus[key] or path for key, path in DEMO_PATHS.items()}


def faults(config: dict[str, Any]) -> list[str]:
    """Settings that are each allowed but do not go together; nothing for the other study."""
    if config["study"] != "minmaxgap":
        return []
    llm = config["llm"]
    lines = [*_own(config)] if llm["corpus"]["kind"] == OWN else [*_meldst(llm)]
    shown = llm["tables"]
    if "minmaxgap" in llm["grid"]["objectives"]:
        lines += [
            f"'llm.tables.{name}' is {shown[name]!r}, which 'llm.grid.{name}' does not have."
            for name in ("p", "weighting")
            if shown[name] not in llm["grid"][name]
        ]
    if llm["train"]["micro_batch"] > llm["train"]["batch_size"]:
        lines.append("'llm.train.micro_batch' is larger than 'llm.train.batch_size'.")
    if llm["quantise"] and config["device"] in ("cpu", "mps"):
        lines.append(f"'llm.quantise' needs a GPU, but 'device' is {config['device']}.")
    return lines


def needed(config: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Key and value of each path that is needed, and what needs it."""
    if config["study"] != "minmaxgap":
        return []
    corpus = config["llm"]["corpus"]
    what = "the study minmaxgap"
    if corpus["kind"] == OWN:
        return [("corpus.audio", config["corpus"]["audio"], what)]
    return [(f"llm.corpus.{name}", corpus[name], what) for name in DEMO_PATHS]


def _own(config: dict[str, Any]) -> Iterator[str]:
    """What does not go with a corpus of the section ``corpus``."""
    corpus = config["llm"]["corpus"]
    unread = {"metadata": None, "genders": None, "audio": config["corpus"]["audio"]}
    for key, value in unread.items():
        if corpus[key] != value:
            yield (
                f"'llm.corpus.{key}' is '{corpus[key]}', but kind {OWN} reads what the section "
                "'corpus' names; leave it out."
            )
    for name in in_order(name for names in config["llm"]["grid"]["languages"] for name in names):
        if not LANGUAGE.fullmatch(name) or name == "all":
            yield (
                f"'llm.grid.languages' names '{name}'; the name of a language has small letters, "
                "digits and underscores, and is not 'all'."
            )


def _meldst(llm: dict[str, Any]) -> Iterator[str]:
    """Languages and emotions that MELD-ST does not have."""
    for name in in_order(name for names in llm["grid"]["languages"] for name in names):
        if name not in LANGUAGES:
            yield (
                f"'llm.grid.languages' names '{name}', which MELD-ST does not have."
                f"{nearest(name, list(LANGUAGES))} Allowed: {', '.join(LANGUAGES)}."
            )
    own = load_schema()["properties"]["llm"]["properties"]
    given = {f"prompts.{name}": texts for name, texts in llm["prompts"].items()}
    given |= {"labels": llm["labels"]}
    given |= {f"labels.{name}": words for name, words in llm["labels"].items() if name in LANGUAGES}
    for path, values in given.items():
        part = {"properties": own}
        for key in path.split("."):
            part = part["properties"][key]
        for name in values:
            if name not in part["properties"]:
                known = list(part["properties"])
                yield (
                    f"'llm.{path}.{name}' is for nothing that MELD-ST has."
                    f"{nearest(name, known)} Allowed: {', '.join(known)}."
                )
