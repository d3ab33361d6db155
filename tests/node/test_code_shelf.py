"""Copies of submitted code: whole or not there, and never followed out of their folder."""

import pytest

from darkroom.errors import StateError
from darkroom.model.canonical import digest_bytes
from darkroom.node import code_shelf
from darkroom.node.code_shelf import CodeShelf


NAME = "sha256:" + "1" * 64


@pytest.fixture
def shelf(tmp_path):
    return CodeShelf(tmp_path / "code")


def test_a_copy_is_read_only_and_has_the_hashes_of_its_files(shelf):
    shelf.put(NAME, {"job.py": b"1", "more/part.py": b"2"})

    assert shelf.hashes(NAME) == {"job.py": digest_bytes(b"1"), "more/part.py": digest_bytes(b"2")}
    assert (shelf.path(NAME) / "job.py").stat().st_mode & 0o777 == 0o444
    assert (shelf.path(NAME) / "more").stat().st_mode & 0o777 == 0o555


def test_a_copy_that_cannot_be_kept_leaves_nothing_behind(shelf):
    with pytest.raises(StateError, match="cannot be kept"):
        shelf.put(NAME, {"job.py": b"1", "job.py/inner.py": b"2"})

    assert list(shelf.path(NAME).parent.iterdir()) == []


def test_a_link_has_no_hash_that_a_spec_could_name(shelf, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_bytes(b"private")
    place = shelf.path(NAME)
    place.mkdir()
    (place / "file.py").symlink_to(outside / "key")
    (place / "folder").symlink_to(outside)

    assert shelf.hashes(NAME) == {"file.py": "not a file", "folder": "not a file"}


def test_more_files_than_a_job_has_are_not_read_to_the_end(shelf, monkeypatch):
    monkeypatch.setattr(code_shelf, "MAX_FILES", 3)
    place = shelf.path(NAME)
    place.mkdir()
    for number in range(9):
        (place / f"{number}.py").touch()

    assert len(shelf.hashes(NAME)) == 4


def test_sweeping_keeps_what_is_named_and_removes_drafts_too(shelf):
    other = "sha256:" + "2" * 64
    shelf.put(NAME, {"a.py": b"1"})
    shelf.put(other, {"a/b.py": b"2"})
    folder = shelf.path(NAME).parent
    (folder / ".draft-1").mkdir()
    (folder / "stray").touch()
    shelf.sweep([NAME])

    assert [entry.name for entry in folder.iterdir()] == ["1" * 64]
