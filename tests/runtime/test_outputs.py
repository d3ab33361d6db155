"""What a function returned is checked against its declaration and written one way."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import OutputError
from darkroom.model.output import Histogram, Model, Scalars, Table
from darkroom.runtime.outputs import encode, encode_all


TABLE = Table(columns={"camera": "text", "n": "int", "share": "float"}, max_rows=3)
ROW = ["gate", 2, 0.5]
NPZ = Model(format="npz", max_bytes=5000)
HISTOGRAM = Histogram(edges=(0.0, 1.0, 2.5))


@pytest.mark.parametrize(
    "value",
    [
        [{"camera": "gate", "n": 2, "share": 0.5}],
        [{"share": np.float64(0.5), "n": np.int32(2), "camera": np.str_("gate")}],
        [ROW],
        [tuple(ROW)],
        {"camera": ["gate"], "n": np.array([2]), "share": [0.5]},
        (row for row in [ROW]),
        {"columns": dict(TABLE.columns), "rows": [ROW]},
    ],
)
def test_the_usual_shapes_of_a_table_give_the_same_bytes(value: object) -> None:
    expected = {"columns": dict(TABLE.columns), "rows": [ROW]}
    assert json.loads(encode("t", TABLE, value)) == expected


def test_a_data_frame_is_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([dict(zip(TABLE.columns, ROW, strict=True))])
    assert json.loads(encode("t", TABLE, frame))["rows"] == [ROW]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([ROW] * 4, "more than 3 rows"),
        ([["gate", 2]], "not 3 values"),
        ([["gate", 2.5, 0.5]], "float in an int"),
        ([["gate", True, 0.5]], "bool where a number"),
        ([["gate", 2, float("nan")]], "NaN"),
        ([["gate", 2, float("inf")]], "NaN or infinity"),
        ([["gate", 1 << 60, 0.5]], "2^53"),
        ([["x" * 81, 2, 0.5]], "longer than 80"),
        ([["a\x1b[2J", 2, 0.5]], "hidden"),
        ([["a\u202eb", 2, 0.5]], "hidden"),
        ([["a\ufe0fb", 2, 0.5]], "hidden"),
        ([["gate\u3164", 2, 0.5]], "hidden"),
        ([[b"gate", 2, 0.5]], "bytes in a text"),
        ([{"camera": "a", "n": 1}], "other columns"),
        ({"camera": [], "n": []}, "other columns"),
        ({"camera": ["a"], "n": [1, 2], "share": [0.5]}, "different lengths"),
        (5, "not rows"),
        ("abc", "not rows"),
    ],
)
def test_what_is_no_such_table_is_told_without_the_value(value: object, says: str) -> None:
    with pytest.raises(OutputError, match="output t: ") as caught:
        encode("t", TABLE, value)
    assert says in caught.value.message


@given(st.lists(st.tuples(st.text(max_size=80), st.integers(), st.floats()), max_size=4))
def test_a_table_is_refused_or_read_back_as_itself(rows: list[tuple]) -> None:
    try:
        first = encode("t", TABLE, rows)
    except OutputError:
        return
    assert encode("t", TABLE, json.loads(first)["rows"]) == first


def test_scalars_and_their_names() -> None:
    output = Scalars(names=("a", "b"))
    assert encode("s", output, {"b": np.float32(0.5), "a": 3}) == b'{"a":3,"b":0.5}'
    for wrong in ({"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": "2"}, [1, 2]):
        with pytest.raises(OutputError):
            encode("s", output, wrong)


@pytest.mark.parametrize("count", [-1, 0.5, float("nan"), 1 << 60, True, "3"])
def test_what_says_how_many_is_a_whole_number(count: object) -> None:
    for output, value in (
        (Scalars(names=("n",), counts=("n",)), {"n": count}),
        (Table(columns={"n": "int"}, max_rows=1, counts=("n",)), [(count,)]),
        (Histogram(edges=(0, 1)), [count]),
    ):
        with pytest.raises(OutputError):
            encode("x", output, value)


@pytest.mark.parametrize(
    "value",
    [
        [3, 4],
        np.array([3.0, 4.0]),
        {"edges": [0, 1, 2.5], "counts": [3, 4]},
        (np.array([3, 4]), np.array([0, 1, 2.5])),
    ],
)
def test_histograms(value: object) -> None:
    expected = {"edges": [0.0, 1.0, 2.5], "counts": [3, 4]}
    assert json.loads(encode("h", HISTOGRAM, value)) == expected


@pytest.mark.parametrize(
    "value",
    [[1], [1, -1], [1, None], [1, 0.5], [1, 1e300], {"edges": [0, 1, 2], "counts": [1, 2]}, 5],
)
def test_other_histograms_are_refused(value: object) -> None:
    with pytest.raises(OutputError):
        encode("h", HISTOGRAM, value)


def test_equal_arrays_give_equal_bytes() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    saved = io.BytesIO()
    np.savez_compressed(saved, w=np.asfortranarray(array), b=array[0])

    direct = encode("m", NPZ, {"b": array[0], "w": array.astype(">f4")})

    assert encode("m", NPZ, saved.getvalue()) == direct
    with np.load(io.BytesIO(direct), allow_pickle=False) as archive:
        assert archive["w"].tolist() == array.tolist()


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def _npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    target = io.BytesIO()
    np.save(target, array, allow_pickle=pickled)
    return target.getvalue()


class _Bomb:
    def __reduce__(self) -> tuple:
        raise AssertionError("unpickled")


@pytest.mark.parametrize(
    "data",
    [
        b"not a zip",
        b"",
        _zip({"a.npy": b"junk"}),
        _zip({"a.npy": _npy(np.array([{}], dtype=object), pickled=True)}),
        _zip({"a.npy": _npy(np.array(["text"]))}),
        _zip({"a.npy": _npy(np.array([np.nan]))}),
        _zip({"../a.npy": _npy(np.zeros(1))}),
        _zip({"a b.npy": _npy(np.zeros(1))}),
        _zip({"zeros.npy": bytes(4_000_000)}),  # a bomb: few bytes, many megabytes
        _zip({"a.npy": _npy(np.zeros(1)).replace(b"(1,)", b"(9,)")}),
        _zip({"a.npy": _npy(np.zeros(1)) + b"hidden after the numbers"}),
    ],
    ids=range(11),
)
def test_hostile_archives_are_refused(data: bytes) -> None:
    with pytest.raises(OutputError):
        encode("m", NPZ, data)


@pytest.mark.parametrize(
    "value", [b"\x1c\0\0\0TFL3", b"x" * 100, b"\xff" * 4 + b"TFL3" + b"\0" * 90]
)
def test_what_is_no_tflite_file_is_refused(value: bytes) -> None:
    with pytest.raises(OutputError, match="not a TFLite file"):
        encode("m", Model(format="tflite", max_bytes=1000), value)


def test_a_model_may_be_named_by_its_file(tmp_path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, w=np.zeros(3))
    assert encode("m", NPZ, str(path)) == encode("m", NPZ, {"w": np.zeros(3)})
    with pytest.raises(OutputError, match="not there"):
        encode("m", NPZ, tmp_path / "other")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OutputError, match="more than"):
        encode("m", NPZ, tmp_path / "huge")


@pytest.mark.parametrize("result", [None, [1], {}, {"s": {"a": 1}, "more": 1}])
def test_the_outputs_are_exactly_the_declared_ones(result: object) -> None:
    with pytest.raises(OutputError):
        encode_all({"s": Scalars(names=("a",))}, result)
