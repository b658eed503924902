"""Records: the runs and other files behind the cells of the pages, with facts about them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fairser.core.checksums import check_files, read_record
from fairser.report.settings import keys, said

Run = dict[str, Any]  # the content of a metrics.json
Facts = Sequence[tuple[str, str]]  # pairs of name and value


@dataclass(frozen=True)
class Record:
    """A run or another file."""

    name: str  # such as ``RW annotated, fold 1, seed 0``
    path: str
    facts: Facts  # about it alone
    sections: Sequence[int]  # numbers of the sections of facts that it shares with other records


class Records:
    """Records of a page, and their sections of facts, each of which is kept once."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.sections: list[tuple[str, Facts]] = []

    def add(self, name: str, path: str, sections: Mapping[str, Facts], own: Facts = ()) -> int:
        """Number of a new record; sections without facts are left out."""
        kept = [section for section in sections.items() if section[1]]
        self.sections += [section for section in kept if section not in self.sections]
        numbers = [self.sections.index(section) for section in kept]
        self.records.append(Record(name, path, own, numbers))
        return len(self.records) - 1

    def add_run(self, name: str, path: str, run: Run, sections: Mapping[str, Facts]) -> int:
        """Number of a new record of a run, with these sections after those of every run."""
        best = {key: run[key] for key in ("best_epoch", "best_round") if run.get(key) is not None}
        own = [(key.replace("_", " "), str(value)) for key, value in best.items()]
        own += [(f"{stage}, s", f"{value:.1f}") for stage, value in run["seconds"].items()]
        made = {"commit": run["commit"] or "unknown", "device": run["device"], **run["versions"]}
        common = {
            "Code and machine": facts(made),
            "Configuration where it differs from the default": _changed(json.dumps(run["config"])),
            "Features": origin(run.get("features"), run["versions"]),
            "Groups": origin(run.get("groups"), run["versions"]),
            "Settings of the run": facts(run.get("settings") or {}),
        }
        return self.add(name, path, {**common, **sections}, own)


class Runs:
    """Runs of a grid in their order, by the paths and with the content of their ``metrics.json``.

    Paths begin with the results folder as the configuration names it.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = list(paths)
        self.metrics: list[Run] = [_read(path) for path in self.paths]

    def where(self, **values: Any) -> list[int]:
        """Numbers of the runs with these values; a list allows several."""
        allowed = {n: value if isinstance(value, list) else [value] for n, value in values.items()}
        found = enumerate(self.metrics)
        return [i for i, run in found if all(run[n] in values for n, values in allowed.items())]


def _read(path: str) -> Run:
    """The metrics of a run; all of its files must be those that it made."""
    record = read_record(path)
    check_files(path, record)
    return record


def origin(made: Mapping[str, Any] | None, versions: Mapping[str, str]) -> Facts:
    """A ``source.json`` as facts, with those of its versions that differ from ``versions``."""
    if made is None:
        return []
    other = {k: v for k, v in made.get("versions", {}).items() if versions.get(k) != v}
    return facts({**made, "versions": other})


def facts(data: Mapping[str, Any], prefix: str = "") -> Facts:
    """Nested values as pairs: ``{"model": {"commit": "1"}}`` is ``model commit``: ``1``."""
    found: list[tuple[str, str]] = []
    for key, value in data.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            found += facts(value, f"{name} ")
        elif value is not None:
            found.append((name, said(value)))
    return found


@cache
def _changed(config: str) -> Facts:
    """Changed keys of a configuration in JSON, which most runs share."""
    return [
        (key.name, f"{said(key.value)} (default {said(key.default)})")
        for key in keys(json.loads(config))
        if key.changed
    ]
