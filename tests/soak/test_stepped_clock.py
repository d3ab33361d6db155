"""A clock is set under a running process; time that never goes back stays as it is."""

import os
import subprocess
import sys

import pytest

from tests.soak import stepped_clock
from tests.soak.stepped_clock import SteppedClock


TELL = """
import sys, time
for _ in sys.stdin:
    time.sleep(0.001)
    print(time.time(), time.monotonic(), flush=True)
"""


def test_a_running_process_sees_the_step_and_only_that(tmp_path):
    clock = SteppedClock(tmp_path / "clock")
    if clock.why_not:
        pytest.skip(clock.why_not)
    with subprocess.Popen(
        [sys.executable, "-c", TELL], env={**os.environ, **clock.environment()},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip

        def look():
            process.stdin.write("now\n")
            process.stdin.flush()
            return map(float, process.stdout.readline().split())

        day, steady = look()
        for step in (3600, -3600, 0):
            clock.set(step)
            day_now, steady_now = look()
            assert day_now - day == pytest.approx(step + steady_now - steady, abs=0.5)
            assert 0 < steady_now - steady < 60
        process.stdin.close()


def test_without_a_compiler_it_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(stepped_clock.shutil, "which", lambda name: None)
    clock = SteppedClock(tmp_path / "clock")
    assert "no C compiler" in clock.why_not
    assert clock.environment() == {}
