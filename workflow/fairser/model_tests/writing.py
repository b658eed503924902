"""The results of the tests of a model as files, for machines and for continuous integration."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl

from fairser.core.errors import InputError, damaged, nearest
from fairser.core.escape import one_line
from fairser.core.files import read_json, write_json, write_text
from fairser.core.provenance import commit, versions
from fairser.core.text import interval, number
from fairser.core.words import counted, joined
from fairser.model_tests.base import FAMILIES, Answers, Corpus
from fairser.model_tests.material import JudgeOptions
from fairser.model_tests.outcomes import (
    FAILED,
    FIELDS,
    NOT_TESTABLE,
    PASSED,
    RULES,
    VERDICTS,
    TestResult,
)
from fairser.results.writing import write_csv

KIND = "fair-ser model tests"
JSON, CSV, JUNIT = "tests.json", "tests.csv", "junit.xml"
WORDS = {PASSED: "passed", FAILED: "failed", NOT_TESTABLE: "not testable"}
TEXTS = ("id", "family", "test", "condition", "attribute", "group", "output", "title")
TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys((*TEXTS, "rule", "threshold_source", "verdict", "reason"), pl.String()),
    **dict.fromkeys(("clips", "speakers"), pl.Int64()),
}
COMPARED = (*TEXTS[1:7], "value", "low", "high", "verdict")


def table(results: Sequence[TestResult]) -> pl.DataFrame:
    """A row for each test and a column for each field of a result."""
    schema = {name: TYPES.get(name, pl.Float64()) for name in FIELDS}
    return pl.DataFrame([asdict(result) for result in results], schema)


def write_results(
    folder: str | Path,
    results: Sequence[TestResult],
    corpus: Corpus,
    answers: Answers,
    options: JudgeOptions,
) -> list[Path]:
    """Write ``tests.json``, ``tests.csv`` and ``junit.xml`` into a folder; their paths."""
    place = Path(folder)
    paths = [place / name for name in (JSON, CSV, JUNIT)]
    record = {
        "kind": KIND,
        "model": answers.model,
        "task": corpus.task,
        "outputs": list(corpus.outputs),
        "clips": corpus.clips.height,
        "options": asdict(options),
        "conditions": [asdict(condition) for condition in answers.conditions],
        "counts": counts(results),
        "results": [asdict(result) for result in results],
        "failures": answers.failures.to_dicts(),
        "versions": versions(),
        "commit": commit(),
    }
    write_json(paths[0], record)
    write_csv(paths[1], table(results))
    write_text(paths[2], junit(results, answers.model))
    return paths


def read_results(path: str | Path) -> tuple[str, list[TestResult]]:
    """The name of the model and the results of a ``tests.json``.

    Raises:
        InputError: it is damaged, or another kind of file.
    """
    record = read_json(path)
    if record.get("kind") != KIND:
        raise InputError(f"{path}: not the results of tests of a model; name a {JSON}.")
    try:
        return record["model"], [TestResult(**row) for row in record["results"]]
    except (KeyError, TypeError) as error:
        raise damaged(path, error) from error


def counts(results: Iterable[TestResult]) -> dict[str, dict[str, int]]:
    """How many tests have each verdict, by family; families without tests are left out."""
    found: dict[str, dict[str, int]] = {}
    for result in results:
        found.setdefault(result.family, dict.fromkeys(VERDICTS, 0))[result.verdict] += 1
    return found


def summary(results: Sequence[TestResult]) -> str:
    """The verdict for a terminal: counts by family, then each failed test with its numbers."""
    lines = []
    for family, verdicts in counts(results).items():
        parts = [f"{n} {WORDS[verdict]}" for verdict, n in verdicts.items() if n]
        lines.append(f"{family}: {joined(parts)}")
    lines += [f"  failed: {r.id}: {described(r)}" for r in results if r.verdict == FAILED]
    return "".join(f"{one_line(line)}\n" for line in lines)


def described(result: TestResult) -> str:
    """The value of a test in words, such as ``0.412 [0.38, 0.44], at least 0.500 (published)``."""
    if result.value is None or result.threshold is None:
        return result.reason
    ends = interval(result.low, result.high)
    rule = RULES[result.rule or ""]
    space = "" if rule.endswith("±") else " "
    limit = f"{rule}{space}{number(result.threshold)} ({result.threshold_source})"
    shown = " ".join(filter(None, [number(result.value), ends]))
    return f"{shown}, {limit}" + (f"; {result.reason}" if result.reason else "")


def exit_status(results: Iterable[TestResult], families: Sequence[str]) -> int:
    """1 if a test of these families failed, else 0; what is not testable has not failed.

    Raises:
        InputError: an unknown family.
    """
    for family in families:
        if family not in FAMILIES:
            raise InputError(
                f"There is no family of tests '{family}'.{nearest(family, list(FAMILIES))} The "
                f"families are: {joined(FAMILIES)}."
            )
    return int(any(r.verdict == FAILED and r.family in families for r in results))


def junit(results: Sequence[TestResult], model: str) -> str:
    """The results as JUnit XML: a suite for each family; what is not testable is skipped."""
    root = ElementTree.Element("testsuites", name=one_line(model))
    for family, verdicts in counts(results).items():
        suite = ElementTree.SubElement(root, "testsuite", name=family)
        suite.attrib |= {
            "tests": str(sum(verdicts.values())),
            "failures": str(verdicts[FAILED]),
            "errors": "0",
            "skipped": str(verdicts[NOT_TESTABLE]),
        }
        for result in (result for result in results if result.family == family):
            name = {"classname": f"{family}.{result.test}", "name": one_line(result.id)}
            case = ElementTree.SubElement(suite, "testcase", name)
            text = one_line(f"{result.title}: {described(result)}")
            if result.verdict == FAILED:
                ElementTree.SubElement(case, "failure", message=text)
            elif result.verdict == NOT_TESTABLE:
                ElementTree.SubElement(case, "skipped", message=one_line(result.reason))
            else:
                ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def compare(a: Sequence[TestResult], b: Sequence[TestResult]) -> pl.DataFrame:
    """Two models side by side: a row for each test of either one, matched by ``id``.

    Returns:
        ``id``, ``family``, ``test``, ``condition``, ``attribute``, ``group`` and ``output``; then
        ``value``, ``low``, ``high`` and ``verdict`` of each, with ``_a`` or ``_b``; the
        ``difference`` of the values (b less a); and ``changed``: whether the verdicts differ. What
        one model was not tested for is null.
    """
    names = COMPARED[:6]
    numbers = COMPARED[6:]
    sides = [
        table(results).select("id", *names, pl.col(numbers).name.suffix(f"_{side}"))
        for side, results in (("a", a), ("b", b))
    ]
    both = sides[0].join(sides[1], on="id", how="full", maintain_order="left_right", suffix=" of b")
    return both.select(
        *(pl.coalesce(name, f"{name} of b").alias(name) for name in ("id", *names)),
        *(f"{name}_{side}" for name in numbers for side in "ab"),
        (pl.col("value_b") - pl.col("value_a")).alias("difference"),
        (pl.col("verdict_a") != pl.col("verdict_b")).alias("changed"),
    )


def comparison_text(compared: pl.DataFrame, a: str, b: str) -> str:
    """The comparison of two models for a terminal: counts, and each test whose verdict differs."""
    both: dict[str, Any] = {"a": a, "b": b}
    lines = []
    for side, model in both.items():
        found = compared[f"verdict_{side}"].value_counts(sort=True).drop_nulls().iter_rows()
        lines.append(f"{model}: {joined([f'{n} {WORDS[verdict]}' for verdict, n in found])}")
    changed = compared.filter("changed").to_dicts()
    lines.append(f"{counted(len(changed), 'test')} with different verdicts")
    for row in changed:
        values = [f"{number(row[f'value_{s}'])} {WORDS[row[f'verdict_{s}']]}" for s in "ab"]
        lines.append(f"  {row['id']}: {' -> '.join(value.strip() for value in values)}")
    return "".join(f"{one_line(line)}\n" for line in lines)
