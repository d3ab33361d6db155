"""Whatever a job left: what fits its declaration goes on in one form, the rest stays."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.model.output import Histogram, Model, Scalars, Table, output_to_mapping
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


def _inspect(root: Path, left: dict[str, bytes]) -> dict:
    for name in ("parts", "out"):
        (root / name).mkdir(exist_ok=True)
    for name, content in left.items():
        (root / "parts" / name).write_bytes(content)
    outputs = {name: output_to_mapping(o) for name, o in DECLARED.items()}
    main({"outputs": outputs}, Places(root=root))
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


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("seen", b"{", "not JSON"),
        ("seen", b"[" * 100_000, "larger"),
        ("seen", b"[" * 3000, "not JSON"),
        ("seen", b'{"columns":{"camera":"text"},"rows":[]}', "other columns"),
        (
            "seen",
            b'{"columns":{"camera":"text","n":"int"},"rows":[["a",1],["b",2],["c",3]]}',
            "rows",
        ),
        (
            "seen",
            b'{"columns":{"camera":"text","n":"int"},"rows":[["SECRETWORD\\u202e",1]]}',
            "hidden",
        ),
        ("seen", b'{"columns":{"camera":"text","n":"int"}}', "not rows"),
        ("sum", b'{"n":NaN}', "not JSON"),
        ("sum", b'{"n":1e999}', "NaN"),
        ("sum", b'{"n":1,"SECRETWORD":2}', "other names"),
        ("sum", b'{"n":"SECRETWORD"}', "number"),
        ("sum", b"\xff", "not JSON"),
        ("extra", b"SECRETWORD", "not declared"),
        (".hidden", b"SECRETWORD", "not declared"),
    ],
)
def test_problems_are_told_without_values(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    manifest = _inspect(tmp_path, {**GOOD, name: content})

    assert manifest["outputs"] == {}
    assert any(says in why for why in manifest["problems"].values()), manifest
    assert "SECRETWORD" not in json.dumps(manifest)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["manifest.json"]


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

    assert "sum" in manifest["problems"]


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


def test_a_model_file_is_loaded_where_it_can_do_no_harm(tmp_path: Path) -> None:
    outputs = {"m": output_to_mapping(Model(format="tflite", max_bytes=100))}
    for name in ("parts", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "parts" / "m").write_bytes(b"\x10\0\0\0TFL3" + b"\x01" * 60)

    main({"outputs": outputs, "interpreter": "litert"}, Places(root=tmp_path))

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert "refuses the model" in manifest["problems"]["m"]


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
    data = encode("h", Histogram(edges=edges), [1e300 / 3] * 1000)
    assert len(data) <= largest(Histogram(edges=edges))
