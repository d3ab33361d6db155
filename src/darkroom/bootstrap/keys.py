"""Open a key file, and let go of former keys whose time is over."""

import time
from pathlib import Path

from darkroom.adapters.pysyft.keyring import SycKeyring


def open_keys(path: Path) -> SycKeyring:
    """The keys in that file; former sealing keys are removed from it once they are over.

    Raises:
        StateError: missing, damaged, or readable by others; or the file cannot be written.
    """
    keyring = SycKeyring.load(path)
    left = keyring.forgotten(at=time.time())
    if left is not keyring:
        left.supersede(path)
    return left
