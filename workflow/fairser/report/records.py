"""Runs and other files as what lies behind the cells of the pages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fairser.config.schema import Config
from fairser.core.files import read_json
from fairser.report.pages import Facts, Record
from fairser.report.settings import changes, said

Run = dict[str, Any]  # the content of a metrics.json


class Records:
    """Records of a page, and the sections of facts that they share, each of which is kept once."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.sections: list[tuple[str, Facts]] = []
        self._numbers: dict[str, int] = {}

    def add(self, name: str, path: str, facts: Facts, sections: Sequence[tuple[str, Facts]]) -> int:
        """Number of a new record; sections without facts are left out."""
        numbers = [self._number(section) for section in sections if section[1]]
        self.records.append(Record(name, path, facts, numbers))
        return len(self.records) - 1

    def _number(self, section: tuple[str, Facts]) -> int:
        key = json.dumps(section)
        if key not in self._numbers:
            self._numbers[key] = len(self.sections)
            self.sections.append(section)
        return self._numbers[key]


@dataclass(frozen=True)
class Runs:
    """Runs of a grid in their order.

    Attributes:
        paths: of their ``metrics.json``, as the configuration names the results.
        metrics: what stands there.
    """

    paths: Sequence[str]
    metrics: Sequence[Run]

    @classmethod
    def read(cls, paths: Iterable[str]) -> "Runs":
        found = list(paths)
        return cls(found, [read_json(path) for path in found])

    def where(self, **values: Any) -> list[int]:
        """Numbers of the runs with these values; a list or tuple allows several."""
        allowed = {
            name: value if isinstance(value, list | tuple) else (value,)
            for name, value in values.items()
        }
        return [
            number
            for number, run in enumerate(self.metrics)
            if all(run[name] in choice for name, choice in allowed.items())
        ]


def run_record(
    records: Records,
    name: str,
    path: str,
    run: Run,
    config: Config,
    more: Sequence[tuple[str, Facts]] = (),
) -> int:
    """Add a run.

    Args:
        records: of the page.
        name: of the run.
        path: of its ``metrics.json``.
        run: what stands there.
        config: the resolved configuration, for runs that do not record it.
        more: sections of facts to add.
    """
    best = {key: run[key] for key in ("best_epoch", "best_round") if run.get(key) is not None}
    own = [(key.replace("_", " "), str(value)) for key, value in best.items()]
    own += [(f"{stage}, s", f"{value:.1f}") for stage, value in run["seconds"].items()]
    made = {"commit": run["commit"] or "unknown", "device": run["device"]}
    changed = _changed(json.dumps(run.get("config", config)))
    sections = [
        ("Code and machine", facts({**made, **run["versions"]})),
        ("Configuration where it differs from the default", changed),
        ("Features", origin(run.get("features"), run["versions"])),
        ("Groups", origin(run.get("groups"), run["versions"])),
        ("Settings of the run", facts(run.get("settings") or {})),
        *more,
    ]
    return records.add(name, path, own, sections)


def origin(made: Mapping[str, Any] | None, versions: Mapping[str, str]) -> Facts:
    """How features were made, as their ``source.json`` has it; versions only where they differ."""
    if made is None:
        return []
    other = {k: v for k, v in made.get("versions", {}).items() if versions.get(k) != v}
    return facts({**made, "versions": other})


def facts(data: Mapping[str, Any], prefix: str = "") -> Facts:
    """Nested values as pairs: ``{"model": {"commit": "1"}}`` is ``model commit``: ``1``."""
    found: Facts = []
    for key, value in data.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            found += facts(value, f"{name} ")
        elif value is not None:
            found.append((name, said(value)))
    return found


@cache
def _changed(config: str) -> Facts:
    """Changed keys of a configuration in JSON: runs have the same one but for a few."""
    return [
        (key.name, f"{said(key.value)} (default {said(key.default)})")
        for key in changes(json.loads(config))
    ]
