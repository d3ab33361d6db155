"""Landlock, where the kernel has it: a process that may write below a few folders only.

Raspberry Pi OS kernels have none; then the read-only root of the container is all there is.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path


# One number on every architecture since Linux 5.13.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_BENEATH = 1
# File rights of ABI 1 that change something: write a file, remove, make of every kind.
_CHANGES = 1 << 1 | 0b1_1111_1111 << 4
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # ABI 2 and 3

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The version of Landlock that the kernel has; 0 for none."""
    found = _libc.syscall(
        ctypes.c_long(_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)
    )
    return max(0, int(found))


def only_write_below(folders: Iterable[Path]) -> bool:
    """Let this process, and what it starts, change files below these folders only.

    Needs no-new-privileges. False where the kernel has no Landlock.

    Raises:
        OSError: the kernel has it and refused.
    """
    found = version()
    if not found:
        return False
    handled = _CHANGES | (_REFER if found > 1 else 0) | (_TRUNCATE if found > 2 else 0)  # noqa: PLR2004
    rules = _Ruleset(handled)
    ruleset = _call(
        _CREATE, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), ctypes.c_uint32(0)
    )
    try:
        for folder in folders:
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = _Beneath(handled, place)
                _call(_ADD, ruleset, ctypes.c_int(_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
            finally:
                os.close(place)
        # Standard streams are open already; a program still opens /dev/null to write.
        null = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC)
        try:
            rule = _Beneath(handled & (1 << 1 | _TRUNCATE), null)
            _call(_ADD, ruleset, ctypes.c_int(_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
        finally:
            os.close(null)
        _call(_RESTRICT, ruleset, ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return True


def _call(number: int, *arguments: object) -> int:
    result = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)
