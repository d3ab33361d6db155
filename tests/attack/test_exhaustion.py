"""T5: a job takes all that the machine has, and outlives its own end."""

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.workshop import Workshop, limits, named


N = "return {'result': {'n': n}}"
ROOM = {"memory_mib": 1024}  # where the number of processes is what is tried


def value(out: Path) -> float:
    return json.loads((out / "result").read_bytes())["n"]


FORKS = (
    """
import os, signal
n = 0
try:
    while n < 150:
        if os.fork() == 0:
            signal.pause()
        n += 1
except OSError:
    pass
"""
    + N
)
MEMORY = "held = [bytearray(b'x' * 2**20) for _ in range(200)]\nn = 200\n" + N
SHARED_MEMORY = (
    """
import mmap
held = []
for n in range(200):
    area = mmap.mmap(-1, 2**20)
    area.write(b"x" * 2**20)
    held.append(area)
"""
    + N
)
FILL = (
    """
import os
n = 0
try:
    for i in range(40):
        with open(f"/{where}/{i}", "wb") as file:
            file.write(bytes(2**21))
        n += 2
except OSError:
    pass
for i in range(40):
    if os.path.exists(f"/{where}/{i}"):
        os.remove(f"/{where}/{i}")
"""
    + N
)
INODES = (
    """
import os
n = 0
try:
    for i in range(3000):
        open(f"/{where}/{i}", "w").close()
        n += 1
except OSError:
    pass
for i in range(n):
    os.remove(f"/{where}/{i}")
"""
    + N
)
GROUPS = pytest.mark.parametrize("cgroups", [True, False], ids=["groups", "watched"])
BOMBS = pytest.mark.parametrize("bomb", [MEMORY, SHARED_MEMORY], ids=["private", "shared"])


# -------------------------------------------------------------------------------- processes


@pytest.mark.attack("T5", control="off")
def test_without_a_limit_forks_go_on(workshop: Workshop) -> None:
    _, out = workshop.run(FORKS, without=("process count",), limits=limits(**ROOM))

    assert value(out) == 150


@pytest.mark.attack("T5", control="on")
@GROUPS
def test_a_fork_bomb_stays_small(workshop: Workshop, cgroups: bool) -> None:
    outcome, out = workshop.run(FORKS, cgroups=cgroups, limits=limits(**ROOM))

    assert outcome.status == "done"
    assert value(out) <= 32


@pytest.mark.attack("T5", control="on")
def test_a_fork_bomb_that_never_ends_is_ended(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import os
        while True:
            try: os.fork()
            except OSError: pass
        """,
        limits=limits(wall_seconds=5),
    )

    # Only a control group counts refusals; without one, time and processor time end it.
    counted = "pids" in workshop.sandbox().cgroups
    words = {"processes (32)"} if counted else {"wall clock (5 s)", "CPU time (20 s)"}
    assert outcome.limit in words
    assert outcome.seconds < (5 if counted else 7)


# ----------------------------------------------------------------------------------- memory


@pytest.mark.attack("T5", control="off")
@BOMBS
def test_without_a_limit_memory_is_taken(workshop: Workshop, bomb: str) -> None:
    _, out = workshop.run(bomb, without=("memory",), limits=limits(memory_mib=128))

    assert value(out) >= 199


@pytest.mark.attack("T5", control="on")
@GROUPS
@BOMBS
def test_a_memory_bomb_ends_itself_only(workshop: Workshop, cgroups: bool, bomb: str) -> None:
    outcome, _ = workshop.run(bomb, cgroups=cgroups, limits=limits(memory_mib=128))

    assert outcome.limit == "memory (128 MiB)"


@pytest.mark.attack("T5", control="on")
def test_memory_over_many_processes_counts_together(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import os, signal
        for _ in range(8):
            if os.fork() == 0:
                held = bytearray(b"x" * (60 << 20))
                signal.pause()
        signal.pause()
        """,
        limits=limits(memory_mib=128, wall_seconds=8),
        cgroups=False,
    )

    assert outcome.limit == "memory (128 MiB)"


# ------------------------------------------------------------------------------------- disk


@pytest.mark.attack("T5", control="off")
@pytest.mark.parametrize("where", ["out", "tmp"])
def test_without_a_limit_the_disk_is_filled(workshop: Workshop, where: str) -> None:
    _, filled = workshop.run(FILL.replace("{where}", where), without=("disk",))
    _, littered = workshop.run(INODES.replace("{where}", where), without=("disk",))

    assert value(filled) == 80
    assert value(littered) == 3000


