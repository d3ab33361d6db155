"""T6, T5: models and archives that run code, or unfold, when they are opened."""

import builtins
import functools
import io
import json
import pickle
import pickletools
import struct
import zipfile

import numpy as np
import pytest

from darkroom.errors import DarkroomError, OutputError
from darkroom.model.output import Model, output_to_mapping
from darkroom.node.footage_source import footage_source
from darkroom.ports import SandboxTask
from darkroom.scientist.outputs import check_output
from tests.attack.worlds import slip_job
from tests.ingest.test_decode import ask
from tests.sandbox.workshop import Workshop, limits


MARK = "darkroom_attack_fired"


class Trigger:
    """An object whose mere reading runs a line of code."""

    def __reduce__(self):
        return exec, (f"import builtins; builtins.{MARK} = True",)


def fired() -> bool:
    return hasattr(builtins, MARK)


@pytest.fixture(autouse=True)
def disarmed():
    yield
    if fired():
        delattr(builtins, MARK)


def npz_of(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, weights=array)
    return file.getvalue()


def trapped() -> bytes:
    """An archive of arrays, one of which is a pickle that fires."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        head = b"\x93NUMPY\x01\x00"
        shape = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        shape = shape.ljust(117) + b"\n"
        payload = pickle.dumps(np.array([Trigger()], object))
        archive.writestr("w.npy", head + struct.pack("<H", len(shape)) + shape + payload)
    return file.getvalue()


@functools.cache
def bomb(size: int = 16 << 20) -> bytes:
    """16 MiB of nothing in as many KiB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "|u1", "fortran_order": False, "shape": (size,)}
        )
        archive.writestr("w.npy", head.getvalue() + bytes(size))
    return file.getvalue()


def lying() -> bytes:
    """A member that says it is small and is not."""
    data = bytearray(bomb(8 << 20))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    return bytes(data)


def claiming(shape: str) -> bytes:
    """An array that claims more than its bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        archive.writestr(
            "w.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
        )
    return file.getvalue()


def renamed(name: str) -> bytes:
    """An archive whose member has a name of our choice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        array = io.BytesIO()
        np.save(array, np.ones(3), allow_pickle=False)
        archive.writestr(name, array.getvalue())
    return file.getvalue()


def saved_model() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("saved_model/saved_model.pb", b"\x08\x01\x12\x00")
        archive.writestr("saved_model/assets/../../../../etc/cron.d/x", b"* * * * * root x")
    return file.getvalue()


MODELS = {
    "pickle": pickle.dumps(Trigger()),
    "pickle, old protocol": pickletools.optimize(pickle.dumps(Trigger(), 0)),
    "pickle in an npz": trapped(),
    "npz bomb": bomb(),
    "npz that lies about its size": lying(),
    "npz that claims a terabyte": claiming("(137438953472,)"),
    "npz of negative size": claiming("(-8,)"),
    "npz of 64 dimensions": claiming("(" + "1," * 64 + ")"),
    "npz of objects": npz_of(np.zeros((3, 3), object)),
    "npz with a way out": renamed("../../../x.npy"),
    "npz that was cut": npz_of(np.ones(100))[:200],
    "h5": b"\x89HDF\r\n\x1a\n" + bytes(2000),
    "SavedModel": saved_model(),
    "tflite head": b"\x10\0\0\0TFL3",
    "tflite of ones": b"\x10\0\0\0TFL3" + b"\x01" * 400,
    "tflite of holes": b"\x10\0\0\0TFL3" + b"\xff" * 400,
    "tflite with a root outside": b"\xf0\xff\xff\x7fTFL3" + bytes(400),
    "onnx": b"\x08\x07\x12\x07pytorch" + bytes(100),
    "nothing": b"",
}
FORMATS = ("npz", "tflite")
NO_NPZ = "is not an npz file of numbers"
NO_TFLITE = "is not a TFLite file"
ANOTHER_ARCHIVE = "is an archive of something else, or of more, than was declared"
SAID = {
    "npz": dict.fromkeys(MODELS, NO_NPZ)
    | dict.fromkeys(("npz bomb", "npz that lies about its size", "SavedModel"), ANOTHER_ARCHIVE)
    # A name in an archive is only a key.
    | {"npz with a way out": None},
    # A TFLite file goes by its head here; the inspection reads all of it.
    "tflite": dict.fromkeys(MODELS, NO_TFLITE)
    | dict.fromkeys(
        ("tflite head", "tflite of ones", "tflite of holes", "tflite with a root outside")
    ),
}
ROOM = 1 << 20


