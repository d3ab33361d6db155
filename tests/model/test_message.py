"""A message is one short line with nothing hidden in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.errors import SpecError
from darkroom.model.message import MAX_TEXT, Message, one_line, require_words
from darkroom.model.plain_text import hides


GOOD = {
    "job_id": "ab" * 16, "number": 1, "side": "reviewer", "by": "olga", "text": "why?", "at": 1.0,
}  # fmt: skip


def test_it_survives_its_json_form():
    assert Message.from_mapping(GOOD).to_mapping() == GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"job_id": "x"}, {"job_id": None}, {"number": 0}, {"number": True}, {"number": 10**9},
        {"side": "owner"}, {"side": []}, {"by": "no/name"}, {"at": -1}, {"at": float("nan")},
        {"at": 1e300}, {"text": ""}, {"text": "a" * (MAX_TEXT + 1)}, {"text": "a\nb"},
        {"text": "a\x1b[31mb"}, {"text": "a\u202eb"}, {"text": "a\u200bb"}, {"text": " a"},
        {"text": "e\u0301"}, {"text": 7}, {"more": 1},
    ],
)  # fmt: skip
def test_anything_else_is_refused(change):
    with pytest.raises(SpecError):
        Message.from_mapping({**GOOD, **change})


@pytest.mark.parametrize("value", [None, [], "x", {}, {k: v for k, v in GOOD.items() if k != "at"}])
def test_what_is_no_message_is_refused(value):
    with pytest.raises(SpecError):
        Message.from_mapping(value)


@given(st.text(max_size=MAX_TEXT + 9))
def test_what_a_person_types_becomes_one_line_or_is_refused(typed):
    line = one_line(typed)
    assert "\n" not in line
    try:
        sent = require_words(line)
    except SpecError:
        assert not line or len(line) > MAX_TEXT or hides(line) or "\ud800" <= max(line)
    else:
        assert sent == one_line(sent)
