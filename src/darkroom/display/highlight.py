"""Colours for Python source, without executing or even parsing it.

Only the tokenizer of the standard library looks at the text, and only at text of ordinary
shape: what is too long is shown plain. Colours never change which characters are shown.
"""

import io
import keyword
import tokenize
from collections.abc import Sequence


MAX_LINES = 5_000
MAX_LINE = 1_000

Span = tuple[int, int, str]  # first column, column after the last, class


def python_spans(lines: Sequence[str]) -> list[list[Span]]:
    """Per line, the spans that are comments (`c`), strings (`s`) or keywords (`k`)."""
    spans: list[list[Span]] = [[] for _ in lines]
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        return spans
    reader = io.StringIO("".join(f"{line}\n" for line in lines), newline="\n")
    try:
        for token in tokenize.generate_tokens(reader.readline):
            kind = _kind(token)
            if kind:
                _add(spans, token, kind)
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
        pass  # the rest stays plain; it would not run either
    return spans


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.COMMENT:
        return "c"
    if token.type == tokenize.STRING:
        return "s"
    return "k" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else ""


def _add(spans: list[list[Span]], token: tokenize.TokenInfo, kind: str) -> None:
    (first, start), (last, end) = token.start, token.end
    for number in range(first, min(last, len(spans)) + 1):
        begin = start if number == first else 0
        stop = end if number == last else MAX_LINE
        spans[number - 1].append((begin, stop, kind))
