"""The page of the tests of a model: verdicts, figures, all tests, and the worst clips to hear."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from fairser.core import text
from fairser.core.errors import InputError
from fairser.core.files import write_text
from fairser.core.words import counted, joined
from fairser.model_tests.base import Answers, Corpus
from fairser.model_tests.figures import family_figure
from fairser.model_tests.outcomes import FAILED, NOT_TESTABLE, PASSED, RULES, WITHIN, TestResult
from fairser.model_tests.worst import WorstClip, worst_clips
from fairser.model_tests.writing import WORDS, counts
from fairser.report.pages import Column, Mark, Page, PageCell, PageRow, Picture, cell, render
from fairser.report.pages import typographic as shown
from fairser.results.style import svg_content

NAME = "model_tests"
CLIPS = 6  # that can be heard
SECONDS = 10.0  # of a clip, so that the page stays small
SIGNS = {PASSED: "●", FAILED: "✖", NOT_TESTABLE: "○"}  # a shape for each verdict
MARKS = {PASSED: "better", FAILED: "worse", NOT_TESTABLE: "apart"}
CAPTIONS = {
    "correctness": "How well the model works, on the audio as it is.",
    "fairness": "How far each group of speakers is from all of them, by attribute.",
    "robustness": "What is left of the predictions after a change of the audio, by group.",
}
COLUMNS = (
    Column("title", "Test"),
    Column("verdict", "Verdict", choice=True),
    Column("family", "Family", choice=True),
    Column("condition", "Condition", choice=True),
    Column("attribute", "Attribute", choice=True),
    Column("group", "Group", choice=True),
    Column("output", "Class or dimension", choice=True),
    Column("value", "Value", number=True, help="With the interval of 95 % over speakers."),
    Column("threshold", "Threshold", help="A value meets it, or the test fails."),
    Column("source", "Source of the threshold", choice=True),
    Column("published", "Published", number=True, help="The published threshold, beside ours."),
    Column("random", "Random model", number=True, help="Value of a model that guesses."),
    Column("constant", "Constant model", number=True, help="Value of the most frequent answer."),
    Column("before", "Before", number=True, help="Without the change of the audio."),
    Column("after", "After", number=True, help="With the change of the audio."),
    Column("clips", "Clips", number=True),
    Column("speakers", "Speakers", number=True),
    Column("reason", "Notes", wide=True),
)
# Columns that a page may have no value for.
OPTIONAL = ("condition", "attribute", "group", "output", "published", "before", "after")
LEGEND = (
    f"{SIGNS[PASSED]} passed, {SIGNS[FAILED]} failed, {SIGNS[NOT_TESTABLE]} not testable: the "
    "notes say why.",
    "Published thresholds are those of arXiv 2312.06270. Simulated ones are the largest "
    "difference between groups of the same sizes that a random model shows by chance.",
)


@dataclass(frozen=True)
class Light:
    """The verdict on a family, as a sign and in words."""

    family: str
    verdict: str
    words: str
    counts: str

    @property
    def sign(self) -> str:
        return SIGNS[self.verdict]


@dataclass(frozen=True)
class Sound:
    """A clip on the page; ``missing`` says why it can't be heard."""

    name: str
    text: str
    audio: str
    missing: str


def write_model_tests(
    path: str | Path,
    results: Sequence[TestResult],
    corpus: Corpus,
    answers: Answers,
    audio: str | Path | None = None,
) -> None:
    """Write the page as one file.

    Args:
        path: of the page.
        results: of the tests.
        corpus: that was tested on.
        answers: of the model.
        audio: folder that the files of the corpus are relative to; None: nothing can be heard.
    """
    titles = {condition.name: condition.title for condition in answers.conditions}
    page = Page(
        name=NAME,
        lede=f"{answers.model}, on {counted(corpus.clips.height, 'clip')}.",
        columns=_columns(results),
        rows=[_row(result, titles) for result in results],
        legend=LEGEND,
    )
    families = list(counts(results))
    pictures = [
        Picture(family.capitalize(), CAPTIONS[family], svg_content(figure))
        for family in families
        for figure in [family_figure(family, results, answers.conditions)]
    ]
    sounds = [_sound(one, audio) for one in worst_clips(corpus, answers, CLIPS)]
    more = {"lights": lights(results), "pictures": pictures, "clips": sounds}
    write_text(path, render(page, Path(path).parent, f"{NAME}.html.jinja", **more))


def lights(results: Sequence[TestResult]) -> list[Light]:
    """The verdict on each family: failed if a test failed, passed if one passed and none failed."""
    found = []
    for family, verdicts in counts(results).items():
        order = (FAILED, PASSED, NOT_TESTABLE)
        verdict = next(name for name in order if verdicts[name])
        parts = [f"{n} {WORDS[name]}" for name, n in verdicts.items() if n]
        found.append(Light(family, verdict, WORDS[verdict], joined(parts)))
    return found


def _columns(results: Sequence[TestResult]) -> list[Column]:
    """The columns that hold something; the page opens with the failed tests, if there are any."""
    failed = any(result.verdict == FAILED for result in results)
    start = WORDS[FAILED] if failed else ""
    empty = {
        name
        for name in ("condition", "attribute", "group", "output", "published", "before", "after")
        if all(getattr(result, name) is None for result in results)
    }
    return [
        Column(**(vars(column) | {"start": start})) if column.name == "verdict" else column
        for column in COLUMNS
        if column.name not in empty
    ]


def _row(result: TestResult, titles: dict[str, str]) -> PageRow:
    verdict = result.verdict
    mark = Mark(SIGNS[verdict], MARKS[verdict], f"verdict: {WORDS[verdict]}")
    condition = titles.get(result.condition or "", result.condition)
    plain: dict[str, Any] = {
        name: getattr(result, name)
        for name in (
            *("title", "family", "attribute", "group", "output", "published", "random"),
            *("constant", "before", "after", "clips", "speakers", "reason"),
        )
    }
    spread = shown(text.interval(result.low, result.high))
    value = PageCell("", None) if result.value is None else cell(result.value)
    return PageRow(
        {
            **{name: cell(one) for name, one in plain.items()},
            "condition": cell(condition),
            "verdict": PageCell(WORDS[verdict], WORDS[verdict], mark=mark),
            "value": PageCell(value.text, value.value, spread=spread),
            "threshold": cell(_limit(result)),
            "source": cell(result.threshold_source),
        }
    )


def _limit(result: TestResult) -> str:
    if result.threshold is None or result.rule is None:
        return ""
    space = "" if result.rule == WITHIN else " "
    return f"{RULES[result.rule]}{space}{shown(text.number(result.threshold))}"


def _sound(clip: WorstClip, audio: str | Path | None) -> Sound:
    if audio is None:
        return Sound(clip.clip, clip.text, "", "")
    try:
        return Sound(clip.clip, clip.text, _address(audio, clip.file), "")
    except InputError as error:
        return Sound(clip.clip, clip.text, "", str(error))


def _address(folder: str | Path, file: str) -> str:
    """The first seconds of a file as the address of a sound (FLAC, one channel)."""
    import soundfile

    from fairser.audio.soundfiles import locate, read_samples

    samples, rate = read_samples(locate(folder, file), SECONDS)
    content = BytesIO()
    soundfile.write(content, samples.mean(axis=1), rate, format="FLAC")
    return f"data:audio/flac;base64,{b64encode(content.getvalue()).decode()}"
