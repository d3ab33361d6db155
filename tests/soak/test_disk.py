"""A small disk is full to the last byte, and has room again afterwards."""

import errno
import os

import pytest

from tests.soak import disk
from tests.soak.disk import SmallDisk


def test_a_disk_is_filled_and_emptied(tmp_path):
    folder = tmp_path / "state"
    small = SmallDisk(folder)
    if small.why_not:
        pytest.skip(small.why_not)
    try:
        small.fill()
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            (folder / "more").write_bytes(b"x")
        small.empty()
        (folder / "more").write_bytes(b"x")
    finally:
        small.close()


def test_without_root_it_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.os, "geteuid", lambda: 1000)
    assert SmallDisk(tmp_path / "state").why_not == "only root may mount a small disk"
