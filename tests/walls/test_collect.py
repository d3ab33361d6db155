"""What is taken from a folder that a hostile job filled. No sandbox is needed for this."""

import os
from pathlib import Path

import pytest

from darkroom.walls.collect import Collector, RefusedOutputError, empty


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def _take(out: Path, *, most_bytes: int = 1000, most_files: int = 10) -> dict[str, bytes]:
    target = out.parent / "taken"
    target.mkdir()
    source, sink = os.open(out, os.O_RDONLY), os.open(target, os.O_RDONLY)
    collector = Collector(most_bytes=most_bytes, most_files=most_files, owner=None)
    try:
        collector.take(source, sink)
    except RefusedOutputError:
        empty(sink)
        assert not list(target.iterdir())
        raise
    finally:
        os.close(source)
        os.close(sink)
    files = (p for p in target.rglob("*") if p.is_file())
    return {p.relative_to(target).as_posix(): p.read_bytes() for p in files}


def test_files_and_folders_are_copied(out: Path) -> None:
    (out / "a.json").write_bytes(b"1")
    (out / "segments" / "deeper").mkdir(parents=True)
    (out / "segments" / "deeper" / "b@1.zip").write_bytes(b"22")

    assert _take(out) == {"a.json": b"1", "segments/deeper/b@1.zip": b"22"}


def test_the_size_of_all_files_together_is_what_counts(out: Path) -> None:
    for name in "abc":
        (out / name).write_bytes(bytes(400))

    with pytest.raises(RefusedOutputError, match="OutputSizeError"):
        _take(out)


def test_a_sparse_file_counts_with_its_apparent_size(out: Path) -> None:
    with (out / "a").open("wb") as file:
        file.truncate(1 << 30)

    with pytest.raises(RefusedOutputError, match="OutputSizeError"):
        _take(out)


def test_a_file_with_a_second_name_is_refused(out: Path) -> None:
    (out.parent / "secret").write_bytes(b"s")
    os.link(out.parent / "secret", out / "a")

    with pytest.raises(RefusedOutputError, match="OutputLinkError"):
        _take(out)


@pytest.mark.parametrize("target", ["/etc/passwd", "a", "..", "/nowhere"])
def test_links_are_refused_wherever_they_lead(out: Path, target: str) -> None:
    (out / "b").symlink_to(target)

    with pytest.raises(RefusedOutputError, match="OutputLinkError"):
        _take(out)


def test_too_many_and_too_deep(out: Path) -> None:
    for number in range(11):
        (out / f"f{number}").touch()
    with pytest.raises(RefusedOutputError, match="OutputSizeError"):
        _take(out)


def test_what_was_copied_before_a_refusal_is_removed(out: Path) -> None:
    (out / "a").mkdir()
    (out / "a" / "file").write_bytes(b"x")
    (out / "z\n").touch()

    with pytest.raises(RefusedOutputError, match="OutputNameError"):
        _take(out)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_shut_to_the_collector_is_refused(out: Path, kind: str) -> None:
    """A job can shut its own entries; that is no fault of the volume."""
    if kind == "file":
        (out / "a").touch(mode=0o000)
    else:
        (out / "a").mkdir(mode=0o000)
    (out.parent / "taken").mkdir(mode=0o777)
    (out.parent / "taken").chmod(0o777)
    source, target = os.open(out, os.O_RDONLY), os.open(out.parent / "taken", os.O_RDONLY)
    child = os.fork()
    if not child:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setuid(64101)
            Collector(most_bytes=1000, most_files=10).take(source, target)
        except RefusedOutputError as refused:
            code = 0 if refused.error_class == "OutputLinkError" else 2
        finally:
            os._exit(code)
    os.close(source)
    os.close(target)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
