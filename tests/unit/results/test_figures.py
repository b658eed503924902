"""The figures show the numbers that they were given, whatever part of the grid there is."""

import random
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from fairser.evaluation.bootstrap import Bootstrap, RunCounts
from fairser.evaluation.evaluate import speaker_counts
from fairser.evaluation.metrics import decide, fairness
from fairser.results import figures, labels, style, tables, tsne
from fairser.results.summaries import CONFIGURATION, chosen, class_rates, front, summaries
from fairser.results.tables import table1, table_gaps
from unit.builders import CLASSES, clip_table, feature_store

VARIANTS = {"tpr_gap": "pairwise", "dp_gap": "max_deviation"}
GAPS = table_gaps(["gender"], VARIANTS)
EMOTIONS = ("angry", "disgust", "fearful", "happy", "neutral", "surprised")
PLAIN = [("erm", "none", 1), ("random", "none", 1), ("lff", "none", 1), ("disent", "none", 1)]
DEBIASING = ("ds", "rw", "gdro", "gadro")


def configurations(ks: Sequence[int] = (2, 4, 8, 16, 32)) -> list[tuple[str, str, int]]:
    """The grid of the paper: 33 with five Ks."""
    sources = [("annotated", 2), ("pseudo", 2), *(("kmeans", k) for k in ks)]
    grouped = [(method, source, k) for method in DEBIASING for source, k in sources]
    return [*PLAIN, ("pgdro", "pseudo", 2), *grouped]


def runs(
    cells: Sequence[tuple[str, str, int]],
    groups: Sequence[str | None] = ("female", "male"),
    folds: Sequence[int] = (1, 2),
    classes: Sequence[str] = CLASSES,
    attribute: str = "gender",
) -> list[RunCounts]:
    """Runs with random counts of 24 speakers of 30 clips each."""
    draw = np.random.default_rng(5)
    found = []
    for (method, source, k), fold in product(cells, folds):
        skill = 0.5 if method == "random" else draw.uniform(0.6, 0.8)
        rows = []
        for speaker, (place, name) in product(range(24), enumerate(classes)):
            group = groups[speaker % len(groups)]
            positives = int(draw.integers(4, 12))
            rate = skill + 0.05 * (speaker % len(groups)) * (place - 1)
            hits = int(draw.binomial(positives, np.clip(rate, 0, 1)))
            false = int(draw.binomial(30 - positives, 0.3))
            counts = (30, positives, hits + false, hits)
            rows.append((f"s{speaker:02d}", group, name, *counts))
        columns = ["speaker", attribute, "class", "clips", "positives", "predicted", "hits"]
        frame = pl.DataFrame(rows, columns, orient="row", infer_schema_length=None)
        frame = frame.with_columns(pl.col(attribute).cast(pl.String))
        found.append(RunCounts(method, source, k, fold, 0, frame))
    return found


def table(found: Sequence[RunCounts], gaps: dict = GAPS) -> pl.DataFrame:
    return summaries(found, Bootstrap(100, 0, gaps))


def panels(figure: Figure) -> list[Axes]:
    """The panels, each of which must hold something and have a name."""
    for axes in figure.axes:
        assert axes.has_data()
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    return figure.axes


def legend_names(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]


