"""T3, T4: a job asks the kernel for what would open the walls."""

import json
import platform
import textwrap
from pathlib import Path

import pytest

from tests.sandbox.workshop import Workshop


def value(out: Path) -> float:
    return json.loads((out / "result").read_bytes())["n"]


ASK = """
import ctypes, os
X86 = os.uname().machine == "x86_64"
libc = ctypes.CDLL(None, use_errno=True)
n = libc.{call}
print(n, ctypes.get_errno())
return {{'result': {{'n': n}}}}
"""


@pytest.mark.attack("T3", "T4", control="off")
@pytest.mark.parametrize(
    "call", ["ptrace(0, 0, 0, 0)", "personality(0x0040000)", "memfd_create(b'x', 0)"]
)
def test_without_the_filter_the_kernel_answers(workshop: Workshop, call: str) -> None:
    outcome, out = workshop.run(ASK.format(call=call), without=("system calls",))

    assert outcome.status == "done", outcome.log
    assert value(out) >= 0


@pytest.mark.attack("T3", "T4", control="on")
@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",
        "unshare(0x00020000)",
        "syscall(56 if X86 else 220, 0x10000000 | 17, 0, 0, 0, 0)",
        "mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
        "umount2(b'/data', 2)",
        "setns(0, 0)",
        "ptrace(0, 0, 0, 0)",
        "ptrace(16, 1, 0, 0)",
        "personality(0x0040000)",
        "syscall(425, 8, 0)",
        "memfd_create(b'x', 0)",
        "shmget(0, 4096, 0o1666)",
        "setuid(0)",
        "chroot(b'/tmp')",
        "sethostname(b'x', 1)",
        "reboot(0)",
    ],
)
def test_the_kernel_is_asked_for_nothing_special(workshop: Workshop, call: str) -> None:
    outcome, out = workshop.run(ASK.format(call=call))

    assert outcome.status == "done", outcome.log
    assert value(out) == -1


@pytest.mark.attack("T3", "T4", control="on")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86 has two older call tables")
@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).syscall(0x40000000 | 41, 2, 1, 0)",
        """
        import mmap
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\\xb8\\x67\\x01\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 359; int 0x80
        place = ctypes.addressof(ctypes.c_char.from_buffer(code))
        ctypes.CFUNCTYPE(ctypes.c_long)(place)()
        """,
    ],
    ids=["x32", "int80"],
)
def test_older_call_tables_are_no_way_round(workshop: Workshop, attempt: str) -> None:
    outcome, _ = workshop.run("import ctypes\n" + textwrap.dedent(attempt))

    assert outcome.status == "failed"
    assert outcome.error_class in ("SIGSYS", "SIGSEGV")  # SIGSEGV: a kernel without them
