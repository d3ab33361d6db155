"""A time on the command line."""

from datetime import UTC, datetime

from darkroom.errors import InputError


def moment(text: str) -> float:
    """Unix seconds of an ISO 8601 time; UTC where it names no zone.

    Raises:
        InputError: it is none.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{ascii(text)[:80]} is not a time",
            next_step="write it as 2026-06-01T12:00:00Z",
        ) from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
