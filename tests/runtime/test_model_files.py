"""A model leaves as it was written here, with numbers in it that do not look like a picture."""

import io
import json
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.adapters.litert import Detector
from darkroom.errors import OutputError
from darkroom.model.output import Model, output_to_mapping
from darkroom.model.withheld import MODEL, TOO_LARGE, UNCHECKED
from darkroom.runtime.inspection import main
from darkroom.runtime.model_files import pack_arrays, repack_arrays, rewrite_tflite
from darkroom.runtime.places import Places
from tests.runtime import tflite_models as models


MOST = 1 << 20
WORDS = b"a face at 12:04, gate"
OPEN = {"models": ["tflite", "npz"], "max_model_kib": 4096}
WEIGHTS = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)


def _inspected(root: Path, data: bytes, kind: str = "tflite", most: int = MOST) -> dict:
    for name in ("parts", "out"):
        (root / name).mkdir()
    (root / "parts" / "m").write_bytes(data)
    declared = output_to_mapping(Model(format=kind, max_bytes=most))  # type: ignore[arg-type]
    request = {"outputs": {"m": declared}, "airlock": OPEN, "interpreter": "litert"}
    main(request, Places(root=root))
    return json.loads((root / "out" / "manifest.json").read_bytes())


def _npz(**arrays: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


# ------------------------------------------------------------------------------- TFLite


def test_only_the_written_file_leaves(tmp_path: Path) -> None:
    manifest = _inspected(tmp_path, models.with_words(models.shipped(), WORDS))

    left = (tmp_path / "out" / "m").read_bytes()
    assert manifest["problems"] == {}
    assert left == rewrite_tflite("m", models.shipped())
    assert WORDS not in left
    assert Detector(left).classes == 2


def test_a_model_that_may_not_leave_is_refused_in_closed_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The author of a run on mock reads more, in the log."""
    model = models.adding(np.ones(4, np.float32))
    model.operatorCodes = [models.operator_code("STABLEHLO_CUSTOM_CALL")]

    assert _inspected(tmp_path, models.packed(model))["problems"] == {"m": MODEL}
    assert "STABLEHLO_CUSTOM_CALL" in capsys.readouterr().err


def test_a_model_is_loaded_where_it_can_do_no_harm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sound as a file, but its shapes do not fit together."""
    model = models.adding(np.ones((2, 3), np.float32))
    model.subgraphs[0].tensors[0].shape = models.ints(4, 5)
    data = models.packed(model)
    assert rewrite_tflite("m", data)

    assert _inspected(tmp_path, data)["problems"] == {"m": MODEL}
    assert "refuses the model" in capsys.readouterr().err


def test_a_picture_among_the_weights_is_refused(tmp_path: Path) -> None:
    model = models.adding(_scene().astype(np.float32) / 255)

    assert _inspected(tmp_path, models.packed(model))["problems"] == {"m": MODEL}
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["manifest.json"]


def test_an_environment_without_the_schema_lets_no_model_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)

    assert _inspected(tmp_path, models.shipped())["problems"] == {"m": UNCHECKED}
    assert "litert" in UNCHECKED


def test_what_is_written_fits_the_declaration(tmp_path: Path) -> None:
    """Constants are aligned when they are written, so a dense file may grow."""
    model = models.adding(np.ones(1, np.int8))
    graph = model.subgraphs[0]
    for i in range(2, 30):
        model.buffers.append(models.constant(np.full(1, i, np.int8)))
        graph.tensors.append(models.schema.TensorT(shape=models.ints(1), type=9, buffer=i))
        add = models.schema.AddOptionsT()
        graph.operators.append(models.operator(0, (0, i + 1), (2,), "AddOptions", add))
    data = models.packed(model)
    assert len(rewrite_tflite("m", data)) > len(data)

    assert _inspected(tmp_path, data, most=len(data))["problems"] == {"m": TOO_LARGE}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(st.binary(max_size=300), st.integers(0, 1 << 16))
def test_any_bytes_are_refused_in_an_output_error(content: bytes, cut: int) -> None:
    whole = models.shipped()
    for data in (b"\x1c\0\0\0TFL3" + content, whole[: cut % len(whole)], whole[:64] + content):
        with pytest.raises(OutputError, match="output m: "):
            rewrite_tflite("m", data)


# ----------------------------------------------------------------------- numpy archives


def _repacked(data: bytes) -> bytes:
    return repack_arrays("m", data, most=MOST)


