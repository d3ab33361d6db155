"""What may be said about a run and its outputs. Pure."""

from typing import Any

from darkroom.model.canonical import digest


SHORTEST = 0.5  # seconds
LOG = "log"
MAX_LOG = 64 << 10


def seconds_bucket(seconds: float) -> float:
    """Run time rounded up to 0.5, 1, 2, 4, … seconds: a clock is a way out for data."""
    bucket = SHORTEST
    while bucket < seconds:
        bucket *= 2
    return bucket


def output_digest(outputs: dict[str, Any]) -> str:
    """What the owner's release binds: name -> `{"type", "sha256", "bytes"}` of every output."""
    return digest(outputs)


def leaving(outputs: dict[str, Any], *, with_log: bool) -> dict[str, Any]:
    """The outputs that go out; the log only when the owner said so."""
    return {name: o for name, o in outputs.items() if name != LOG or with_log}
