"""What the verdict says, and what it does not."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.auditing.report import document
from fairser.auditing.tables import Audit
from fairser.auditing.verdict import Finding, judge
from fairser.core import escape
from fairser.results.style import words
from unit.auditing.builders import CLASSES, audit_of, made_up, one
from unit.rendered import HOSTILE, rendered

CLAIMS = ("Largest difference", "False alarms", "differs significantly")


def finding(audit: Audit, attribute: str) -> Finding:
    return judge(audit).attributes[attribute]


def text(audit: Audit, attribute: str) -> str:
    return " ".join(finding(audit, attribute).sentences)


@pytest.fixture(scope="module")
def unfair(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("unfair")
    return audit_of(folder, *made_up(40, 30, worse=0.4), crossings=[["gender", "race"]])


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return audit_of(tmp_path_factory.mktemp("fair"), *made_up(40, 30))


def test_a_difference_is_named_with_its_size_and_how_sure(unfair: Audit) -> None:
    _, gap_said, largest, *_ = finding(unfair, "gender").sentences
    row = one(unfair.differences, attribute="gender", rate="tpr", **{"class": "fear"})
    women, men, difference = (100 * row[n] for n in ("other_rate", "group_rate", "difference"))
    low, high = -100 * row["difference_high"], -100 * row["difference_low"]
    assert largest == (
        f"Largest difference in one class: of the clips labelled fear, {women:.0f} % are "
        f"recognised for women and {men:.0f} % for men, a difference of {-difference:.0f} points "
        f"[{low:.0f}, {high:.0f}], p < 0.001."
    )
    whole = {"attribute": "gender", "rate": "tpr", "variant": "pairwise", "class": None}
    gap = one(unfair.gaps, **whole)
    low, high = 100 * gap["gap_low"], 100 * gap["gap_high"]
    # The smallest p-value of 200 permutations, times the attributes with enough speakers.
    assert gap_said == (
        f"The gap in recall between men and women is {100 * gap['gap']:.0f} points (95 % interval "
        f"{low:.0f} to {high:.0f}). If gender made no difference, chance alone would give about "
        f"{100 * gap['chance']:.1f} points (p = {2 / 201:.3f}, corrected for 2 attributes)."
    )
    assert finding(unfair, "gender").stands_out


def test_the_summary_says_who_differs_and_who_does_not(unfair: Audit, fair: Audit) -> None:
    there, _, none = judge(unfair).summary.partition(";")
    assert "differences for gender" in there and "for race." in none
    assert judge(fair).summary.startswith("No ")
    assert "gender and race" in judge(fair).summary


def test_nothing_is_claimed_of_a_fair_classifier(fair: Audit) -> None:
    for name in ("gender", "race"):
        said = text(fair, name)
        assert not [words for words in CLAIMS if words in said]
        assert "No single difference" in said
        assert "not be detected" in said
        assert not finding(fair, name).stands_out


def test_fair_classifiers_are_seldom_accused(tmp_path: Path) -> None:
    """At most 5 % of audits may find something in one attribute's gap, and again in Holm's."""
    accused = 0
    for seed in range(40):
        audit = audit_of(tmp_path, *made_up(16, 12, seed=seed), 100, attributes=["gender"])
        accused += finding(audit, "gender").stands_out
    assert accused <= 8  # 4 are expected; 9 or more come once in a hundred times


def test_the_difference_that_could_be_seen_is_about_right(fair: Audit) -> None:
    """Standard error of a share of 15 speakers x 10 clips each, and Holm's first step."""
    said = text(fair, "gender")
    size = float(said.split("below about ")[1].split(" points")[0]) / 100
    row = one(fair.differences, attribute="gender", rate="tpr", **{"class": "joy"})
    tested = fair.differences["p"].count()
    assert tested == 3 * 3 * (1 + 3)
    assert size == pytest.approx((3.6 + 0.86) * row["error"], rel=0.25)  # t of 19 degrees


def test_small_groups_are_named(tmp_path: Path) -> None:
    predictions, people = made_up(30, 20)
    people = people.with_columns(race=pl.Series(["x"] * 3 + ["y"] * 7 + ["z"] * 20))
    said = text(audit_of(tmp_path, predictions, people), "race")
    assert "Compared: X (3 speakers, 60 clips), Y (7 speakers, 140 clips) and Z (20" in said
    assert "fewer than 5 speakers: X speakers (" in said and "--smallest 5" in said
    assert "fewer than 10 speakers, " in said and ": Y speakers." in said
    assert "(95 % interval" not in said  # of a gap in which a group of three has a part


def test_too_few_to_test_anything(tmp_path: Path) -> None:
    said = text(audit_of(tmp_path, *made_up(8, 20, worse=0.5)), "gender")
    assert "No difference could be tested" in said
    assert "fewer than 5 speakers: men and women." in said


def test_five_speakers_do_not_suffice_for_hundreds_of_tests(tmp_path: Path) -> None:
    said = text(audit_of(tmp_path, *made_up(10, 8)), "gender")
    assert "With so few speakers" in said


def test_groups_that_share_no_class(tmp_path: Path) -> None:
    """All fear is women's and all joy is men's: no recall can be compared."""
    predictions, people = made_up(20, 20)
    both = predictions.join(people, on="speaker", maintain_order="left")
    label = pl.when(pl.col("gender") == "male").then(pl.lit("joy")).otherwise(pl.lit("fear"))
    audit = audit_of(
        tmp_path,
        both.with_columns(label.alias("label")).drop("gender", "race"),
        people,
        classes=list(CLASSES),
        attributes=["gender"],
    )
    said = text(audit, "gender")
    assert "no recall can be compared" in said
    assert "recognised" not in said


