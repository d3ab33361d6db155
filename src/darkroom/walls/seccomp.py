"""The list of system calls that a job may not make, as a compiled BPF program.

libseccomp adds the check of the architecture in front: a 32-bit or x32 call on a 64-bit
machine ends the process, so that no number has two meanings.
"""

import errno
import socket
import tempfile

from darkroom.errors import IsolationError


# Refused whatever the arguments are. Grouped by what they would open.
DENIED: dict[str, str] = {
    "other processes": (
        "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd"
    ),
    "mounts": (
        "mount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen "
        "fsconfig fsmount fspick mount_setattr statmount listmount swapon swapoff"
    ),
    "namespaces": "unshare setns sethostname setdomainname",
    "kernel code": (
        "bpf init_module finit_module delete_module kexec_load kexec_file_load "
        "perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
        "lookup_dcookie uselib _sysctl nfsservctl personality"
    ),
    "keys": "keyctl add_key request_key",
    "clock and power": (
        "settimeofday clock_settime clock_settime64 clock_adjtime clock_adjtime64 "
        "adjtimex stime reboot acct syslog vhangup"
    ),
    "hardware": "iopl ioperm modify_ldt",
    "files by handle": (
        "name_to_handle_at open_by_handle_at fanotify_init fanotify_mark quotactl quotactl_fd"
    ),
    # Memory that no process shows as its own would escape the watcher of resident memory.
    "hidden memory": (
        "memfd_create memfd_secret shmget shmat shmctl shmdt msgget msgsnd msgrcv "
        "msgctl semget semop semctl semtimedop mq_open mq_unlink"
    ),
    "placement": "mbind migrate_pages move_pages set_mempolicy sched_setattr ioprio_set",
    # An access list shuts out who takes the outputs, at a moment that the job chooses.
    "access lists": (
        "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr "
        "removexattrat"
    ),
}

# A process does these to itself only: refused where that argument, whose it is, is not 0.
OTHERS = (
    ("prlimit64", 0),
    ("sched_setscheduler", 0),
    ("sched_setparam", 0),
    ("sched_setaffinity", 0),
    ("setpriority", 0),  # of a process, not of a user
    ("setpriority", 1),
)
CLONE_NEW = 0x7E020080  # every CLONE_NEW* flag
TIOCSTI, TIOCLINUX = 0x5412, 0x541C


MACHINES = {"x86_64": "X86_64", "aarch64": "AARCH64"}  # as the kernel calls them: as libseccomp


def build_filter(machine: str = "") -> bytes:
    """The program as the kernel reads it.

    Args:
        machine: a key of `MACHINES`; "" for the machine that this runs on.

    Raises:
        IsolationError: libseccomp or its binding is missing.
    """
    try:
        import pyseccomp  # without the library the node must say so, not crash
    except (ImportError, RuntimeError, OSError) as error:
        raise IsolationError(
            "the system-call filter cannot be built: libseccomp is missing",
            next_step="install the package libseccomp2 and the extra edge-darkroom[node]",
        ) from error
    wall = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    kind = pyseccomp.system_arch()
    if machine and getattr(pyseccomp.Arch, MACHINES[machine]) != kind:
        kind = getattr(pyseccomp.Arch, MACHINES[machine])
        wall.add_arch(kind)
        wall.remove_arch(pyseccomp.Arch.NATIVE)
    wall.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    absent = pyseccomp.ERRNO(errno.ENOSYS)

    def deny(name: str, *conditions: object, action: int = refuse) -> None:
        try:
            number = pyseccomp.resolve_syscall(kind, name)
        except (OSError, ValueError):
            return  # libseccomp is older than the call, or it exists elsewhere only
        if number >= 0:
            wall.add_rule(action, name, *conditions)

    for name in " ".join(DENIED.values()).split():
        deny(name)
    argument = pyseccomp.Arg
    for name, place in OTHERS:
        deny(name, argument(place, pyseccomp.NE, 0))
    for name in ("socket", "socketpair"):
        deny(name, argument(0, pyseccomp.NE, int(socket.AF_UNIX)))
    # Flags of clone3 lie in memory where no filter looks: libc falls back to clone.
    deny("clone3", action=absent)
    for bit in range(32):
        if CLONE_NEW >> bit & 1:
            deny("clone", argument(0, pyseccomp.MASKED_EQ, 1 << bit, 1 << bit))
    for request in (TIOCSTI, TIOCLINUX):
        deny("ioctl", argument(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    with tempfile.TemporaryFile() as file:
        wall.export_bpf(file)
        file.seek(0)
        return file.read()
