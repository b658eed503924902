"""Parts of a test: a condition and some clips, each in a file that is used again while it holds.

A part belongs to the clips' files, what the condition does, the model and the code. Where one of
these has changed, it is made anew; clips that failed are asked for again in every run.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from fairser.audio.stamps import digest
from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.provenance import code_hash, fingerprint
from fairser.core.table_files import read_metadata, read_parquet
from fairser.inference.predicting import audio_files
from fairser.model_tests.answering import Audio, Failures, Rows, babble_pool
from fairser.model_tests.asking import ModelProcess
from fairser.model_tests.base import CLEAN, Corpus
from fairser.model_tests.conditions.catalogue import ConditionEntry
from fairser.model_tests.conditions.perturbing import condition_key
from fairser.model_tests.models import ModelSpec

SHARD = 250  # clips of a part
SCHEMA: dict[str, Any] = {"clip": pl.String, "values": pl.List(pl.Float64), "message": pl.String}


@dataclass(frozen=True)
class Part:
    """A condition and clips; ``key`` is what its content is of."""

    condition: str
    clips: tuple[str, ...]
    path: Path
    key: str

    def known(self) -> tuple[Rows, Failures]:
        """What its file says, if that is of the same key."""
        with suppress(OSError, InputError, pl.exceptions.PolarsError, KeyError):
            if read_metadata(self.path)["key"] == self.key:
                rows: Rows = {}
                failures: Failures = {}
                for clip, values, message in read_parquet(self.path).iter_rows():
                    if message is None:
                        rows[clip] = values
                    else:
                        failures[clip] = message
                return rows, failures
        return {}, {}

    def complete(self, process: ModelProcess) -> None:
        """Ask for the clips without values, and write the file."""
        rows, _ = self.known()
        todo = [clip for clip in self.clips if clip not in rows]
        if not todo and self.path.is_file():
            return
        new, failures = process.ask(self.condition, todo)
        table: list[tuple[str, list[float] | None, str | None]] = []
        table += [(clip, values, None) for clip, values in (rows | new).items()]
        table += [(clip, None, message) for clip, message in failures.items()]
        with complete(self.path) as temporary:
            frame = pl.DataFrame(table, SCHEMA, orient="row").sort("clip")
            frame.write_parquet(temporary, metadata={"key": self.key})


@dataclass(frozen=True)
class Source:
    """What parts are made from: the model, the corpus and the folders of audio."""

    spec: ModelSpec
    corpus: Corpus
    folder: str
    folders: dict[str, str | None] = field(default_factory=dict)

    @property
    def audio(self) -> Audio:
        clips = self.corpus.clips.select("clip", "file", "speaker").rows()
        return Audio(self.folder, clips, self.folders)


def parts(
    source: Source,
    conditions: Sequence[ConditionEntry | None],
    folder: Path,
    count: int | None = None,
) -> dict[str, list[Part]]:
    """The parts of each condition by its name.

    Args:
        source: what they are made from.
        conditions: of them, None for the audio as it is.
        folder: of their files.
        count: of the parts of a condition; None for parts of up to :data:`SHARD` clips.
    """
    spec, clips = source.spec, source.corpus.clips.select("clip", "file", "speaker").rows()
    number = count or -(-len(clips) // SHARD)
    ends = [len(clips) * place // number for place in range(number + 1)]
    shards = [clips[start:end] for start, end in pairwise(ends)]
    names = [tuple(clip for clip, *_ in shard) for shard in shards]
    stamped = [digest(source.folder, [file for _, file, _ in shard]) for shard in shards]
    code = code_hash("fairser.model_tests.answering")
    model = [spec.kind, spec.target, spec.classes, spec.scores, spec.identity, code]
    found: dict[str, list[Part]] = {}
    for condition in conditions:
        name = condition.name if condition else CLEAN
        change = condition_key(condition) if condition else CLEAN
        around = _surroundings(source, condition, clips)
        found[name] = [
            Part(
                name,
                names[place],
                folder / name / f"{place:05d}.parquet",
                fingerprint(model, change, around, names[place], stamped[place]),
            )
            for place in range(number)
        ]
    return found


def _surroundings(
    source: Source, condition: ConditionEntry | None, clips: Sequence[tuple[str, str, str | None]]
) -> list[object]:
    """What else a condition uses: other clips, or the user's own files."""
    if condition is None:
        return []
    if condition.name == "babble":
        pool = [clips[number] for number in babble_pool(clips)]
        people = [[clip, speaker] for clip, _, speaker in clips]
        return [people, digest(source.folder, [file for _, file, _ in pool])]
    if condition.folder and (own := source.folders.get(condition.folder)):
        return [digest("", sorted(audio_files([own])))]
    return []
