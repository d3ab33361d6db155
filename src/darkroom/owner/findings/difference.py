"""Unified differences of texts, cut where they grow long, and saying so."""

import difflib
import re


MAX_LINES = 400  # of one file's difference
MAX_COLUMNS = 500
MAX_COMPARED = 5_000  # lines of a side that are compared line by line
_NAMES = 2  # lines that name the files; a heading does
_NEWLINE = re.compile(r"\r\n|\r|\n")  # as Python splits them


def difference(before: str, after: str) -> tuple[list[str], int]:
    """(lines of the difference, how many more there are)."""
    old, new = (_NEWLINE.split(side) if side else [] for side in (before, after))
    if max(len(old), len(new)) > MAX_COMPARED:
        return ["(too long to be compared line by line)"], 0
    found = [
        line[:MAX_COLUMNS] + (" …" if len(line) > MAX_COLUMNS else "")
        for line in list(difflib.unified_diff(old, new, lineterm="", n=3))[_NAMES:]
    ]
    return found[:MAX_LINES], max(0, len(found) - MAX_LINES)
