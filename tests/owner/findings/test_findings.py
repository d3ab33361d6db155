"""Each kind of code that deserves a look is found, with its line; honest code is quiet."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.owner.findings.child import MAX_FINDINGS, answer, findings


HONEST = '''"""People per hour."""

import numpy as np

from darkroom.runtime import Detector

LIMIT = 0.5


def count(data, params):
    """One row per camera."""
    detector = Detector()
    people = {}
    for frame in data.frames():
        found = [d for d in detector(frame) if d.confidence > params["score"]]
        people.setdefault(frame.camera, []).append(len(found))
    busy = np.array([1, 2]) > 1
    calm = np.array([1, 2]) < 3
    both = busy & calm
    return {"people": [[c, int(np.mean(n))] for c, n in people.items()], "n": int(both.sum())}
'''


def look(source, path="job.py", size=None):
    data = source if isinstance(source, bytes) else source.encode()
    entry = {"path": path, "size": len(data) if size is None else size}
    return [(f.line, f.kind, f.text) for f in findings(entry, data)]


def test_honest_code_is_quiet():
    assert [] == look(HONEST)


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("import socket", "network", "socket"),
        ("import urllib.request as r", "network", "urllib.request"),
        ("from http import client", "network", "http"),
        ("import subprocess", "processes", "subprocess"),
        ("import ctypes", "native code", "ctypes"),
        ("import os", "the machine", "os"),
        ("import pickle", "code out of data", "pickle"),
        ("import importlib", "code made at run time", "importlib"),
        ("import base64, zlib", "packing", "zlib"),
        ("from struct import pack", "packing", "struct"),
        ("from os import *", "code made at run time", "everything of a module"),
        ("eval('1')", "code made at run time", "eval"),
        ("e = exec\ne('1')", "code made at run time", "exec"),
        ("compile('1', '', 'exec')", "code made at run time", "compile"),
        ("__import__('o' + 's')", "code made at run time", "__import__"),
        ("getattr(x, 'sys' + 'tem')", "code made at run time", "built at run time"),
        ("x.__class__.__subclasses__()", "inside of Python", "__subclasses__"),
        ("import sys\nsys.modules['os']", "inside of Python", "sys.modules"),
        ("import os as o\no.system('x')", "processes", "os.system"),
        ("from os import environ as e\nprint(e)", "the machine", "os.environ"),
        ("import sys\nsys.exit(3)", "how it ends", "sys.exit"),
        ("raise SystemExit(4)", "how it ends", "ends the whole job"),
        ("type('E' + x, (Exception,), {})", "code made at run time", "name of its class"),
        ("open('/proc/self/environ')", "files", "absolute path"),
        ("open(name)", "files", "not written here"),
        ("open('labels.txt')", "files", "by its name"),
        ("from .other import *", "code made at run time", "everything of a module"),
        ("frame.image.tobytes()", "packing", "tobytes"),
        ("import numpy as np\nnp.packbits(x)", "packing", "packbits"),
        ("import numpy as np\nnp.load(f, allow_pickle=True)", "code out of data", "allow_pickle"),
        ("import time\ntime.sleep(x)", "timing", "time.sleep"),
        ("from time import sleep as s\ns(1)", "timing", "time.sleep"),
        ("while x < 9:\n    x += 1", "timing", "nothing but take time"),
        ("for _ in range(n):\n    pass", "timing", "nothing but take time"),
        ("import numpy as np\nnp.random.default_rng(frame.sum())", "chance", "seed from data"),
        ("def f(x):\n    return x << 3 | y", "bits", "line 2"),
        ("def f(x):\n    acc = x & 255\n    return acc", "bits", "single bits"),
        ("try:\n    f()\nexcept:\n    pass", "errors", "says nothing"),
        ("try:\n    f()\nexcept Exception:\n    g()", "errors", "catches every error"),
        ("@register\ndef f(): ...", "runs at import", "register"),
        ("class A(metaclass=M): ...", "runs at import", "metaclass"),
        ("download()", "runs at import", "when the file is imported"),
        ("class A:\n    def __del__(self): ...", "inside of Python", "without being called"),
        ("print('a')\nprint('b')", "log", "2 places"),
        ("K = " + repr("Zk3v" * 3 + "aGVsbG8gd29ybGQhIQ9xYzd1ZHdIbVJpVnp4UUw4"), "data in the code", "encoded"),
        ("K = " + repr(bytes(range(256))), "data in the code", "encoded"),
        ("K = " + "9" * 40, "data in the code", "133 bits"),
        ("K = [" + "1, " * 300 + "]", "data in the code", "300 values"),
        ("K = " + repr("word " * 200), "data in the code", "1,000 characters"),
    ],
    ids=lambda v: v[:40] if isinstance(v, str) else None,
)  # fmt: skip
def test_what_deserves_a_look_is_found(source, kind, words):
    assert [(k, t) for _, k, t in look(source) if k == kind and words in t], look(source)


def test_the_line_is_the_one_in_the_file():
    assert 4 == next(
        line for line, kind, _ in look("x = 1\n\n\nimport socket\n") if kind == "network"
    )


def test_documentation_is_not_data():
    assert [] == look('def f():\n    """' + "words and more " * 100 + '"""\n    return 1')


@pytest.mark.attack
@pytest.mark.parametrize(
    "source",
    ["def f(:", "(" * 10_000, "-" * 100_000 + "1", "\0", b"\xff\xfe", "x = " + "1+" * 90_000 + "1",
     "if 1:\n" * 200, "f" + "()" * 50_000, "x = 1" + "0" * 5_000],
    ids=range(9),
)  # fmt: skip
def test_what_cannot_be_analysed_is_a_finding(source):
    assert [kind for _, kind, _ in look(source)] in (["could not be analysed"], [])
    if source != "x = 1" + "0" * 5_000:
        assert look(source)


def test_too_much_python_is_not_read():
    assert "too many" in look("x = 1", size=2 << 20)[0][2]


@pytest.mark.attack
def test_repetition_is_counted_and_not_listed():
    found = look("eval('')\n" * 5_000)

    assert 20 > len(found)
    assert any("4,994 more of this kind" in text for _, _, text in found)


@pytest.mark.attack
def test_many_files_are_cut_and_it_is_said():
    source = b"import socket, os, base64, time, random, pickle\n"
    entries = [{"path": f"a{i}.py", "size": 9, "bytes": len(source)} for i in range(200)]
    told = answer({"work": "findings", "files": entries}, source * 200)

    assert MAX_FINDINGS == len(told["findings"])
    assert told["more"] > 0


@given(st.binary(max_size=200), st.sampled_from(["a.py", "a.npz", "a.bin"]))
def test_nothing_that_is_carried_makes_it_fail(data, path):
    look(data, path)


@given(st.text(st.sampled_from("abc()[]{}:=+-*'\"\\\n \t@#,.1if lambda def"), max_size=80))
def test_nothing_that_looks_like_python_makes_it_fail(source):
    look(source)


# ------------------------------------------------------------------------------ carried files


def archive(**arrays):
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\0TFL3" + bytes(50), "TFLite model, 58 bytes"),
        (b"\x7fELF" + bytes(50), "machine code"),
        (b"\x80\x04\x95" + bytes(9), "a pickle"),
        (b"\x89PNG\r\n", "a picture (PNG)"),
        (b"\xff\xd8\xff\xe0", "a picture (JPEG)"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\xa7\x0d\x0d\x0a", "compiled Python"),
        (b"a,b\n1,2\n", "text"),
        (b"", "an empty file"),
        (bytes(range(256)) * 4, "packed or encrypted"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_a_carried_file_is_what_its_bytes_say(data, words):
    assert any(words in text for _, _, text in look(data, "readme.txt"))


def test_the_arrays_of_a_carried_model_are_named():
    (found,) = look(archive(weights=np.zeros((3, 4), "f4")), "w.npz")

    assert "weights <f4(3, 4)" in found[2]


@pytest.mark.attack
def test_an_archive_of_objects_is_called_so():
    (found,) = look(archive(x=np.array([{}], dtype=object)), "w.npz")
    assert "|O" in found[2]


@pytest.mark.attack
def test_headers_that_lie_cost_nothing():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.npy", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * (50 << 20))
    assert look(target.getvalue(), "w.npz")
