"""What the worker does when its job has ended, over a folder that the job filled."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.walls import last_words, worker
from darkroom.walls.collect import DEPTH, Collector, RefusedOutputError


@pytest.fixture
def nested(tmp_path: Path) -> Iterator[Path]:
    """Folders in folders, more than Python walks down: as in a pod, where nothing counts them."""
    folder = tmp_path / "out"
    folder.mkdir()
    place = os.open(folder, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", 0o700, dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)  # pytest's own clearing recurses


@pytest.mark.attack("T5", control="on")
def test_a_thousand_folders_in_one_another_are_a_refused_output(nested: Path) -> None:
    assert not worker._entries(nested, 1000)
    worker._open_to_group(nested)

    depths = [nested.joinpath(*["d"] * depth) for depth in range(1, DEPTH + 3)]
    modes = [stat.S_IMODE(place.stat().st_mode) for place in depths]
    assert modes == [0o750] * (DEPTH + 1) + [0o700]
    (nested.parent / "kept").mkdir()
    source, target = os.open(nested, os.O_RDONLY), os.open(nested.parent / "kept", os.O_RDONLY)
    with pytest.raises(RefusedOutputError, match="OutputSizeError"):
        Collector(most_bytes=1000, most_files=1000).take(source, target)
    os.close(source)
    os.close(target)


def test_entries_are_counted_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "a" / "file").touch(mode=0o600)
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "out" / "link").symlink_to(tmp_path / "secret")

    worker._open_to_group(tmp_path / "out")

    assert worker._entries(tmp_path / "out", 3)
    assert not worker._entries(tmp_path / "out", 4)
    assert stat.S_IMODE((tmp_path / "out" / "a" / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "termination-log"
    path.touch()
    monkeypatch.setattr(last_words, "WORDS", path)
    last_words.open_words.cache_clear()
    yield path
    os.close(last_words.open_words())
    last_words.open_words.cache_clear()


def test_last_words_are_the_workers_whatever_a_job_put_there(words: Path) -> None:
    last_words.open_words()
    words.write_text("pixels " * 1000)
    last_words.say("the report cannot be written")

    assert words.read_text() == "the report cannot be written"


def test_after_an_ordinary_end_nothing_of_the_job_is_left_in_them(words: Path) -> None:
    last_words.open_words()
    words.write_text("pixels")
    last_words.replace("")

    assert words.read_text() == ""