def test_nothing_beside_the_numbers_of_an_archive_survives() -> None:
    """Comments, extra fields, dates, attributes, order, compression, what stands around."""
    array = _npz(w=WEIGHTS)
    content = zipfile.ZipFile(io.BytesIO(array)).read("w.npy")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("b.npy", "w.npy"):
            member = zipfile.ZipInfo(name, date_time=(2011, 2, 3, 4, 5, 6))
            member.comment = WORDS
            member.extra = struct.pack("<HH", 0x6666, len(WORDS)) + WORDS
            member.external_attr = int.from_bytes(WORDS[:4], "little")
            member.create_system = 7
            archive.writestr(member, content)
        archive.comment = WORDS
    full = WORDS + target.getvalue()
    assert full.count(WORDS) >= 6

    assert _repacked(full) == _repacked(_npz(w=WEIGHTS, b=WEIGHTS))
    assert WORDS not in _repacked(full)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=200))
def test_what_stands_before_an_archive_changes_no_bit(words: bytes) -> None:
    assert _repacked(words + _npz(w=WEIGHTS)) == _repacked(_npz(w=WEIGHTS))


def test_the_text_of_a_header_is_not_copied() -> None:
    plain = io.BytesIO()
    np.save(plain, WEIGHTS)
    spaced = plain.getvalue().replace(b"'descr': '<f4'", b"'descr':'<f4' ")
    assert spaced != plain.getvalue()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("w.npy", spaced)

    assert _repacked(target.getvalue()) == _repacked(_npz(w=WEIGHTS))


def _scene(side: int = 64) -> np.ndarray:
    """A lamp over a street, with grain."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    light = 90 + 80 * np.exp(-8 * ((rows - 0.4) ** 2 + (columns - 0.6) ** 2)) + 40 * rows
    light[side // 2 :, side // 4 : side // 3] -= 50
    grain = np.random.default_rng(1).normal(scale=4, size=light.shape)
    return np.clip(light + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["u1", "i1", "?"])
def test_eight_bit_arrays_have_no_rows_and_columns(kind: str) -> None:
    chance = np.random.default_rng(2).integers(0, 2, (8, 8))
    with pytest.raises(OutputError, match="8-bit array"):
        _repacked(_npz(w=chance.astype(kind)))

    assert _repacked(_npz(w=chance.astype(kind)[:, :7], v=chance.astype("<i2")))


@pytest.mark.parametrize("kind", ["<f2", ">f4", "<f8", "i1", "<i8", ">u4", "u1", "?"])
def test_every_bit_of_a_number_that_leaves_is_part_of_it(kind: str) -> None:
    array = np.array([0, 1, 1, 0], kind)
    again = np.load(io.BytesIO(_repacked(_npz(w=array, one=array[1]))))
    assert again["w"].tolist() == array.tolist()
    assert again["w"].itemsize == array.itemsize
    assert again["one"].shape == ()


@pytest.mark.parametrize("kind", ["<g", "<F", "<D", "<G", "S4", "<U1", "<M8[s]", "V8"])
def test_numbers_with_room_beside_them_are_refused(kind: str) -> None:
    array = np.zeros(3, kind)
    with pytest.raises(OutputError, match="not plain numbers"):
        _repacked(_npz(w=array))
    with pytest.raises(OutputError, match="not plain numbers"):
        pack_arrays("m", {"w": array})


@pytest.mark.parametrize("raw", [2, 0x80, 0xFF])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_a_truth_value_is_one_of_two(raw: int, shape: tuple[int, ...]) -> None:
    array = np.full(shape, raw, np.uint8).view(np.bool_)
    with pytest.raises(OutputError, match="neither true nor false"):
        _repacked(_npz(w=array))
    with pytest.raises(OutputError, match="neither true nor false"):
        pack_arrays("m", {"w": array.T})


@pytest.mark.parametrize("kind", ["<f4", ">f8", "<f2", "<i4", "<u2"])
def test_a_picture_in_an_archive_is_refused(kind: str) -> None:
    for array in (_scene(), _scene().ravel()):
        with pytest.raises(OutputError, match="looks like a picture"):
            _repacked(_npz(w=WEIGHTS, v=array.astype(kind)))


def test_a_file_in_an_archive_is_refused() -> None:
    file = np.frombuffer(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), np.uint8)
    for array in (file, file.astype(np.float32), file / 255):
        with pytest.raises(OutputError, match="picture, video or archive"):
            _repacked(_npz(w=array))
