"""The page of the tests of a model: what it says, shows and lets hear."""

import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from fairser.model_tests.base import MULTI, Answers, Corpus
from fairser.model_tests.figures import family_figure
from fairser.model_tests.judging import judge
from fairser.model_tests.outcomes import VERDICTS, TestResult
from fairser.model_tests.worst import worst_clips
from fairser.report.model_tests import SECONDS, SIGNS, lights, write_model_tests
from fairser.results.style import svg_content
from unit.model_tests.builders import (
    CLASSES,
    NOISE,
    PHONE,
    QUICK,
    answered,
    corpus,
    failed,
    right,
    women,
)
from unit.rendered import HOSTILE, Seen

NAMES = ("<script>alert(1)</script>", 'a"><img src=x onerror=alert(1)>', "$x^2$ & <b>", "sadness")


@pytest.fixture(scope="module")
def given() -> Corpus:
    return corpus(speakers=12)


@pytest.fixture(scope="module")
def answers(given: Corpus) -> Answers:
    neutral = np.where(women(given), CLASSES.index("neutral"), right(given, 0.9))
    return answered(given, right(given, 0.9), {PHONE.name: neutral})


@pytest.fixture(scope="module")
def results(given: Corpus, answers: Answers) -> list[TestResult]:
    return judge(given, answers, QUICK)


@pytest.fixture(scope="module")
def page(
    given: Corpus,
    answers: Answers,
    results: list[TestResult],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A page with three clips: one of 12 seconds, one in stereo, one that is not there."""
    folder = tmp_path_factory.mktemp("heard")
    files = [clip.file for clip in worst_clips(given, answers, 3)]
    soundfile.write(folder / files[0], np.zeros(12 * 8000), 8000)
    soundfile.write(folder / files[1], np.tile([[0.5, 0.1]], (4000, 1)), 16_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairser.report.model_tests.CLIPS", 3)
        write_model_tests(folder / "page.html", results, given, answers, folder)
    return (folder / "page.html").read_text(encoding="utf-8")


def test_verdicts_are_words_and_shapes(page: str, results: list[TestResult]) -> None:
    assert set(SIGNS) == set(VERDICTS)
    assert len(set(SIGNS.values())) == 3
    found = {light.family: light for light in lights(results)}
    assert (found["fairness"].verdict, found["robustness"].verdict) == ("passed", "failed")
    text = Seen(page).text
    for light in found.values():
        assert f"{light.sign} {light.family}: {light.words}" in text.replace(
            light.sign, f"{light.sign} "
        )
        assert light.counts in text


def test_every_test_is_in_the_table(page: str, results: list[TestResult]) -> None:
    assert len(re.findall(r'<tr data-i="\d+"', page)) == len(results)
    cells = Seen(page).cells
    assert sum(cell.startswith("failed") for cell in cells) == len(failed(results))
    assert PHONE.title in cells
    assert "at least 0.500" in cells


def test_the_page_needs_no_other_file(page: str) -> None:
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("<img ") == 3  # a figure for each family


def test_the_worst_clips_can_be_heard(page: str) -> None:
    sounds = re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)
    assert len(sounds) == 2
    long, stereo = (soundfile.read(BytesIO(b64decode(sound))) for sound in sounds)
    assert (len(long[0]), long[1]) == (round(SECONDS * 8000), 8000)
    assert stereo[0] == pytest.approx(np.full(4000, 0.3), abs=1e-4)
    assert "no such audio file" in Seen(page).text


def test_names_are_text(given: Corpus, tmp_path: Path) -> None:
    names = dict(zip(CLASSES, NAMES, strict=True))
    who = "<b>who</b>"
    group = pl.col("gender").replace("female", NAMES[0]).alias(who)
    clips = given.clips.rename(names).with_columns(group, clip=pl.col("clip") + pl.lit(NAMES[0]))
    hostile = replace(given, clips=clips, outputs=NAMES, attributes=(who,))
    answers = replace(answered(hostile, right(hostile, 0.5)), model=HOSTILE[0])
    results = judge(hostile, answers, QUICK)
    write_model_tests(tmp_path / "page.html", results, hostile, answers)
    seen = Seen((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert seen.elements.count("script") == 2  # our data and our script
    assert seen.elements.count("img") == 3
    assert "b" not in seen.elements
    assert all(name in seen.text for name in (*NAMES, who))


def test_a_family_without_values_says_so() -> None:
    text = svg_content(family_figure("fairness", [], [])).decode()
    assert "No test of this family has a value." in text


def test_figures_name_what_failed(results: list[TestResult], answers: Answers) -> None:
    fairness, robustness = (
        svg_content(family_figure(family, results, answers.conditions)).decode()
        for family in ("fairness", "robustness")
    )
    assert "women: Recall of sadness" in fairness
    assert PHONE.title in robustness
    assert "gender: " + PHONE.title in robustness


def test_the_worst_clips_by_hand() -> None:
    given = corpus(speakers=5, clips=1)
    given = replace(given, clips=given.clips.with_columns(_shares([1, 1, 0, 0, 2])))
    said = np.array([[0.9, 0.1, 0, 0], [0.2, 0.8, 0, 0], [1, 0, 0, 0], [0.6, 0.4, 0, 0]])
    said = np.concatenate([said, [[np.nan] * 4]])
    changed = said[[0, 1, 1, 3, 4]]
    answers = answered(given, said, {NOISE.name: changed})
    tables = {name: table.drop_nans() for name, table in answers.tables.items()}
    found = worst_clips(given, replace(answers, tables=tables), 3)
    assert [clip.clip for clip in found] == ["c00000", "c00003", "c00001"]
    assert found[0].error == pytest.approx(1.8)
    assert found[0].text == (
        "true: joy 1.00; predicted: anger 0.90 and joy 0.10; changed by 0 of 4 conditions"
    )
    unlabelled = replace(given, clips=given.clips.with_columns(_shares([None] * 5)))
    first = worst_clips(unlabelled, replace(answers, tables=tables), 1)[0]
    assert (first.clip, first.text) == (
        "c00002",
        "predicted: anger 1.00; changed by 1 of 4 conditions",
    )


def _shares(classes: list[int] | list[None]) -> list[pl.Series]:
    return [
        pl.Series(name, [None if c is None else float(c == n) for c in classes], pl.Float64)
        for n, name in enumerate(CLASSES)
    ]


def test_no_class_of_several_is_said() -> None:
    given = corpus(speakers=5, clips=1, task=MULTI)
    answers = answered(given, np.zeros((5, 4)))
    assert "predicted: no class" in worst_clips(given, answers, 1)[0].text
