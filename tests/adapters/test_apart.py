"""Hostile bytes are read by a process that can do nothing with them, and that may die of it."""

import io
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from darkroom.adapters.apart import Apart
from darkroom.owner.closer_look import Tensors, differences, look, tensors


CHILD = "darkroom.owner.findings.child"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Run some lines as the child, hardened as it is; what it answered."""

    def run(lines, seconds=20.0):
        apart = Apart(CHILD, seconds=seconds)
        source = "import json, os, sys, time\nfrom darkroom.owner.findings import child\n"
        place = apart._command.index("-c") + 1
        apart._command[place] = (
            "import sys; sys.path.insert(0, sys.argv[1])\n" + source + "child.harden()\n"
            + textwrap.dedent(lines)
        )  # fmt: skip
        return apart.ask("findings", [({"path": "a"}, b"hostile")])

    return run


def test_files_are_read_there_and_the_answer_comes_back():
    found = look(Apart(CHILD), {"job.py": b"import socket\n", "a.bin": b"\x7fELF"})
    assert [("a.bin", 0), ("job.py", 1)] == [(f.path, f.line) for f in found]


@pytest.mark.attack
@pytest.mark.parametrize(
    "source",
    [
        "@\u0440egister\ndef \u0441(): ...",
        "x = '\\N{BULLET}'",
        "# coding: cp1252\nx = 1",
        "x = '\\d'",
    ],
    ids=["names of other scripts", "a named character", "a cookie", "a warning"],
)
def test_code_for_which_python_loads_more_is_read_all_the_same(source):
    found = look(Apart(CHILD), {"job.py": source.encode()})
    assert "could not be analysed" not in [f.kind for f in found]


def test_differences_come_back_for_texts_that_changed_only():
    before = {"a.py": b"x = 1\n", "same.py": b"1", "b.bin": b"\0", "gone.py": b"1"}
    after = {"a.py": b"x = 2\n", "same.py": b"1", "b.bin": b"\0\0", "new.py": b"1"}

    (found,) = differences(Apart(CHILD), before, after)

    assert "a.py" == found.path
    assert {"-x = 1", "+x = 2"} <= set(found.lines)


def test_the_arrays_of_a_model_come_back():
    target = io.BytesIO()
    np.savez(target, weights=np.zeros((3, 4), "f4"), bias=np.zeros(4))
    found = tensors(Apart(CHILD), "model", target.getvalue())
    assert Tensors(arrays=(("weights", "<f4", "(3, 4)"), ("bias", "<f8", "(4)")), note="") == found


def test_what_is_no_archive_is_said_to_be_none():
    note = "its arrays could not be listed"
    assert Tensors(arrays=(), note=note) == tensors(Apart(CHILD), "model", b"PK\x03\x04junk")


@pytest.mark.attack
def test_the_child_has_no_environment_and_opens_no_file(told, tmp_path, monkeypatch):
    monkeypatch.setenv("DARKROOM_SECRET", "swordfish")
    (tmp_path / "keys.json").write_text("secret")
    answer = told(
        f"""
        found = {{}}
        for name, act in {{
            "read": lambda: open({str(tmp_path / "keys.json")!r}),
            "write": lambda: open("/tmp/left-behind", "w"),
            "socket": lambda: __import__("socket").socket(),
            "start": lambda: __import__("subprocess").run(["/bin/true"]),
        }}.items():
            try:
                act()
                found[name] = "done"
            except Exception as error:
                found[name] = type(error).__name__
        found["environment"] = sorted(os.environ)
        print(json.dumps(found))
        """
    )
    assert "done" not in answer.values()
    assert {"read", "write", "socket", "start", "environment"} == answer.keys()
    # LC_CTYPE is Python's own doing.
    assert [] == [name for name in answer["environment"] if name != "LC_CTYPE"]


@pytest.mark.attack
@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("time.sleep(60)", "longer than 0.5 seconds"),
        ("while True: print('x' * 10_000)", "too long"),
        ("os.kill(os.getpid(), 11)", "crashed (signal 11)"),
        ("sys.exit(3)", "crashed"),
        ("print('[1]')", "makes no sense"),
        ("print('[' * 100_000)", "makes no sense"),
        ("x = bytearray(3 << 30)", "crashed"),
    ],
    ids=["hangs", "floods", "segfault", "exit code", "no object", "nested", "memory"],
)
def test_a_child_that_hangs_floods_or_dies_is_an_answer(told, lines, why):
    seconds = 0.5 if "sleep" in lines else 20.0
    assert why in told(lines, seconds)["problem"]


@pytest.mark.attack
def test_what_could_not_be_analysed_is_a_finding():
    class Silent:
        def ask(self, work, files):
            return {"problem": "it crashed (signal 11)"}

    (found,) = look(Silent(), {"job.py": b"x"})
    assert "could not be analysed" == found.kind
    assert "signal 11" in found.text


@pytest.mark.attack
@pytest.mark.parametrize(
    "answer", [{"findings": 3}, {"findings": [3]}, {"findings": [{"path": 1}]}, {"more": 1}]
)
def test_an_answer_of_another_shape_is_a_finding(answer):
    class Odd:
        def ask(self, work, files):
            return answer

    assert "could not be analysed" == look(Odd(), {"job.py": b"x"})[0].kind


def test_no_child_is_left_behind(told, monkeypatch):
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    told("time.sleep(60)", 0.2)

    (child,) = started
    assert -signal.SIGKILL == child.returncode
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_a_python_that_is_not_there_is_an_answer(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "no process" in Apart(CHILD).ask("findings", [])["problem"]
