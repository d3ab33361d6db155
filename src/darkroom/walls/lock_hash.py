"""The hash that a job is bound to: what it runs on, and the code that runs beside it."""

import hashlib
from pathlib import Path


def lock_hash(lock: bytes, package: Path) -> str:
    """`sha256:…` over the bytes of a lock and the tree of Python files of a package.

    A changed dependency or a changed line of the code that runs beside the job is another
    environment.
    """
    total = hashlib.sha256(b"lock\0" + hashlib.sha256(lock).digest())
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        total.update(len(name).to_bytes(4, "big") + name + content)
    return "sha256:" + total.hexdigest()
