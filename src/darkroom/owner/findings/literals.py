"""Constants that carry more than a parameter would: long, or looking encoded."""

import ast
import math
from collections import Counter
from collections.abc import Iterator, Sequence


LONG_TEXT = 400
LONG_LIST = 200
WIDE_BITS = 64
ENCODED_FROM = 40  # characters; shorter ones say little
ENCODED_BITS = 4.3  # bits a character: English has about 4.1 with spaces, base64 up to 6
HEX_FROM = 64
DATA = "data in the code"
_HEX = frozenset("0123456789abcdefABCDEF")


def entropy(data: bytes | str) -> float:
    """Bits per symbol, from how often each occurs."""
    total = len(data)
    if not total:
        return 0.0
    return -sum(n / total * math.log2(n / total) for n in Counter(data).values())


def looks_encoded(text: str) -> bool:
    """Whether a text looks like packed bytes rather than words."""
    if len(text) >= HEX_FROM and set(text) <= _HEX:
        return True
    if len(text) < ENCODED_FROM or text.count(" ") * 12 > len(text):
        return False
    return entropy(text) >= ENCODED_BITS


def literals(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str, str]]:
    """(line, kind, sentence) of each constant worth a look; docstrings are words."""
    documentation = _docstrings(nodes)
    for node in nodes:
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            said = _constant(node.value)
            if said:
                yield node.lineno, DATA, said
        elif isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) > LONG_LIST:
            yield node.lineno, DATA, f"a list of {len(node.elts):,} values"
        elif isinstance(node, ast.Dict) and len(node.keys) > LONG_LIST:
            yield node.lineno, DATA, f"a table of {len(node.keys):,} entries"


def _constant(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        bits = value.bit_length()
        return f"a whole number of {bits:,} bits" if bits > WIDE_BITS else ""
    if isinstance(value, bytes):
        return _sized(value.decode("latin-1"), f"{len(value):,} bytes")
    return _sized(value, f"a text of {len(value):,} characters") if isinstance(value, str) else ""


def _sized(text: str, what: str) -> str:
    if looks_encoded(text[:4096]):
        return (
            f"{what} that look encoded" if what.endswith("bytes") else f"{what} that looks encoded"
        )
    return what if len(text) > LONG_TEXT else ""


def _docstrings(nodes: Sequence[ast.AST]) -> set[int]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found
