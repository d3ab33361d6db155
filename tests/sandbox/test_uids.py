"""Two launchers on one machine never share a job's user."""

import os

import pytest

from darkroom.adapters.sandbox import uids
from darkroom.errors import IsolationError


def test_the_second_launcher_gets_the_next_block(tmp_path):
    first, held = uids.reserve(64100, 4, tmp_path)
    second, also_held = uids.reserve(64100, 4, tmp_path)
    assert (64100, 64100 + uids.BLOCK) == (first, second)
    os.close(held)
    os.close(also_held)


def test_a_block_is_free_again_when_its_launcher_ended(tmp_path):
    _, held = uids.reserve(64100, 4, tmp_path)
    os.close(held)
    again, held = uids.reserve(64100, 4, tmp_path)
    assert 64100 == again
    os.close(held)


def test_more_slots_than_a_block_are_refused(tmp_path):
    with pytest.raises(IsolationError, match="slots"):
        uids.reserve(64100, uids.BLOCK + 1, tmp_path)


def test_when_every_block_is_taken_the_launcher_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(uids, "BLOCKS", 1)
    _, held = uids.reserve(64100, 4, tmp_path)
    with pytest.raises(IsolationError, match="taken"):
        uids.reserve(64100, 4, tmp_path)
    os.close(held)
