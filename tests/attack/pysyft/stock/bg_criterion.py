"""A stand-in for the approval criterion of `syft_bg` 0.3.12, which is not installed here.

Written after the published description of the package and marked as such: names of launchers
are ignored wherever they lie, hashes may be shortened, and no peers means any peer. It shows
what the criterion accepts; it is not the package.
"""

import hashlib
from pathlib import Path


IGNORED = ("run.sh", "config.yaml")


def bg_approves(
    job: Path, submitter: str, *, hashes: dict[str, str], peers: tuple[str, ...] = ()
) -> bool:
    """Whether a job folder would be approved without a person.

    Args:
        job: the submission: `code/`, `run.sh`, `config.yaml`.
        submitter: address.
        hashes: path below `code/` -> SHA-256 of the approved file, or the beginning of one.
        peers: addresses; none: everybody.
    """
    if peers and submitter not in peers:
        return False
    found = {
        path.relative_to(job / "code").as_posix(): path.read_text()  # newlines are translated
        for path in (job / "code").rglob("*")
        if path.is_file() and path.name not in IGNORED
    }
    return found.keys() == hashes.keys() and all(
        hashlib.sha256(text.encode()).hexdigest().startswith(hashes[name])
        for name, text in found.items()
    )
