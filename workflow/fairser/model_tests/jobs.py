"""Jobs of the workflow for the test of a model: parts of conditions, answers of all parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairser.model_tests.asking import ModelProcess
from fairser.model_tests.base import CLEAN, Answers
from fairser.model_tests.conditions.catalogue import choose, entry
from fairser.model_tests.models import find_model
from fairser.model_tests.parts import Part, Source, parts
from fairser.model_tests.reading import read_corpus, with_outputs
from fairser.model_tests.running import PARTS, gather


@dataclass(frozen=True)
class TestSettings:
    """The section ``model_tests`` of the configuration, where the audio has a folder."""

    __test__ = False  # for pytest, which collects names that begin with Test

    model: str | None
    command: str | None
    corpus: str
    audio: str
    noise: str | None
    rooms: str | None
    classes: Sequence[str] | None
    attributes: Sequence[str] | None
    conditions: Sequence[str] | None
    shards: int
    timeout: float

    @property
    def folders(self) -> dict[str, str | None]:
        return {"noise": self.noise, "rooms": self.rooms}

    def source(self) -> Source:
        """The model, and the corpus with its outputs."""
        corpus = read_corpus(self.corpus, self.classes, self.attributes)
        spec = find_model(self.model, self.command, self.classes, corpus)
        corpus = with_outputs(corpus, spec.classes, spec.task)
        return Source(spec, corpus, self.audio, self.folders)


def ask_part(settings: TestSettings, condition: str, path: str | Path, threads: int) -> None:
    """Make a part of a condition, whose file has the number of the part as its name."""
    source = settings.source()
    file = Path(path)
    one = None if condition == CLEAN else entry(condition)
    part = parts(source, [one], file.parents[1], settings.shards)[condition][int(file.stem)]
    process = ModelProcess(source.spec, source.audio, settings.timeout, threads)
    try:
        part.complete(process)
    finally:
        process.close()


def gather_parts(settings: TestSettings, folder: str | Path) -> tuple[Source, Answers]:
    """The answers in all parts below a folder of predictions; written there as tables."""
    source, place = settings.source(), Path(folder)
    wanted = list(settings.conditions) if settings.conditions else None
    conditions = choose(wanted, settings.folders)
    made: dict[str, list[Part]] = parts(source, [None, *conditions], place / PARTS, settings.shards)
    return source, gather(source, conditions, made, place)
