"""What a decoder gives up: before it reads a byte, and more once it has opened its source.

FFmpeg opens the connection itself: until the stream is open, a decoder may open a TCP
connection, and to whom is for the network to say. No file can be opened or grow meanwhile.
"""

import contextlib
import errno
import os
import resource
import signal
import socket

from darkroom.errors import IsolationError
from darkroom.walls import confine, landlock
from darkroom.walls.seccomp import DENIED, OTHERS


MEMORY = 1 << 30  # bytes of data: a 4K stream takes a third of it
FILES = 64
NOBODY = 65534
CLONE_THREAD = 0x00010000
START = "execve execveat fork vfork"
# A path is enough to change files, where the kernel has no Landlock.
CHANGE = (
    "rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat mknod mknodat "
    "link linkat symlink symlinkat truncate truncate64 "
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 lchown32 "
    "utime utimes futimesat utimensat utimensat_time64 file_setattr"
)
SIGNAL = "tkill pidfd_open pidfd_send_signal"
TO_US = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")  # abort() signals itself
SERVE = "bind listen accept accept4"
CONNECT = "socket socketpair connect"
OPEN = "open openat openat2 creat open_by_handle_at"


class DecoderWalls:
    """Walls of one decoder. Made first, by itself: afterwards nothing can be loaded any more.

    Without the system-call filter nothing is decoded; Landlock is used where the kernel has it.
    """

    def __init__(self, *, connects: bool, opens: bool) -> None:
        """Prepare them.

        Args:
            connects: whether it has a stream to connect to; then it also holds a password.
            opens: whether it has a device or a clip to open.

        Raises:
            IsolationError: this machine has no libseccomp.
        """
        self._connects, self._opens = connects, opens
        names = f"{START} {SERVE} {CHANGE} {SIGNAL} {' '.join(DENIED.values())}"
        names += "" if connects else f" {CONNECT}"
        names += "" if opens else f" {OPEN}"
        self._before = _filter(names, first=True, tcp_only=connects)
        self._after = _filter(f"{CONNECT} {OPEN}")

    def before_reading(self) -> None:
        """No program, no server, no changed or growing file, no signal, no core, less memory.

        Raises:
            IsolationError: the kernel takes no filter.
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write says EFBIG
        if not self._opens:
            _be_nobody()
        with contextlib.suppress(OSError):
            confine.end_with_parent()  # forgotten whenever the user changes
            confine.show(not self._connects)
        for which, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_DATA, MEMORY),
            (resource.RLIMIT_NOFILE, FILES),
        ):
            hard = resource.getrlimit(which)[1]
            limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(which, (limit, limit))
        with contextlib.suppress(OSError):
            landlock.only_write_below(())
        _load(self._before)

    def after_opening(self) -> None:
        """No connection beyond the one there is, and no file that is not open.

        Raises:
            IsolationError: the kernel takes no filter.
        """
        if self._opens:
            _be_nobody()
            with contextlib.suppress(OSError):
                confine.end_with_parent()
        _load(self._after)


def _be_nobody() -> None:
    """Root is nobody from here on; anybody else stays who they are."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def _load(program: bytes) -> None:
    try:
        confine.refuse_calls(program)
    except OSError as error:
        raise IsolationError(
            f"the kernel takes no system-call filter: {error.strerror}",
            next_step="use a kernel with CONFIG_SECCOMP_FILTER",
        ) from error


def _filter(names: str, *, first: bool = False, tcp_only: bool = False) -> bytes:
    """A filter that refuses these calls.

    Args:
        names: a call that this machine does not know is left out.
        first: whether it also keeps this process to itself.
        tcp_only: whether its sockets are for TCP.
    """
    try:
        import pyseccomp  # without the library we must say so, not crash
    except (ImportError, RuntimeError, OSError) as error:
        raise IsolationError(
            "the system-call filter cannot be built: libseccomp is missing",
            next_step="install the package libseccomp2 and the extra edge-darkroom[node]",
        ) from error
    wall, kind = pyseccomp.SyscallFilter(pyseccomp.ALLOW), pyseccomp.system_arch()
    refuse, argument = pyseccomp.ERRNO(errno.EPERM), pyseccomp.Arg

    def deny(name: str, *conditions: object, action: int = refuse) -> None:
        try:
            number = pyseccomp.resolve_syscall(kind, name)
        except (OSError, ValueError):
            return
        if number >= 0:
            wall.add_rule(action, name, *conditions)

    for name in names.split():
        deny(name)
    if first:
        for name in TO_US:
            deny(name, argument(0, pyseccomp.NE, os.getpid()))
        for name, place in OTHERS:
            deny(name, argument(place, pyseccomp.NE, 0))
        # Threads only. Flags of clone3 lie in memory where no filter looks: libc uses clone then.
        deny("clone", argument(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0))
        deny("clone3", action=pyseccomp.ERRNO(errno.ENOSYS))
    if tcp_only:
        deny("socket", argument(0, pyseccomp.LT, int(socket.AF_INET)))
        deny("socket", argument(0, pyseccomp.GT, int(socket.AF_INET6)))
        deny("socket", argument(1, pyseccomp.MASKED_EQ, 0xF, int(socket.SOCK_DGRAM)))
    ours, theirs = os.pipe()  # a program is smaller than what a pipe holds
    with os.fdopen(ours, "rb") as reader:
        with os.fdopen(theirs, "wb") as writer:
            wall.export_bpf(writer)
        return reader.read()
