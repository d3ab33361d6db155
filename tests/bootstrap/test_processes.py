"""Processes are started, waited for, found again and stopped by their id."""

import sys

import psutil
import pytest

from darkroom.bootstrap.processes import Processes
from darkroom.errors import UnreachableError


SLEEPER = [sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()"]
FAMILY = [
    sys.executable,
    "-c",
    "import subprocess, sys, signal\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    "print('child', child.pid, flush=True); signal.pause()",
]


@pytest.fixture
def processes(tmp_path):
    made = Processes(tmp_path)
    yield made
    made.stop_all()


def ready(processes, process, word="ready"):
    processes.wait(process, lambda: word in process.said(), seconds=20, hint="look")


def test_a_started_process_is_ready_when_it_says_so(processes):
    process = processes.start("one", SLEEPER, environment={})
    ready(processes, process)
    assert process.rss_mib() > 1


def test_a_process_that_ends_early_shows_the_end_of_its_log(processes):
    process = processes.start(
        "broken", [sys.executable, "-c", "print('no such camera')"], environment={}
    )
    with pytest.raises(UnreachableError, match="no such camera"):
        processes.wait(process, lambda: False, seconds=20, hint="look")


def test_stopping_a_process_also_ends_its_children(processes):
    process = processes.start("family", FAMILY, environment={})
    ready(processes, process, "child")
    child = psutil.Process(int(process.said().split()[1]))
    processes.stop(process)
    gone, _ = psutil.wait_procs([child], timeout=10)
    assert gone or child.status() == psutil.STATUS_ZOMBIE  # nobody reaps it but init
    assert process.handle() is None


def test_another_command_finds_and_stops_what_runs(processes, tmp_path):
    process = processes.start("one", SLEEPER, environment={})
    ready(processes, process)
    other = Processes(tmp_path)
    assert ["one"] == [p.name for p in other.running]
    other.stop_all()
    assert processes.ended(process)
    assert [] == Processes(tmp_path).running


def test_a_restarted_process_is_ready_only_when_it_says_so_again(processes):
    first = processes.start("one", SLEEPER, environment={})
    ready(processes, first)
    processes.stop(first)
    second = processes.start(
        "one", [sys.executable, "-c", "import signal; signal.pause()"], environment={}
    )
    assert "ready" not in second.said()
