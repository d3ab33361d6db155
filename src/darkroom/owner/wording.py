"""Values, times and amounts as a sheet says them. Pure."""

import json
from datetime import UTC, datetime
from fractions import Fraction

from darkroom.errors import SpecError
from darkroom.model.amount import Amount
from darkroom.model.canonical import digest_bytes


MAX_VALUE = 4_000
_BYTE = 8
_STEP = 1024


def value_words(value: object, *, most: int = MAX_VALUE) -> str:
    """A JSON value or text, cut where it is long, and saying so."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= most:
        return text
    # Half a character is no reason not to show the rest.
    return f"{text[:most]} … ({len(text):,} characters; sha256 {hash_words(text.encode(errors='surrogatepass'))})"


def hash_words(data: bytes) -> str:
    """The hex digits of its SHA-256."""
    return digest_bytes(data).removeprefix("sha256:")


def time_words(at: float) -> str:
    """A moment, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day_words(at: float) -> str:
    """A day, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def plural(count: int, noun: str) -> str:
    """`1 release`, `2 releases`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_words(size: int) -> str:
    """`12 bytes`, `3.5 KiB`, `1.2 MiB`."""
    value, unit = float(size), "bytes"
    for bigger in ("KiB", "MiB", "GiB"):
        if value < _STEP:
            break
        value, unit = value / _STEP, bigger
    return f"{size:,} bytes" if unit == "bytes" else f"{value:,.1f} {unit}"


def price_rows(said: object) -> tuple[tuple[str, ...], ...]:
    """What a job costs, from the mapping of an `Amount` that the domain told."""
    if said is None:
        return (("price", "the domain told none"),)
    try:
        price = Amount.from_mapping(said)
    except SpecError:
        return (("price", "the domain told one that makes no sense"),)
    if price == Amount():
        return (("price", "free: it runs on generated footage only"),)
    rows = [
        ("price", f"{plural(price.releases, 'release')}, {plural(price.rows, 'row')}"),
        (
            "at most carried",
            f"{price.bits:,} bits, as much as {size_words(-(-price.bits // _BYTE))}",
        ),
    ]
    if price.epsilon or price.delta:
        loss = f"epsilon {_exact(price.epsilon)}, delta {_exact(price.delta)}"
        rows.append(("privacy loss", loss))
    return tuple(rows)


def _exact(number: Fraction) -> str:
    decimal = f"{float(number):g}"
    return decimal if Fraction(decimal) == number else str(number)
