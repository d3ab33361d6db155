"""Submitted files as the lines that Python would see, and what a reviewer must not miss.

An editor and Python do not always agree on what a line or an encoding is; code can hide in
the difference. Pure; nothing is imported, compiled or executed.
"""

import io
import re
import tokenize
from dataclasses import dataclass


MAX_SHOWN = 1 << 20  # bytes of one file that are written out
LONG_LINE = 300
_NEWLINE = re.compile(r"\r\n|\r|\n")
_LOADABLE = (
    ".so", ".pyd", ".pyc", ".pyo", ".pth", ".zip", ".egg", ".whl",
    ".pkl", ".pickle", ".joblib", ".pt",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """One carried file.

    Attributes:
        lines: as Python splits them; empty when it is not text.
        language: `python` or "".
        alerts: what to look at first.
    """

    path: str
    lines: tuple[str, ...]
    language: str
    alerts: tuple[str, ...]


def read_source(path: str, data: bytes) -> SourceText:
    """Look at one file."""
    python = path.endswith(".py")
    alerts = []
    if path.lower().endswith(_LOADABLE):
        alerts.append(f"{path} can carry code that is not shown here")
    text = _decode(data)
    if text is None:
        if python:
            alerts.append(f"{path} is Python that is not text, or too long to be shown")
        return SourceText(path=path, lines=(), language="", alerts=tuple(alerts))
    if python:
        alerts += _python_alerts(path, data, text)
    lines = _NEWLINE.split(text.removesuffix("\n").removesuffix("\r"))
    longest = max(map(len, lines))
    if python and longest > LONG_LINE:
        alerts.append(f"{path} has a line of {longest} characters; read it to its end")
    return SourceText(
        path=path, lines=tuple(lines), language="python" if python else "", alerts=tuple(alerts)
    )


def _decode(data: bytes) -> str | None:
    if len(data) > MAX_SHOWN or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _python_alerts(path: str, data: bytes, text: str) -> list[str]:
    alerts = []
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except (SyntaxError, LookupError):
        encoding = "an unknown encoding"
    if encoding not in ("utf-8", "utf-8-sig"):
        alerts.append(
            f"{path} declares {encoding}: Python would read other characters than these. "
            "Do not approve it"
        )
    if re.search(r"\r(?!\n)", text):
        alerts.append(
            f"{path} ends lines with a bare carriage return; below they are lines of their own, "
            "as for Python, but other tools hide them"
        )
    return alerts
