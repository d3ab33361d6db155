"""Growth is told from noise, and from a process that warms up."""

import pytest

from tests.soak.memory import Lifetime, growth


def _life(size, seconds=1200):
    return Lifetime(name="node", samples=[(at, size(at)) for at in range(0, seconds, 2)])


def _judged(life):
    return growth(life, warm_up=120.0, shortest=240.0)


def test_a_leak_is_found():
    found = _judged(_life(lambda at: 100 + at * 30 / 600))
    assert found.mib_per_10_min == pytest.approx(30)
    assert not found.flat


def test_noise_and_a_warm_up_are_flat():
    found = _judged(_life(lambda at: 50 + min(at, 110) + (at * 7 % 13)))
    assert abs(found.mib_per_10_min) < 0.5
    assert found.flat


def test_a_short_life_says_nothing():
    assert _judged(_life(lambda at: 100 + at, seconds=300)) is None