def assert_inside(figure: Figure) -> None:
    """Nothing that is written or drawn leaves the page, and no two legends or titles touch."""
    figure.draw_without_rendering()
    page = figure.bbox
    boxes = [legend.get_window_extent() for legend in figure.legends]
    boxes += [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    for box in [*boxes, *(axes.get_tightbbox() for axes in figure.axes)]:
        assert box.x0 >= page.x0 - 1 and box.y0 >= page.y0 - 1
        assert box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
    for one, other in product(boxes, boxes):
        assert one is other or not one.overlaps(other)


def text_boxes(axes: Axes) -> list[Bbox]:
    """Of the texts alone, without lines to their points."""
    axes.figure.draw_without_rendering()
    return [Text.get_window_extent(text) for text in axes.texts]


def assert_apart(axes: Axes, points: np.ndarray) -> None:
    """No two texts cover one another, and none covers the middle of a marker."""
    boxes = text_boxes(axes)
    for one, other in product(boxes, boxes):
        assert one is other or not one.overlaps(other)
    for one, point in product(boxes, axes.transData.transform(points)):
        assert not one.contains(*point)


def test_summaries_are_the_numbers_of_the_table() -> None:
    found = runs(configurations((4,)))
    ours = table(found)
    theirs = table1(found, Bootstrap(100, 0, GAPS), 4)
    assert ours.height == 17
    for row in ours.iter_rows(named=True):
        name = tables.method_name(row["method"])
        same = theirs.filter(pl.col("method") == name, pl.col("source") == row["source"])
        for column in ("f1", "acc", "tpr_gap", "dp_gap_low", "dp_gap_high"):
            assert row[column] == pytest.approx(same[column][0])


def test_front_against_the_definition() -> None:
    draw = random.Random(1)
    for size in range(1, 40):
        # Few values, so that there are ties.
        points = [(draw.randint(0, 6), draw.randint(0, 6)) for _ in range(size)]
        slow = {
            i
            for i, (f1, gap) in enumerate(points)
            if not any(a >= f1 and b <= gap and (a, b) != (f1, gap) for a, b in points)
        }
        found = front([p[0] for p in points], [p[1] for p in points])
        assert set(found) == slow and len(found) == len(slow)
        assert [points[i][1] for i in found] == sorted(points[i][1] for i in found)
    assert front([], []) == []


def test_lines_hold_the_numbers_of_the_table() -> None:
    numbers = table(runs(configurations()))
    figure = figures.metrics_by_k(numbers, GAPS)
    assert_inside(figure)
    assert legend_names(figure) == [["ERM", "DS", "RW", "GDRO", "GADRO"]]
    titles = [axes.get_title() for axes in panels(figure)]
    assert titles == [
        "Macro F1",
        "Hamming accuracy",
        *(style.metric_name(name, GAPS) for name in GAPS),
    ]
    for axes, name in zip(panels(figure), ("f1", "acc", "tpr_gap", "dp_gap"), strict=True):
        ticks = [tick.get_text() for tick in axes.get_xticklabels()]
        assert ticks == ["2", "4", "8", "16", "32", "annotated"]
        bars = [part for part in axes.containers if isinstance(part, ErrorbarContainer)]
        assert len(bars) == 8  # each method by K, then with annotated groups
        for (method, source), bar in zip(
            product(("ds", "rw", "gdro", "gadro"), ("kmeans", "annotated")), bars, strict=True
        ):
            mine = numbers.filter(pl.col("method") == method, pl.col("source") == source)
            assert bar[0].get_ydata() == pytest.approx(mine[name].to_numpy())
            if source == "kmeans":
                assert np.abs(2 ** bar[0].get_xdata() / mine["k"].to_numpy() - 1).max() < 0.2
            ends = np.array([segment[:, 1] for segment in bar[2][0].get_segments()])
            assert ends[:, 0] == pytest.approx(mine[f"{name}_low"].to_numpy())
            assert ends[:, 1] == pytest.approx(mine[f"{name}_high"].to_numpy())
        erm = numbers.filter(pl.col("method") == "erm")[name][0]
        assert axes.lines[0].get_ydata() == [erm, erm]


@pytest.mark.parametrize(
    ("cells", "legend", "ticks"),
    [
        ([("rw", "kmeans", 8)], ["RW"], ["8"]),
        ([("erm", "none", 1), ("rw", "kmeans", 2)], ["ERM", "RW"], ["2"]),
        (
            [("mine", "kmeans", 2), ("rw", "kmeans", 4), ("mine", "annotated", 2)],
            ["RW", "mine"],
            ["2", "4", "annotated"],
        ),
    ],
)
def test_lines_of_a_small_grid(cells: list, legend: list[str], ticks: list[str]) -> None:
    figure = figures.metrics_by_k(table(runs(cells)), GAPS)
    assert_inside(figure)
    assert legend_names(figure) == [legend]
    for axes in panels(figure):
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ticks


def test_many_close_ks_have_names_that_do_not_touch() -> None:
    figure = figures.metrics_by_k(table(runs(configurations(range(2, 33)), folds=[1])), GAPS)
    figure.draw_without_rendering()
    for axes in panels(figure):
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(b.x0 > a.x1 for a, b in pairwise(boxes))


def test_without_gaps_there_is_no_panel_for_them() -> None:
    for groups in (["female"], [None]):
        numbers = table(runs(configurations((2, 4)), groups))
        assert numbers["tpr_gap"].null_count() == numbers.height
        assert len(panels(figures.metrics_by_k(numbers, GAPS))) == 2
        figure = figures.tradeoff(numbers, GAPS)
        assert not figure.axes
        assert "gender" in figure.texts[0].get_text()
    one = numbers.with_columns(tpr_gap=pl.when(pl.col("method") == "rw").then(0.2))
    assert len(panels(figures.metrics_by_k(one, GAPS))) == 3
    assert len(panels(figures.tradeoff(one, GAPS))) == 1
    assert not figures.metrics_by_k(numbers.with_columns(f1=None, acc=None), GAPS).axes


def test_tradeoff_draws_every_configuration_and_names_the_front() -> None:
    gaps = table_gaps(["race"], VARIANTS)
    found = runs(configurations(), ("a", "b", "c"), (1, 2, 3), EMOTIONS, "race")
    numbers = table(found, gaps)
    figure = figures.tradeoff(numbers, gaps)
    assert_inside(figure)
    methods, sources = legend_names(figure)
    assert methods == ["ERM", "LfF", "DisEnt", "PGDRO", "DS", "RW", "GDRO", "GADRO"]
    assert sources == ["none", "annotated", "pseudo", "kmeans (number: K)"]
    drawn = numbers.filter(pl.col("method") != "random")
    random_row = numbers.filter(pl.col("method") == "random")
    for axes, name in zip(panels(figure), gaps, strict=True):
        points = np.array([point.get_xydata()[0] for point in axes.lines[:-1]])
        assert points == pytest.approx(drawn.select(name, "f1").to_numpy())
        best = drawn[front(drawn["f1"].to_list(), drawn[name].to_list())]
        assert axes.lines[-1].get_xdata() == pytest.approx(best[name].to_list())
        names = [tables.configuration_name(*row) for row in best[:, :3].iter_rows()]
        clustered = drawn.filter(pl.col("source") == "kmeans").join(
            best, on=CONFIGURATION, how="anti"
        )
        ks = {(row[name], row["f1"]): str(row["k"]) for row in clustered.to_dicts()}
        assert [text.get_text() for text in axes.texts[: best.height]] == names
        assert {text.xy: text.get_text() for text in axes.texts[best.height :]} == ks
        assert_apart(axes, points)
        assert f"gap {random_row[name][0]:.3f}" in axes.get_title(loc="right")


@pytest.mark.parametrize("cell", [("random", "none", 1), ("rw", "kmeans", 16)])
def test_tradeoff_of_one_configuration(cell: tuple[str, str, int]) -> None:
    figure = figures.tradeoff(table(runs([cell])), GAPS)
    assert_inside(figure)
    assert [text.get_text() for text in panels(figure)[0].texts] == [
        tables.configuration_name(*cell)
    ]


def test_labels_of_a_crowd_stay_apart() -> None:
    figure = style.new_figure(4)
    axes = figure.subplots()
    draw = np.random.default_rng(2)
    points = [tuple(point) for point in draw.uniform(0, 1, (12, 2))]
    points[1] = points[0]
    axes.scatter(*zip(*points, strict=True))
    labels.place_labels(axes, points, [f"DS kmeans {i}" for i in range(12)], points)
    assert_apart(axes, np.array(points))


def test_a_label_is_beside_its_point_or_has_a_line_to_it() -> None:
    figure = style.new_figure(4)
    axes = figure.subplots()
    steps = [0, *range(-6, 0), *range(1, 7)]
    points = [(0.5 + 0.01 * i, 0.5 + 0.01 * j) for i, j in product(steps, steps)]
    alone = [(0.1, 0.1)]
    axes.scatter(*zip(*points, *alone, strict=True))
    for point in (points[:1], alone):
        (label,) = labels.place_labels(axes, point, ["DS kmeans 16"], [*points, *alone])
        box, (at,) = text_boxes(axes)[-1], axes.transData.transform(point)
        near = np.clip(at, box.min, box.max) - at
        assert (np.hypot(*near) > 20) == (label.arrow_patch is not None) == (point != alone)
    (label,) = labels.place_labels(axes, [(0.9, 0.9)], ["3"])
    assert label.get_position() == (0, 0)


def test_bars_are_the_rates() -> None:
    # Three groups, of which "c" has no clip of the last class; some clips without a group.
    draw = np.random.default_rng(3)
    truth = np.eye(3)[draw.integers(0, 3, 60)]
    race = [("a", "b", "c", None)[i] for i in draw.integers(0, 4, 60)]
    truth[[i for i, r in enumerate(race) if r == "c"]] = [1, 0, 0]
    data = clip_table(truth, ["train", "development"] + ["test"] * 58, race=race)
    scores = draw.dirichlet([1, 1, 1], 60)
    names = data.frame.select("clip", "split")
    predictions = names.with_columns(pl.Series(c, scores[:, i]) for i, c in enumerate(CLASSES))
    run = RunCounts("erm", "none", 1, 1, 0, speaker_counts(predictions, data))
    rates = class_rates([run], "race")
    decisions = [decide(values[2:], data.task) for values in (truth, scores)]
    expected = fairness(*decisions, race[2:], CLASSES)["rates"]
    assert rates.height == 9
    for name, group, rate in rates.select("class", "group", "tpr").iter_rows():
        assert rate == expected[name][group]["tpr"]
    assert rates["tpr"].null_count() == 2
    figure = figures.tpr_by_class(rates, "race")
    (axes,) = panels(figure)
    assert legend_names(figure) == [["a", "b", "c", "one fold", "no positive clip"]]
    for group, bars in zip("abc", axes.containers, strict=True):
        heights = [expected[name][group]["tpr"] for name in CLASSES]
        assert [bar.get_height() for bar in bars] == [h for h in heights if h is not None]


def test_bars_are_means_over_folds_of_means_over_seeds() -> None:
    def one(fold: int, seed: int, hits: int, positives: int = 10) -> RunCounts:
        row = {"speaker": "s", "gender": "female", "class": "sad", "clips": 20}
        counts = pl.DataFrame([row | {"positives": positives, "predicted": hits, "hits": hits}])
        return RunCounts("erm", "none", 1, fold, seed, counts)

    found = [one(1, 0, 2), one(1, 1, 4), one(2, 0, 9), one(3, 0, 0, positives=0)]
    rates = class_rates(found, "gender")
    assert rates.select("fold", "tpr").rows() == [(1, pytest.approx(0.3)), (2, 0.9), (3, None)]
    (axes,) = panels(figures.tpr_by_class(rates, "gender"))
    assert axes.containers[0][0].get_height() == pytest.approx(0.6)
    assert [y for _, y in axes.collections[0].get_offsets()] == pytest.approx([0.3, 0.9])


@pytest.mark.parametrize("groups", [["female"], [None], list("abcdefgh")])
def test_bars_with_one_group_none_and_many(groups: list[str | None]) -> None:
    found = runs([("erm", "none", 1), ("rw", "kmeans", 16)], groups, classes=EMOTIONS)
    figure = figures.tpr_by_class(class_rates(found, "gender"), "gender")
    assert_inside(figure)
    assert [axes.get_title() for axes in panels(figure)] == ["ERM", "RW kmeans 16"]
    names = groups if groups[0] else ["all clips"]
    assert legend_names(figure) == [[*names, "one fold"]]


def test_chosen_falls_back_to_the_smallest_gap() -> None:
    numbers = table(runs(configurations()))

    def rows(found: pl.DataFrame, *wanted: object) -> list[tuple]:
        return chosen(found, *wanted)[:, :3].rows()  # type: ignore[arg-type]

    erm = ("erm", "none", 1)
    assert rows(numbers, "rw", "annotated", 16) == [erm, ("rw", "annotated", 2)]
    assert rows(numbers, "ds", "kmeans", 16) == [erm, ("ds", "kmeans", 16)]
    others = numbers.filter(~pl.col("method").is_in(["erm", "random"]))
    best = others.sort("tpr_gap")[0, :3].row(0)
    assert rows(numbers, "ds", "kmeans", 5) == [erm, best]
    assert rows(numbers.filter(pl.col("method") != "erm"), "no", "none", 1) == [best]
    for alone in ("erm", "random"):
        only = numbers.filter(pl.col("method") == alone)
        assert rows(only, "rw", "annotated", 16) == [(alone, "none", 1)]


def embedded(folder: Path, clips: int, dim: int = 5) -> tuple:
    """A clip table with groups of 20 to 1, its store, and clusters of its train clips."""
    draw = np.random.default_rng(0)
    splits = ["test", "development"] + ["train"] * clips
    gender = ["female" if i % 20 == 0 else "male" for i in range(clips + 2)]
    labels = np.eye(3)[draw.integers(0, 3, clips + 2)]
    data = clip_table(labels, splits, gender=gender, race=[None] * (clips + 2))
    names = data.frame["clip"].to_list()
    vectors = draw.normal(size=(len(names), 1, dim)).astype(np.float32)
    vectors += np.array([g == "female" for g in gender], np.float32)[:, None, None] * 6
    store = feature_store(folder, vectors, names)
    clusters = pl.Series("group", [str(i % 12) for i in range(len(names))])
    return data, store, data.frame.select("clip", "split").with_columns(clusters)


def test_tsne_keeps_unlike_clips_apart(tmp_path: Path) -> None:
    data, store, clusters = embedded(tmp_path, 60)
    points = tsne.coordinates(data, store, standardise=True)
    assert points.equals(tsne.coordinates(data, store, standardise=True))
    train = data.frame.filter(pl.col("split") == "train")
    assert points["clip"].to_list() == sorted(train["clip"])
    means = points.join(train, on="clip").group_by("gender").agg(pl.col("x", "y").mean())
    spread = points.select(pl.col("x", "y").std()).row(0)
    assert np.hypot(*(means[c][0] - means[c][1] for c in "xy")) > min(spread)
    figure = figures.tsne_figure(points, data, clusters, "gender")
    assert_inside(figure)
    titles = [axes.get_title() for axes in panels(figure)]
    assert "gender" in titles[0] and "K = 12" in titles[1]
    assert legend_names(figure) == [["male (57)", "female (3)"]]
    assert [text.get_text() for text in figure.axes[1].texts] == [str(i) for i in range(12)]
    assert_apart(figure.axes[1], np.empty((0, 2)))
    for attribute in ("race", "nothing"):  # known of no clip; not in the corpus
        assert len(panels(figures.tsne_figure(points, data, clusters, attribute))) == 1


@pytest.mark.parametrize(("clips", "dim"), [(2, 5), (3, 1), (12, 1)])
def test_tsne_of_few_clips_and_dimensions(tmp_path: Path, clips: int, dim: int) -> None:
    data, store, _ = embedded(tmp_path, clips, dim)
    points = tsne.coordinates(data, store, standardise=False)
    assert points.height == clips
    assert np.isfinite(points.select("x", "y").to_numpy()).all()


def test_tsne_draws_the_same_clips_of_many(tmp_path: Path) -> None:
    data, store, _ = embedded(tmp_path, 40)
    points = tsne.coordinates(data, store, False, largest=10)
    assert points.height == points["clip"].n_unique() == 10
    assert points.equals(tsne.coordinates(data, store, False, largest=10))


def test_no_two_of_many_groups_look_alike() -> None:
    looks = [tuple(style.group_look(number).values()) for number in range(32)]
    assert len(set(looks)) == 32
    alike = ("rw", "gdro", "gadro", "pgdro", "lff")
    assert len({style.point_look(method, "none")["fillstyle"] for method in alike}) == 5
    lines = [style.line_look("rw", number) for number in range(6)]
    assert len({(str(look["linestyle"]), look["marker"]) for look in lines}) == 6
    assert len({style.bar_look(number)["hatch"] for number in range(6)}) == 6


def test_files_are_the_same_whenever_they_are_drawn(tmp_path: Path) -> None:
    numbers = table(runs(configurations((4,))))
    data, store, clusters = embedded(tmp_path, 30)
    points = tsne.coordinates(data, store, True)
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        for name, figure in {
            "by_k": figures.metrics_by_k(numbers, GAPS),
            "tradeoff": figures.tradeoff(numbers, GAPS),
            "bars": figures.tpr_by_class(class_rates(runs(PLAIN), "gender"), "gender"),
            "tsne": figures.tsne_figure(points, data, clusters, "gender"),
            "notice": style.notice("Nothing."),
        }.items():
            style.save(figure, folder / f"{name}.svg", folder / f"{name}.png")
        written.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert written[0] == written[1]
    assert len(written[0]) == 10
    texts = ElementTree.fromstring(written[0]["tradeoff.svg"]).iter(  # noqa: S314 (our own)
        "{http://www.w3.org/2000/svg}text"
    )
    words = {text.text for text in texts}
    assert {"Macro F1", "Groups from", "GADRO"} <= words
    assert b"date" not in written[0]["by_k.svg"].lower().split(b"<defs>")[0]
