"""What may be said about a run and its outputs. Pure."""

from typing import Any

from darkroom.model.canonical import digest


SHORTEST = 0.5  # seconds
LOG = "log"
BLIND = "blind"  # 32 hex digits in the entry of a log
MAX_LOG = 64 << 10


def seconds_bucket(seconds: float) -> float:
    """Run time rounded up to 0.5, 1, 2, 4, … seconds: a clock is a way out for data."""
    bucket = SHORTEST
    while bucket < seconds:
        bucket *= 2
    return bucket


def output_digest(outputs: dict[str, Any]) -> str:
    """What the owner's release binds: name -> `{"type", "sha256", "bytes"}` of every output.

    The log has a random `blind` as well and counts by the digest of all that: a receipt shows
    this digest and what left, and nobody may try from it what a log says that stayed.
    """
    return digest({n: digest(o) if BLIND in o else o for n, o in outputs.items()})


def leaving(outputs: dict[str, Any], *, with_log: bool) -> dict[str, Any]:
    """The outputs that go out; the log only when the owner said so."""
    return {
        name: {field: value for field, value in entry.items() if field != BLIND}
        for name, entry in outputs.items()
        if name != LOG or with_log
    }
