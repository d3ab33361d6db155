"""An interpreter becomes a runtime; its hash follows every byte that matters."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from darkroom.adapters.sandbox.installed import differences, pins
from darkroom.adapters.sandbox.runtimes import PACKAGE, describe_runtime
from darkroom.errors import IsolationError
from darkroom.walls.lock_hash import lock_hash


def test_this_interpreter_is_described(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"numpy=={version('numpy')} \\\n    --hash=sha256:00\n")

    runtime = describe_runtime("tflite", Path(sys.executable), lock, interpreter="litert")

    assert runtime.python == Path(sys.executable)
    seen = [Path(sys.prefix), Path(sys.base_prefix).resolve(), PACKAGE]
    for needed in seen:
        assert any(needed.is_relative_to(path) for path in runtime.paths), needed
    assert Path("/") not in runtime.paths
    assert runtime.lock_hash == lock_hash(lock.read_bytes(), PACKAGE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("numpy==1.0.0 \\", "numpy is .*, the lock says 1.0.0"),
        ("no-such-package==1", "no-such-package is not installed"),
    ],
)
def test_what_is_installed_must_be_what_the_lock_names(tmp_path: Path, content, words) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(content)

    with pytest.raises(IsolationError, match=words):
        describe_runtime("tflite", Path(sys.executable), lock)


def test_a_file_that_is_not_as_it_came_is_a_difference() -> None:
    assert differences({"a": "1"}, {"a": ("1", 2)}) == ["a has 2 files that differ from its record"]
    assert differences({"a": "1"}, {"a": ("1", 0)}) == []


def test_names_are_compared_as_an_index_does() -> None:
    assert pins(b"ML_Dtypes==0.5 \\\n    --hash=x\n# tensorflow==1\n") == {"ml-dtypes": "0.5"}


@pytest.mark.parametrize("python", ["/nowhere/python", "/usr/bin/false"])
def test_what_is_no_interpreter_is_refused(tmp_path: Path, python: str) -> None:
    lock = tmp_path / "lock.txt"
    lock.touch()

    with pytest.raises(IsolationError, match="does not start"):
        describe_runtime("tflite", Path(python), lock)


def test_the_hash_follows_lock_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    hashes = [lock_hash(b"x", tmp_path), lock_hash(b"y", tmp_path)]
    (tmp_path / "a.py").write_text("2")
    hashes.append(lock_hash(b"x", tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    hashes.append(lock_hash(b"x", tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "b.pyc").write_bytes(b"x")

    assert len(set(hashes)) == 4
    assert lock_hash(b"x", tmp_path) == hashes[-1]
