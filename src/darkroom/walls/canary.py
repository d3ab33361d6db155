"""The worker's own proof that the cluster enforces its NetworkPolicies.

Each address is one that the node reaches. A policy may come into force a moment after the
pod: what still answers is tried again for some seconds, and one that goes on answering
means that nothing of the job may run.
"""

import contextlib
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor


Address = tuple[str, int]
TRY_SECONDS = 1.0
LAG_SECONDS = 8.0
PAUSE_SECONDS = 0.25


def reachable(address: Address, *, seconds: float = TRY_SECONDS) -> bool:
    """Whether a connection can be made, within a bounded time."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=seconds):
        return True
    return False


def still_reachable(addresses: Iterable[Address], *, seconds: float = LAG_SECONDS) -> list[Address]:
    """Those that can be connected to, and go on to be until the time is up."""
    left = list(addresses)
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(max(1, len(left))) as pool:
        while True:
            answers = pool.map(reachable, left)
            left = [address for address, answered in zip(left, answers, strict=True) if answered]
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(PAUSE_SECONDS)
