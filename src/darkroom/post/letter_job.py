"""Which job a letter is about, for a log: of untrusted origin, so it is looked at and not believed."""

import re
from typing import Any

from darkroom.model.letter import Letter


_ID = re.compile(r"[0-9a-f]{32}")
_PLACES = (("job_id",), ("request", "job_id"), ("decision", "body", "job_id"))


def job_of(letter: Letter) -> str:
    """The id of the job that a letter names; "" for none."""
    for place in _PLACES:
        value: Any = letter.body
        for step in place:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
    return ""
