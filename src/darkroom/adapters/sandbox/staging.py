"""The private mount namespace of one task: everything a job will see, put in one folder.

Done by the supervisor, in a namespace of its own, before bubblewrap starts. What the node
names is opened step by step without following links and mounted by the open folder, so
that no path is walked twice. `/out` and `/tmp` are file systems of a fixed size.
"""

import contextlib
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom.adapters.sandbox import system
from darkroom.errors import IsolationError


_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SAFE = system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A folder below which a root launcher opens what the node names."""

    path: Path
    device: int
    inode: int


def enter_namespace(*, root: bool) -> None:
    """Own mounts from here on; for an ordinary user in an own user namespace as well.

    Raises:
        IsolationError: the kernel refuses user namespaces to ordinary users.
    """
    if root:
        system.unshare(system.CLONE_NEWNS)
    else:
        uid, gid = os.geteuid(), os.getegid()
        try:
            system.unshare(system.CLONE_NEWUSER | system.CLONE_NEWNS)
        except OSError as error:
            raise IsolationError(
                "the kernel refuses user namespaces to ordinary users",
                next_step="start the node as root (it drops its rights), or allow "
                "unprivileged user namespaces",
            ) from error
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    system.mount("none", Path("/"), None, system.MS_REC | system.MS_PRIVATE)


def identify(root: Path) -> Root:
    """Remember which folder a root is, at the launcher's start."""
    info = root.stat()
    return Root(path=root, device=info.st_dev, inode=info.st_ino)


def open_below(path: Path, roots: Sequence[Root]) -> int:
    """Open a folder below one of the roots without following a link on the way.

    Args:
        path: absolute, as the node named it.
        roots: the folders that the launcher was started with.

    Raises:
        IsolationError: it is not below a root, or a part of the way is a link.
    """
    for root in roots:
        if not path.is_relative_to(root.path):
            continue
        parts = path.relative_to(root.path).parts
        if ".." in parts:
            break
        try:
            # From the top: a descriptor of another mount namespace cannot be mounted.
            start = _descend(os.open("/", _FOLDER), root.path.parts[1:])
            info = os.fstat(start)
            if (info.st_dev, info.st_ino) != (root.device, root.inode):
                os.close(start)
                break
            return _descend(start, parts)
        except OSError as error:
            raise IsolationError(
                f"a folder of the task cannot be opened below {root.path}: {error.strerror}",
                next_step="name existing folders, without symbolic links",
            ) from error
    raise IsolationError(
        "a folder of the task lies outside the folders that the sandbox was given",
        next_step="start the node with the folder that holds its state",
    )


def _descend(current: int, parts: Sequence[str]) -> int:
    try:
        for part in parts:
            following = os.open(part, _FOLDER, dir_fd=current)
            os.close(current)
            current = following
    except OSError:
        os.close(current)
        raise
    return current


def open_anywhere(path: Path) -> int:
    """Open a folder when the launcher has no more rights than the node."""
    try:
        return os.open(path.resolve(), _FOLDER)
    except OSError as error:
        raise IsolationError(
            f"a folder of the task cannot be opened: {error.strerror}",
            next_step="name existing folders",
        ) from error


def lay_out(stage: Path, request: dict[str, Any], uid: int) -> None:
    """The frame: a small file system with the request and a synthetic `/etc`."""
    system.mount("tmpfs", stage, "tmpfs", _SAFE, "size=8m,nr_inodes=64,mode=0755")
    for name in ("job", "job/code", "etc", "out", "tmp", "data", "parts", "code"):
        (stage / name).mkdir(mode=0o755)
    for name in ("job", "job/code", "etc"):
        (stage / name).chmod(0o755)  # whatever the umask is
    (stage / "job" / "request.json").write_text(json.dumps(request))
    etc = stage / "etc"
    (etc / "passwd").write_text(
        f"root:x:0:0::/:/nonexistent\njob:x:{uid}:{uid}::/tmp:/nonexistent\n"
    )
    (etc / "group").write_text(f"root:x:0:\njob:x:{uid}:\n")
    for file in (*etc.iterdir(), stage / "job" / "request.json"):
        file.chmod(0o644)
    cache = Path("/etc/ld.so.cache")
    if cache.exists():  # faster start; libraries are found without it too
        (etc / "ld.so.cache").write_bytes(cache.read_bytes())
        (etc / "ld.so.cache").chmod(0o644)


def mount_writable(target: Path, options: str) -> None:
    """A file system of a fixed size for what a job writes."""
    system.mount("tmpfs", target, "tmpfs", _SAFE, options)


def mount_folder(folder: int, target: Path, *, owner_becomes: int | None) -> None:
    """Mount an open folder, read-only inside.

    Args:
        folder: open descriptor.
        owner_becomes: the uid that the files' owner is shown as, so that a job under its
            own uid reads files that are the node's alone; None keeps the owners.
    """
    if owner_becomes is not None:
        info = os.fstat(folder)
        try:
            _mount_mapped(folder, target, info.st_uid, info.st_gid, owner_becomes)
        except OSError:  # a file system without mapped mounts: others' rights must do
            if not info.st_mode & 0o005 == 0o005:  # noqa: PLR2004
                raise IsolationError(
                    "a folder of the task is closed to the job's own user, and this "
                    "file system cannot map owners",
                    next_step="make the folder readable for others (chmod -R o+rX)",
                ) from None
        else:
            return
    source = f"/proc/self/fd/{folder}"
    system.mount(source, target, None, system.MS_BIND | system.MS_REC)


def _mount_mapped(folder: int, target: Path, uid: int, gid: int, becomes: int) -> None:
    tree = system.detached_copy(folder)
    try:
        namespace = _namespace_of_map(uid, gid, becomes)
        try:
            system.map_owner(tree, namespace)
        finally:
            os.close(namespace)
        system.mount_tree(tree, target)
    finally:
        os.close(tree)


def _namespace_of_map(uid: int, gid: int, becomes: int) -> int:
    """An open user namespace that maps one owner; a short-lived child holds it."""
    ready, ready_child = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            system.die_with_parent()
            system.unshare(system.CLONE_NEWUSER)
            os.write(ready_child, b"1")
            signal.pause()
        os._exit(1)
    os.close(ready_child)
    try:
        if os.read(ready, 1) != b"1":
            raise OSError(1, "no user namespace")
        Path(f"/proc/{child}/uid_map").write_text(f"{uid} {becomes} 1")
        Path(f"/proc/{child}/gid_map").write_text(f"{gid} {becomes} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
