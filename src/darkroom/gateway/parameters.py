"""Numbers and names from paths, queries and headers: small, bounded, or refused."""

import math
import re

from starlette.requests import Request

from darkroom.errors import InputError, SpecError


ADDRESS = re.compile(r"sha256:[0-9a-f]{64}")
LENGTH_DIGITS = 15
CURSOR_DIGITS = 18  # fits SQLite's 64 bits
CHUNK_DIGITS = 6
NUMBER_CHARACTERS = 32


def natural(text: str, *, digits: int) -> int | None:
    """A number from 0 with at most so many ASCII digits, else None."""
    if text.isascii() and text.isdigit() and len(text) <= digits:
        return int(text)
    return None


def declared_length(request: Request) -> int:
    """The announced length of the body.

    Raises:
        InputError: there is none, or it is no number.
    """
    length = natural(request.headers.get("content-length", ""), digits=LENGTH_DIGITS)
    if length is None:
        raise InputError(
            "the request does not say the length of its body",
            next_step="send a Content-Length header",
        )
    return length


def positive(seconds: float) -> float:
    """The number itself if it is finite and above zero.

    Raises:
        SpecError: otherwise.
    """
    # Compared first: an integer of a thousand digits is no float.
    if not 0 < seconds <= 1e12 or not math.isfinite(seconds):  # noqa: PLR2004 - 30,000 years
        raise SpecError("a time span is above zero", next_step="give it in seconds")
    return float(seconds)


def query_number(request: Request, name: str, default: float) -> float:
    """A finite number from the query.

    Raises:
        SpecError: it is something else.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = float(text[:NUMBER_CHARACTERS])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SpecError(f"{name} is not a number", next_step="give it in seconds")
    return number


def query_cursor(request: Request, name: str) -> int:
    """A cursor from the query; 0 when there is none.

    Raises:
        SpecError: it is something else.
    """
    cursor = natural(request.query_params.get(name, "0"), digits=CURSOR_DIGITS)
    if cursor is None:
        raise SpecError(f"{name} is not a cursor", next_step="use one that a parcel had")
    return cursor


def require_address(address: str) -> str:
    """A blob's address itself if it is well formed.

    Raises:
        SpecError: otherwise.
    """
    if not ADDRESS.fullmatch(address):
        raise SpecError(
            "a blob's address is sha256: and 64 hex digits",
            next_step="hash the ciphertext; its hash is the address",
        )
    return address


def path_chunk(request: Request) -> int:
    """The chunk number from the path.

    Raises:
        SpecError: it is no number.
    """
    index = natural(request.path_params["index"], digits=CHUNK_DIGITS)
    if index is None:
        raise SpecError("a chunk has a number", next_step="count chunks from 0")
    return index
