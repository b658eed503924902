"""Names and numbers in sentences."""

import pytest

from fairser.auditing import wording


@pytest.mark.parametrize(
    ("attribute", "group", "expected"),
    [
        ("gender", "female", "women"),
        ("gender", "non_binary", "non binary speakers"),
        ("race", "african_american", "African American speakers"),
        ("age", "middle", "middle-aged speakers"),
        ("accent", "north", "speakers with accent north"),
        ("gender x race", "male x asian", "Asian men"),
        (
            "age x gender x first_language",
            "young x female x german",
            "young women with first language german",
        ),
        ("mic x room", "1 x 2", "speakers with mic 1 and room 2"),
    ],
)
def test_people(attribute: str, group: str, expected: str) -> None:
    assert wording.people(attribute, group) == expected


def test_groups_are_speakers_anyway() -> None:
    assert wording.group_words("race", "asian") == "Asian"
    assert wording.group_words("gender", "male") == "men"


@pytest.mark.parametrize(
    ("value", "ends", "expected"),
    [
        (0.2934, (0.2236, 0.3561), "29 points [22, 36]"),
        (0.0262, (-0.0004, 0.0512), "2.6 points [0.0, 5.1]"),
        (0.0996, (-0.0449, 0.2), "10 points [-4, 20]"),
        (0.0994, (), "9.9 points"),
        (0.0, (), "0.0 points"),
    ],
)
def test_points(value: float, ends: tuple[float, ...], expected: str) -> None:
    assert wording.points(value, *ends) == expected


def test_shares_and_p_values() -> None:
    assert [wording.percent(v) for v in (0, 0.004, 0.613, 1)] == ["0 %", "0.4 %", "61 %", "100 %"]
    found = [wording.p_words(p) for p in (1e-9, 0.00149, 0.0496, 0.123, 1.0)]
    assert found == ["p < 0.001", "p = 0.001", "p = 0.050", "p = 0.12", "p = 1.00"]


def test_classes() -> None:
    assert [wording.class_words(c) for c in ("fear", "very_sad", "3")] == [
        "fear",
        "very sad",
        "class 3",
    ]
