"""Whatever a job left: what fits its declaration goes on in one form, the rest stays."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.model.airlock import Airlock
from darkroom.model.output import Histogram, Model, Scalars, Table, output_to_mapping
from darkroom.model.withheld import (
    MISSING,
    NOT_AS_DECLARED,
    PROBLEMS,
    STRANGERS,
    TEXT,
    TOO_LARGE,
    TOO_WIDE,
)
from darkroom.runtime.inspection import largest, main
from darkroom.runtime.outputs import encode
from darkroom.runtime.places import Places


DECLARED = {
    "seen": Table(columns={"camera": "text", "n": "int"}, max_rows=2),
    "sum": Scalars(names=("n",)),
}
GOOD = {
    "seen": b'{"columns":{"camera":"text","n":"int"},"rows":[["gate",1]]}',
    "sum": b'{"n":0.5}',
}


def _inspect(root: Path, left: dict[str, bytes], **airlock: object) -> dict:
    for name in ("parts", "out"):
        (root / name).mkdir(exist_ok=True)
    for name, content in left.items():
        (root / "parts" / name).write_bytes(content)
    outputs = {name: output_to_mapping(o) for name, o in DECLARED.items()}
    request = {"outputs": outputs, "airlock": Airlock(**airlock).to_mapping()}
    main(request if airlock else {"outputs": outputs}, Places(root=root))
    return json.loads((root / "out" / "manifest.json").read_bytes())


def test_good_outputs_go_on(tmp_path: Path) -> None:
    manifest = _inspect(tmp_path, GOOD)

    assert manifest["problems"] == {}
    assert {n: f["type"] for n, f in manifest["outputs"].items()} == {
        "seen": "table",
        "sum": "scalars",
    }
    assert {n: (tmp_path / "out" / n).read_bytes() for n in GOOD} == GOOD


def test_white_space_order_and_number_forms_do_not_survive(tmp_path: Path) -> None:
    odd = b'  {"rows": [ ["gate", 1] ] ,\n "columns": {"n":"int", "camera":"text"}}\n\n'
    assert _inspect(tmp_path, {**GOOD, "seen": odd, "sum": b'{"n": 5e-1 }'})["outputs"]
    assert {n: (tmp_path / "out" / n).read_bytes() for n in GOOD} == GOOD


SEEN = b'{"columns":{"camera":"text","n":"int"},"rows":'


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("seen", b"{", NOT_AS_DECLARED),
        ("seen", b"[" * 100_000, TOO_LARGE),
        ("seen", b"[" * 3000, NOT_AS_DECLARED),
        ("seen", b'{"columns":{"camera":"text"},"rows":[]}', NOT_AS_DECLARED),
        ("seen", SEEN + b'[["a",1],["b",2],["c",3]]}', NOT_AS_DECLARED),
        ("seen", SEEN + b'[["SECRETWORD\\u202e",1]]}', NOT_AS_DECLARED),
        ("seen", SEEN + b'[["SECRETWORD' + b"q7Xw2kZp" * 6 + b'",1]]}', TEXT),
        ("seen", b'{"columns":{"camera":"text","n":"int"}}', NOT_AS_DECLARED),
        ("sum", b'{"n":NaN}', NOT_AS_DECLARED),
        ("sum", b'{"n":1e999}', NOT_AS_DECLARED),
        ("sum", b'{"n":1,"SECRETWORD":2}', NOT_AS_DECLARED),
        ("sum", b'{"n":"SECRETWORD"}', NOT_AS_DECLARED),
        ("sum", b"\xff", NOT_AS_DECLARED),
        ("extra", b"SECRETWORD", STRANGERS),
        (".hidden", b"SECRETWORD", STRANGERS),
    ],
)
def test_problems_are_of_a_closed_list(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    manifest = _inspect(tmp_path, {**GOOD, name: content})

    assert manifest["outputs"] == {}
    assert [*manifest["problems"].values()] == [problem]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"edges":5,"counts":[1,2]}', b'{"edges":null,"counts":[1,2]}',
        b'{"edges":[0,1,[2]],"counts":[1,2]}', b'{"edges":[0,1,1e400],"counts":[1,2]}',
        b'{"edges":[0,1,2],"counts":{"0":1,"1":2}}', b'{"edges":[0,1,2],"counts":[1,1e308]}',
        b'{"edges":{"0":1},"counts":"ab"}', b"5", b"null", b"[[1],[2]]",
        b"[1,1" + b"0" * 60 + b"]",
    ],
)  # fmt: skip
def test_bins_of_another_shape_are_told_in_the_same_words(tmp_path: Path, content: bytes) -> None:
    for name in ("parts", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "parts" / "h").write_bytes(content)
    outputs = {"h": output_to_mapping(Histogram(edges=(0, 1, 2)))}
    main({"outputs": outputs}, Places(root=tmp_path))

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest == {"outputs": {}, "problems": {"h": NOT_AS_DECLARED}}


def test_how_many_files_were_left_is_not_told(tmp_path: Path) -> None:
    one = _inspect(tmp_path, {**GOOD, "a": b""})
    many = _inspect(tmp_path, {**GOOD, **{f"b{n}": b"" for n in range(40)}})
    assert one == many


def test_which_of_many_faults_it_was_is_told_to_the_author_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = _inspect(tmp_path, {**GOOD, "sum": b'{"n":"SECRETWORD"}'})

    assert manifest["problems"] == {"sum": NOT_AS_DECLARED}
    said = capsys.readouterr().err
    assert "holds str where a number belongs" in said
    assert "SECRETWORD" not in said


@given(st.binary(max_size=80) | st.text().map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_no_bytes_make_it_say_anything_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    manifest = _inspect(tmp_path_factory.mktemp("fuzz"), {**GOOD, "seen": content})
    assert set(manifest["problems"].values()) <= set(PROBLEMS)


@pytest.mark.parametrize(
    "airlock", [{"max_rows": 1}, {"max_columns": 1}, {"free_text": False}, {"min_count": 2}]
)
def test_a_declaration_wider_than_the_airlock_is_refused_unread(
    tmp_path: Path, airlock: dict[str, object]
) -> None:
    manifest = _inspect(tmp_path, {**GOOD, "seen": b"not even JSON"}, **airlock)
    assert manifest["problems"] == {"seen": TOO_WIDE}


@pytest.mark.parametrize("airlock", [{"models": ()}, {"max_model_kib": 1}])
def test_models_leave_as_the_owner_says(tmp_path: Path, airlock: dict[str, object]) -> None:
    declared = Model(format="npz", max_bytes=2000)
    for name in ("parts", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "parts" / "m").write_bytes(encode("m", declared, {"w": [1.0]}))

    request = {"outputs": {"m": output_to_mapping(declared)}}
    main(request | {"airlock": Airlock(**airlock).to_mapping()}, Places(root=tmp_path))

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["problems"] == {"m": TOO_WIDE}


def test_what_leaves_is_as_coarse_as_the_owner_wants(tmp_path: Path) -> None:
    left = {"seen": SEEN + b'[["b",1],["a",2]]}', "sum": b'{"n":0.123456}'}
    _inspect(tmp_path, left, decimals=2)

    assert (tmp_path / "out" / "seen").read_bytes() == SEEN + b'[["a",2],["b",1]]}'
    assert (tmp_path / "out" / "sum").read_bytes() == b'{"n":0.12}'


@pytest.mark.parametrize("kind", ["nothing", "link", "folder", "pipe"])
def test_what_is_no_file_is_missing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "parts" / "sum"
    path.parent.mkdir()
    match kind:
        case "link":
            path.symlink_to("/etc/passwd")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)

    manifest = _inspect(tmp_path, {"seen": GOOD["seen"]})

    assert manifest["problems"] == {"sum": MISSING}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_refused_or_canonical(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    manifest = _inspect(root, {**GOOD, "sum": content})

    if not manifest["problems"]:
        written = (root / "out" / "sum").read_bytes()
        assert encode("sum", DECLARED["sum"], json.loads(written)) == written


@given(st.lists(st.tuples(st.text(max_size=80), st.integers(-(1 << 53), 1 << 53)), max_size=2))
def test_an_honest_table_is_never_too_large(rows: list[tuple[str, int]]) -> None:
    from darkroom.errors import OutputError

    try:
        data = encode("seen", DECLARED["seen"], rows)
    except OutputError:
        return
    assert len(data) <= largest(DECLARED["seen"])


def test_bounds_of_the_other_kinds() -> None:
    edges = tuple(float(i) + 0.123456789 for i in range(1001))
    data = encode("h", Histogram(edges=edges), [(1 << 53) - 1] * 1000)
    assert len(data) <= largest(Histogram(edges=edges))