@pytest.mark.attack("T5", control="on")
@pytest.mark.parametrize(("where", "most"), [("out", 4), ("tmp", 64)])
def test_the_disk_is_as_large_as_said(workshop: Workshop, where: str, most: int) -> None:
    outcome, out = workshop.run(FILL.replace("{where}", where))

    assert outcome.status == "done"
    assert value(out) <= most


@pytest.mark.attack("T5", control="on")
@pytest.mark.parametrize(("where", "most"), [("out", 80), ("tmp", 2048)])
def test_files_are_as_many_as_said(workshop: Workshop, where: str, most: int) -> None:
    outcome, out = workshop.run(INODES.replace("{where}", where))

    assert outcome.status == "done"
    assert value(out) <= most


# ------------------------------------------------------------------------------------- time


@pytest.mark.attack("T5", control="off")
def test_without_a_clock_outside_a_job_takes_its_time(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        "import time\ntime.sleep(1.2)\nreturn {'result': {'n': 1}}",
        without=("wall clock",),
        limits=limits(wall_seconds=1),
    )

    assert outcome.status == "done"
    assert outcome.seconds > 1.0


@pytest.mark.attack("T5", "T26", control="on")
def test_endless_printing_blocks_nobody(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        "while True: print('x' * 65536, flush=True)", limits=limits(wall_seconds=1)
    )

    assert outcome.limit == "wall clock (1 s)"
    assert outcome.seconds < 3
    assert len(outcome.log) == 64 << 10


DAEMON = """
import ctypes, os, signal, time
ready, done = os.pipe()
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(15, b"NAME", 0, 0, 0)
        os.write(done, b"1")
        os.closerange(0, 64)
        while True:
            signal.pause()
    os._exit(0)
os.read(ready, 1)
"""


@pytest.mark.attack("T5", control="on")
@pytest.mark.parametrize("end", ["return {'result': {'n': 1}}", "time.sleep(60)"])
def test_no_daemon_outlives_its_job(workshop: Workshop, end: str) -> None:
    name = "d" + secrets.token_hex(5)

    outcome, _ = workshop.run(DAEMON.replace("NAME", name) + end, limits=limits(wall_seconds=1))

    assert outcome.status in ("done", "limit")
    assert named(name) == 0


# ------------------------------------------------------------------- stopping the supervisor


@pytest.mark.attack("T5", control="off")
def test_a_naive_supervisor_is_stopped_by_its_job_and_kills_nobody() -> None:
    """The parent that keeps the time is in reach of its child, as in a plain `timeout 0.2`."""
    stop = "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nprint(1, flush=True)\n"
    with subprocess.Popen(
        ["timeout", "0.2", sys.executable, "-c", stop + "signal.pause()"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as naive:
        try:
            assert naive.stdout
            assert naive.stdout.readline() == b"1\n"
            with pytest.raises(subprocess.TimeoutExpired):
                naive.wait(1.0)  # five times what it was given
        finally:
            os.killpg(naive.pid, signal.SIGKILL)


@pytest.mark.attack("T5", control="on")
def test_a_job_that_stops_and_traces_its_parents_is_ended_on_time(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        """
        import ctypes, os, signal
        libc = ctypes.CDLL(None)
        for pid in [1, os.getppid(), -1, 0]:
            for number in (signal.SIGSTOP, signal.SIGTSTP):
                try:
                    if pid > 0: os.kill(pid, number)
                except OSError: pass
            libc.ptrace(0x4206, pid, 0, 0)  # PTRACE_SEIZE
            libc.ptrace(16, pid, 0, 0)  # PTRACE_ATTACH
        try:
            open("/proc/1/mem", "r+b").write(b"x")
        except OSError: pass
        signal.pause()
        """,
        limits=limits(wall_seconds=1),
    )

    assert outcome.limit == "wall clock (1 s)"
    assert outcome.seconds < 2.5


@pytest.mark.attack("T5", control="on")
def test_a_job_cannot_end_what_it_does_not_own(workshop: Workshop) -> None:
    outcome, _ = workshop.run(
        f"""
        import os, signal
        for pid in ({os.getpid()}, {os.getppid()}):
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
        try: os.kill(-1, signal.SIGKILL)
        except OSError: pass
        return {{"result": {{"n": 1}}}}
        """
    )

    assert outcome.status in ("done", "failed")
    assert workshop.run("return {'result': {'n': 1}}")[0].status == "done"
