"""Files of the results, read by other programs than the one that wrote them."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fairser.core.errors import InputError
from fairser.model_tests.base import Answers, Corpus
from fairser.model_tests.judging import judge
from fairser.model_tests.outcomes import FIELDS, TestResult
from fairser.model_tests.writing import (
    compare,
    comparison_text,
    counts,
    described,
    exit_status,
    read_results,
    summary,
    table,
    write_results,
)
from unit.model_tests.builders import CLASSES, PHONE, QUICK, answered, corpus, right, women
from unit.rendered import HOSTILE


@pytest.fixture(scope="module")
def given() -> Corpus:
    return corpus(speakers=12)


@pytest.fixture(scope="module")
def answers(given: Corpus) -> Answers:
    neutral = np.where(women(given), CLASSES.index("neutral"), right(given, 0.9))
    return answered(given, right(given, 0.9), {PHONE.name: neutral})


@pytest.fixture(scope="module")
def results(given: Corpus, answers: Answers) -> list[TestResult]:
    with_another = replace(given, attributes=(*given.attributes, "file"))  # too many groups
    found = judge(with_another, answers, QUICK)
    assert {result.verdict for result in found} == {"passed", "failed", "not_testable"}
    return found


@pytest.fixture(scope="module")
def folder(
    given: Corpus,
    answers: Answers,
    results: list[TestResult],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    place = tmp_path_factory.mktemp("written")
    paths = write_results(place, results, given, answers, QUICK)
    assert [path.name for path in paths] == ["tests.json", "tests.csv", "junit.xml"]
    return place


def junit_of(folder: Path) -> ElementTree.Element:
    return ElementTree.parse(folder / "junit.xml").getroot()  # noqa: S314 our own file


def hostile(results: list[TestResult]) -> list[TestResult]:
    """Results whose groups, classes and reasons are markup."""
    return [
        replace(result, id=f"{result.id}/{text}\x00\x1b", group=text, reason=text)
        for result, text in zip(results, HOSTILE * len(results), strict=False)
    ]


def test_json_is_read_back(folder: Path, results: list[TestResult]) -> None:
    assert read_results(folder / "tests.json") == ("made up", results)
    record = json.loads((folder / "tests.json").read_text())
    assert record["counts"] == counts(results)
    assert record["options"]["resamples"] == QUICK.resamples
    assert [c["name"] for c in record["conditions"]][2] == PHONE.name


def test_csv_has_every_field(folder: Path, results: list[TestResult]) -> None:
    with (folder / "tests.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == FIELDS
    assert [row["id"] for row in rows] == [result.id for result in results]
    assert [row["verdict"] for row in rows] == [result.verdict for result in results]
    assert float(rows[1]["value"]) == results[1].value


def test_junit_has_a_suite_for_each_family(folder: Path, results: list[TestResult]) -> None:
    root = junit_of(folder)
    assert [suite.get("name") for suite in root] == ["correctness", "fairness", "robustness"]
    for suite in root:
        mine = [result for result in results if result.family == suite.get("name")]
        verdicts = counts(results)[str(suite.get("name"))]
        assert int(suite.get("tests", 0)) == len(mine) == len(suite)
        assert (
            int(suite.get("failures", 0)) == verdicts["failed"] == len(list(suite.iter("failure")))
        )
        assert int(suite.get("skipped", 0)) == verdicts["not_testable"]
        assert [case.get("name") for case in suite] == [result.id for result in mine]
    message = next(root.iter("failure")).get("message", "")
    worst = next(result for result in results if result.verdict == "failed")
    assert worst.title in message
    assert f"{worst.value:.3f}" in message


def test_names_are_text_in_every_file(
    tmp_path: Path, given: Corpus, answers: Answers, results: list[TestResult]
) -> None:
    written = hostile(results)
    write_results(tmp_path, written, given, answers, QUICK)
    root = junit_of(tmp_path)
    names = [str(case.get("name")) for case in root.iter("testcase")]
    assert "<script>alert(1)</script>" in names[0]
    assert not any(character in "".join(names) for character in "\x00\x1b\n")
    assert read_results(tmp_path / "tests.json")[1] == written


@pytest.mark.parametrize(
    ("families", "status"),
    [([], 0), (["fairness"], 0), (["robustness"], 1), (["correctness", "robustness"], 1)],
)
def test_exit_status(results: list[TestResult], families: list[str], status: int) -> None:
    assert exit_status(results, families) == status


def test_what_is_not_testable_does_not_fail(results: list[TestResult]) -> None:
    some = [replace(result, verdict="not_testable") for result in results]
    assert exit_status(some, ["robustness"]) == 0
    with pytest.raises(InputError, match="'robust'"):
        exit_status(some, ["robust"])


def test_the_summary_counts_and_names_what_failed(results: list[TestResult]) -> None:
    text = summary(results)
    for result in results:
        assert (f"{result.id}: " in text) == (result.verdict == "failed")
    assert text.splitlines()[0].startswith("correctness: ")


def test_a_value_in_words(results: list[TestResult]) -> None:
    made = replace(results[1], value=0.4, low=0.3, high=0.5, threshold=0.5, reason="why")
    assert described(made) == "0.400 [0.300, 0.500], at least 0.500 (published); why"
    within = replace(made, rule="within", threshold_source="simulated", reason="", low=None)
    assert described(within) == "0.400, within ±0.500 (simulated)"
    assert described(replace(made, value=None)) == "why"


def test_two_models_side_by_side(given: Corpus, results: list[TestResult]) -> None:
    better = judge(given, answered(given, right(given, 0.9)), QUICK)
    results = [result for result in results if result.attribute != "file"]
    compared = compare(results, better[:-1])
    assert compared["id"].to_list() == [result.id for result in results]
    row = compared.filter(id=f"robustness/uar_gap/{PHONE.name}/gender").to_dicts()[0]
    assert (row["verdict_a"], row["verdict_b"], row["changed"]) == ("failed", "passed", True)
    assert row["difference"] == pytest.approx(row["value_b"] - row["value_a"])
    assert (row["attribute"], row["condition"]) == ("gender", PHONE.name)
    last = compared.to_dicts()[-1]
    assert (last["verdict_b"], last["difference"], last["changed"]) == (None, None, None)
    only_b = compare(results[:3], better[:5])
    assert only_b["id"].to_list() == [result.id for result in better[:5]]
    assert only_b["verdict_a"].to_list()[3:] == [None, None]
    assert only_b["family"].to_list() == ["correctness"] * 5
    text = comparison_text(compared, "old", "new")
    assert text.startswith("old: ")
    assert f"robustness/uar_gap/{PHONE.name}/gender: " in text


def test_a_table_of_no_results_has_all_columns() -> None:
    assert tuple(table([]).columns) == FIELDS


def test_other_files_are_refused(tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"kind": "fair-ser audit"}')
    with pytest.raises(InputError, match="not the results of tests"):
        read_results(other)
    record = json.loads((folder / "tests.json").read_text())
    del record["results"][0]["value"]
    other.write_text(json.dumps(record))
    with pytest.raises(InputError, match="damaged"):
        read_results(other)