@pytest.mark.attack("T6", control="off")
@pytest.mark.parametrize("name", ["pickle", "pickle, old protocol"])
def test_a_reader_that_unpickles_runs_what_was_sent(name):
    pickle.loads(MODELS[name])

    assert fired()


@pytest.mark.attack("T6", control="off")
def test_an_archive_of_arrays_read_with_objects_runs_what_was_sent():
    with np.load(io.BytesIO(MODELS["pickle in an npz"]), allow_pickle=True) as archive:
        archive["w"]

    assert fired()


@pytest.mark.attack("T5", control="off")
def test_an_archive_that_is_simply_read_unfolds():
    with np.load(io.BytesIO(MODELS["npz bomb"]), allow_pickle=False) as archive:
        assert archive["w"].nbytes > 500 * len(MODELS["npz bomb"])


@pytest.mark.attack("T6", "T5", "T25", control="on")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("form", FORMATS)
def test_the_scientists_reader_refuses_and_runs_nothing(name, form):
    declared = Model(format=form, max_bytes=ROOM)
    said = None
    try:
        check_output("m", declared, MODELS[name])
    except OutputError as error:  # what the collector puts aside
        said = error.message
    assert said == (f"the output m {SAID[form][name]}" if SAID[form][name] else None)
    assert not fired()


@pytest.mark.attack("T6", "T5", "T4", control="on")
def test_the_inspection_refuses_each_and_lives(workshop: Workshop):
    """All of them at once in the real sandbox, with the limits of a small job."""
    left, out = workshop.folder("left"), workshop.folder("out")
    outputs = {}
    for number, data in enumerate(MODELS.values()):
        for form in FORMATS:
            name = f"m{number}-{form}"
            (left / name).write_bytes(data)
            outputs[name] = output_to_mapping(Model(format=form, max_bytes=ROOM))
    task = SandboxTask(
        task_id="i", program="inspect", runtime=workshop.runtime,
        request={"outputs": outputs, "interpreter": "litert"},
        limits=limits(memory_mib=512), out=out, parts=left,
    )  # fmt: skip

    outcome = workshop.sandbox().run(task)

    assert outcome.status == "done", (outcome.limit, outcome.error_class, outcome.log)
    found = json.loads((out / "manifest.json").read_bytes())
    assert found["problems"].keys() == outputs.keys()
    assert [path.name for path in out.iterdir()] == ["manifest.json"]


# ------------------------------------------------------------------------ bombs in carried files


@pytest.mark.attack("T5", control="on")
def test_a_bomb_among_the_carried_files_stays_folded(village):
    village.in_force()
    packed = bomb()
    slip_job(village, {"job.py": b"def count(data, params): ...\n", "files/x.zip": packed})
    village.settle()

    (asked,) = village.owner.letters("review.request")
    assert asked.attachments["code/files/x.zip"] == packed
    kept = sum(p.stat().st_size for p in village.state.rglob("*") if p.is_file())
    assert kept < 2 << 20


@pytest.mark.attack("T5", "T6", control="on")
@pytest.mark.parametrize("name", ["film.zip", "film.tar.gz", "film.h5", "film.pkl"])
def test_an_archive_is_no_footage(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bomb())

    try:
        source = footage_source(path, camera="c", start=0.0)
    except DarkroomError:
        return
    (tmp_path / "clip.avi").write_bytes(path.read_bytes())
    assert source.kind == "video"
    assert ask(tmp_path, tmp_path / "out")["refused"] == "not-footage"
