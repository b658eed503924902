"""Any content of a csv: rows, or a message that names the file; never another error."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fairser.auditing.inputs import AuditInput
from fairser.auditing.tables import make_audit
from fairser.core.errors import InputError
from fairser.core.table_files import read_csv
from fairser.corpora.demographics import read_speakers
from fairser.corpora.genders import join_genders, read_genders
from unit.corpora.builders import read_manifest

BUDGET = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PIECES = (
    *("file", "speaker", "emotion", "gender", "age", "clip", "fold", "split", "label", "row"),
    *("prediction", "test", "train", "dev", "1", "2", "-1", "nan", "inf", "1e999", "?", " "),
    *(",", ",", ",", "\n", "\n", "\n", "\r\n", "\r", '"', '""', ";", "\t", "|", "\ufeff", "\x00"),
    *("a.wav", "../a.wav", "/a", "joy", "anger", "é", "\u2028", "x" * 200, "row of the file"),
)
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
contents = (
    st.binary(max_size=60)
    | texts.map(str.encode)
    | st.tuples(texts, st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-8-sig"])).map(
        lambda pair: pair[0].encode(pair[1])
    )
)
GOOD = "file,speaker,gender,emotion,fold\n" + "".join(
    f"{s}{t}.wav,s{s},{'fm'[s % 2]},{'ab'[t]},{s // 2 + 1}\n" for s in range(6) for t in range(2)
)


def told(path: Path, error: InputError) -> bool:
    return all(str(path) in fault for fault in error.faults)


@BUDGET
@example(b"\xef\xbb\xbf", ",")
@example(b"row,row of the file\n1,2\n", ",")
@given(contents, st.sampled_from([",", ",\t"]))
def test_any_bytes(tmp_path: Path, content: bytes, separators: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    try:
        frame = read_csv(path, separators)
    except InputError as error:
        assert told(path, error)
        return
    assert frame.height and {*frame.dtypes} == {pl.String}
    assert frame["row"][0] == f"{path}, row 2"
    assert not sum(frame.null_count().row(0))


@BUDGET
@given(
    st.integers(0, len(GOOD)), st.integers(0, 12), texts | st.text(max_size=3), st.integers(0, 3)
)
def test_a_manifest_with_another_part(
    tmp_path: Path, start: int, length: int, part: str, more: int
) -> None:
    """A part of a good manifest is replaced, or rows are repeated; also as other tables."""
    path = tmp_path / "m.csv"
    content = GOOD[:start] + part + GOOD[start + length :]
    content += "".join(content.splitlines(keepends=True)[-more:] if more else [])
    path.write_text(content.encode("utf-8", "replace").decode(), encoding="utf-8", newline="")
    clips = pl.DataFrame({"speaker": ["s1"]})

    def genders(file: Path) -> None:
        join_genders(clips, read_genders(file), file)

    for read in (read_manifest, read_speakers, genders):
        try:
            read(path)
        except InputError as error:
            assert told(path, error)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(BUDGET, max_examples=60)
@given(st.integers(0, 300), st.integers(0, 12), texts)
def test_an_audit_of_another_table(tmp_path: Path, start: int, length: int, part: str) -> None:
    good = "clip,speaker,label,prediction,gender\n" + "".join(
        f"c{n},s{n % 6},{'ab'[n % 2]},{'ab'[n // 2 % 2]},{'fm'[n % 6 // 3]}\n" for n in range(18)
    )
    path = tmp_path / "p.csv"
    path.write_text(good[:start] + part + good[start + length :], encoding="utf-8", newline="")
    try:
        assert make_audit(AuditInput([path]), resamples=100).attributes
    except InputError as error:
        assert str(error)
