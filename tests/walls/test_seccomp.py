"""What a job could do to its own worker, which has the same user, before the filter is there."""

import os
import resource
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom.walls import confine
from darkroom.walls.seccomp import build_filter


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="system calls of Linux")
# Owner all, the collector's user nothing.
LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, rights, who)
    for tag, rights, who in (
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 0, 64101),
        (0x04, 4, 0xFFFFFFFF),
        (0x10, 4, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    )
)


def of_a_job(act: Callable[[], object], *, walls: bool) -> int:
    """The number of the error that a child's act ends with; 0 for none."""
    program = build_filter()
    child = os.fork()
    if not child:
        number = 255
        try:
            if walls:
                confine.refuse_calls(program)
            act()
            number = 0
        except OSError as error:
            number = error.errno or 254
        finally:
            os._exit(number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def attacks(file: Path) -> dict[str, Callable[[], object]]:
    worker = os.getpid()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "limits": lambda: resource.prlimit(worker, resource.RLIMIT_NOFILE, files),
        "pace": lambda: os.setpriority(
            os.PRIO_PROCESS, worker, os.getpriority(os.PRIO_PROCESS, worker)
        ),
        "processors": lambda: os.sched_setaffinity(worker, os.sched_getaffinity(worker)),
        "scheduler": lambda: os.sched_setscheduler(worker, os.SCHED_OTHER, os.sched_param(0)),
        "access list": lambda: os.setxattr(file, "system.posix_acl_access", LIST),
    }


NAMES = ("limits", "pace", "processors", "scheduler", "access list")


@pytest.mark.attack("T8", control="off")
@pytest.mark.parametrize("name", NAMES)
def test_without_the_filter_a_job_disturbs_its_worker(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").touch()

    found = of_a_job(attacks(tmp_path / "x")[name], walls=False)

    if found == 95 and name == "access list":
        pytest.skip("the file system of the temporary folder has no access lists")
    assert found == 0


@pytest.mark.attack("T8", control="on")
@pytest.mark.parametrize("name", NAMES)
def test_with_it_a_job_touches_nobody_but_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").touch()

    assert of_a_job(attacks(tmp_path / "x")[name], walls=True) == 1  # EPERM


def test_a_job_still_lowers_its_own(tmp_path: Path) -> None:
    def own() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(1)
        os.sched_setaffinity(0, os.sched_getaffinity(0))

    assert of_a_job(own, walls=True) == 0