def test_false_alarms_are_named(tmp_path: Path) -> None:
    """Joy is heard in half of the men's other clips."""
    predictions, people = made_up(40, 30)
    both = predictions.join(people, on="speaker", maintain_order="left")
    often = (pl.col("gender") == "male") & (pl.int_range(pl.len()) % 2 == 0)
    given = pl.when(often).then(pl.lit("joy")).otherwise("prediction").alias("prediction")
    audit = audit_of(tmp_path, both.with_columns(given).drop("gender", "race"), people)
    said = text(audit, "gender")
    row = one(audit.differences, attribute="gender", rate="fpr", **{"class": "joy"})
    more, less = 100 * row["group_rate"], 100 * row["other_rate"]
    assert f"not labelled joy, {more:.0f} % are predicted as joy for men" in said
    assert f" and {less:.0f} % for women" in said
    assert "How often a class is predicted" in said


def test_several_that_stand_out_are_counted(tmp_path: Path) -> None:
    """Men's labels are random: each class is recognised less."""
    predictions, people = made_up(40, 30)
    both = predictions.join(people, on="speaker", maintain_order="left")
    mixed = both["prediction"].sample(fraction=1, shuffle=True, seed=0)
    given = pl.when(pl.col("gender") == "male").then(mixed).otherwise("prediction")
    audit = audit_of(
        tmp_path, both.with_columns(given.alias("prediction")).drop("gender", "race"), people
    )
    said = text(audit, "gender")
    assert "3 differences in recall" in said
    assert said.count("each time lower for men.") == 1


def test_a_gap_without_a_sure_difference(unfair: Audit) -> None:
    """The sentences of a gap that is more than chance while no difference passes Holm's test."""
    mine = pl.col("attribute") == "gender"
    silent = unfair.differences.with_columns(stands_out=pl.col("stands_out") & ~mine)
    audit = Audit(**{**vars(unfair), "differences": silent})
    assert "larger than chance" in text(audit, "gender")
    assert finding(audit, "gender").stands_out


def test_a_sure_difference_without_a_gap(unfair: Audit) -> None:
    audit = Audit(**{**vars(unfair), "gaps": unfair.gaps.with_columns(p=pl.lit(0.5))})
    assert "not larger than chance" in finding(audit, "gender").sentences[-1]
    assert finding(audit, "gender").stands_out


def test_chance_is_unknown_within_speakers(tmp_path: Path) -> None:
    predictions, _ = made_up(20, 20)
    noisy = predictions.with_columns(noise=pl.Series(["yes", "no"] * (predictions.height // 2)))
    said = text(audit_of(tmp_path, noisy, attributes=["noise"]), "noise")
    assert "noise changes within speakers" in said
    assert "p =" not in said


def test_without_speakers_a_warning_comes_first(tmp_path: Path, fair: Audit) -> None:
    predictions, people = made_up(20, 20)
    joined = predictions.join(people, on="speaker").drop("speaker")
    audit = audit_of(tmp_path, joined, attributes=["gender"])
    assert judge(audit).warnings[0].startswith("WARNING: no file says in a column 'speaker'")
    assert judge(audit).headline.startswith("400 clips, 3 classes")
    assert "men (200 clips) and women (200 clips)" in text(audit, "gender")
    assert judge(fair).warnings == []


def test_headline(fair: Audit, tmp_path: Path) -> None:
    row = fair.performance.row(0, named=True)
    found = judge(fair).headline
    assert found.startswith("1,200 clips of 40 speakers, 3 classes, one label per clip: ")
    uar = f"UAR {row['uar']:.3f} [{row['uar_low']:.3f}, {row['uar_high']:.3f}]"
    assert uar in found and "Hamming" not in found
    table = made_up(10)[0]
    hot = {f"label_{c}": 0.1 + 0.7 * (table["label"] == c).cast(int) for c in CLASSES}
    several = table.drop("label", "prediction").with_columns(**hot)
    gender = pl.Series(np.where(np.arange(several.height) < 100, "f", "m"))
    found = judge(audit_of(tmp_path, several.with_columns(gender=gender))).headline
    assert "several labels per clip: Macro F1" in found and "Hamming accuracy" in found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_no_markup_of_the_document(tmp_path: Path, name: str) -> None:
    """A class, a group and an attribute, in sentences, headings and tables."""
    predictions, people = made_up(40, 10, worse=0.6)
    renamed = predictions.with_columns(pl.col("label", "prediction").replace("fear", name))
    renamed = renamed.rename({"prediction_fear": f"prediction_{name}"})
    people = people.select("speaker", pl.col("gender").replace("male", name).alias(f"x{name}"))
    usual = audit_of(tmp_path, predictions, made_up(40, 10, worse=0.6)[1].drop("race"))
    other = audit_of(tmp_path, renamed, people)
    pages = [rendered(document(audit, judge(audit))) for audit in (usual, other)]
    assert set(pages[1].elements) == set(pages[0].elements)
    shown = " ".join(escape.one_line(words(name)).split())
    assert any(shown in " ".join(cell.split()) for cell in pages[1].cells)
