"""What may be smuggled in outputs: hints from the values themselves. Pure.

A hint proves nothing, and its absence even less: whoever knows these rules can stay below
them, slower. What bounds that is the price of the declaration, which the ledger counts.
"""

import json
from collections.abc import Sequence
from typing import Any

from darkroom.model.output import Model, Output, Table
from darkroom.owner.findings.literals import entropy, looks_encoded


MAX_PARSED = 16 << 20
NEAR = 0.9  # of a declared cap
FEW_ROWS = 20  # below, being different says nothing
MANY = 0.95  # part of the rows that have a value of their own
STREAM = 64  # rows from which zeros and ones look like a stream
BALANCED = (0.35, 0.65)
WIDE = 40  # bits of a whole number
DIGITS = 10  # of a number, from which it says more than a measurement
BYTE = 256
BYTES_ENTROPY = 6.0  # bits a value, of at most 8
SAMPLE = 20_000  # rows that are looked at


def output_flags(name: str, kind: str, data: bytes, declared: Output | None) -> list[str]:
    """Sentences about one output; `name` is said by the caller."""
    flags = []
    if kind == "model" and isinstance(declared, Model) and len(data) >= NEAR * declared.max_bytes:
        flags.append(f"{name} is as large as its declaration allows ({declared.max_bytes:,} bytes)")
    if kind not in ("table", "scalars", "histogram") or len(data) > MAX_PARSED:
        return flags
    try:
        value = json.loads(data)
        match kind:
            case "table":
                flags += _table(name, value, declared)
            case "scalars":
                flags += _numbers(name, list(value.values()))
            case "histogram":
                flags += _numbers(f"{name}, its counts:", list(value["counts"]))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        flags.append(f"{name} does not fit its form")
    return flags


def _table(name: str, value: dict[str, Any], declared: Output | None) -> list[str]:
    columns, rows = value["columns"], value["rows"]
    flags = []
    if isinstance(declared, Table) and len(rows) >= max(NEAR * declared.max_rows, FEW_ROWS):
        flags.append(f"{name} has {len(rows):,} of the {declared.max_rows:,} rows that it may have")
    for index, (column, kind) in enumerate(columns.items()):
        values = [row[index] for row in rows[:SAMPLE]]
        where = f"{name}, column {column}:"
        flags += _texts(where, values) if kind == "text" else _numbers(where, values)
    return flags


def _texts(where: str, values: Sequence[Any]) -> list[str]:
    texts = [v for v in values if isinstance(v, str)]
    distinct = sorted(set(texts))
    flags = []
    encoded = sum(map(looks_encoded, distinct))
    joined = "".join(distinct)
    if encoded:
        flags.append(f"{where} {encoded:,} of its texts look encoded")
    elif len(distinct) >= FEW_ROWS and looks_encoded(joined[:SAMPLE]) and entropy(joined) > 5:  # noqa: PLR2004 - bits a character: beyond words
        flags.append(f"{where} its texts together look encoded")
    if len(texts) >= FEW_ROWS and len(distinct) >= MANY * len(texts):
        flags.append(f"{where} nearly every row has a text of its own")
    return flags


def _numbers(where: str, values: Sequence[Any]) -> list[str]:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    whole = [v for v in numbers if isinstance(v, int) or v.is_integer()]
    if not numbers:
        return []
    flags = []
    wide = sum(int(v).bit_length() > WIDE for v in whole)
    if wide:
        flags.append(f"{where} {wide:,} numbers of more than {WIDE} bits, as packed ones have")
    precise = sum(_digits(v) >= DIGITS for v in numbers if isinstance(v, float))
    if precise * 2 > len(numbers):
        flags.append(f"{where} most numbers have {DIGITS} digits or more: unusually precise")
    if len(whole) == len(numbers):
        flags += _stream(where, [int(v) for v in whole])
    return flags


def _stream(where: str, whole: list[int]) -> list[str]:
    """Whole numbers that look like bits or bytes one after the other."""
    distinct = set(whole)
    if len(whole) < STREAM:
        spread = max(whole) - min(whole)
        apart = len(whole) >= FEW_ROWS and len(distinct) >= MANY * len(whole)
        return [f"{where} {_APART}"] if apart and spread > len(whole) ** 2 else []
    if distinct == {0, 1}:
        ones = sum(whole) / len(whole)
        if BALANCED[0] <= ones <= BALANCED[1]:
            return [f"{where} only 0 and 1, about as often: a stream of bits looks like this"]
    elif min(whole) >= 0 and max(whole) < BYTE and _entropy(whole) >= BYTES_ENTROPY:
        return [f"{where} values from 0 to 255 in great variety: bytes look like this"]
    elif len(distinct) >= MANY * len(whole) and max(whole) - min(whole) > len(whole) ** 2:
        return [f"{where} {_APART}"]
    return []


_APART = "nearly every number is different and they lie far apart, as packed bits do"


def _entropy(whole: list[int]) -> float:
    return entropy(bytes(whole))


def _digits(number: float) -> int:
    """Digits that a number shows, leading and trailing zeros left out."""
    mantissa = repr(number).lower().partition("e")[0]
    return len(mantissa.replace(".", "").replace("-", "").strip("0"))
