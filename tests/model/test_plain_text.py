"""A text hides nothing, and digests tell it from every other."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.canonical import canonical
from darkroom.model.plain_text import hides, is_composed


@pytest.mark.parametrize("text", ["", "gate north", "Tür 3", "大門", "Ворота", "e\u0301x", "≤ 5 °"])
def test_what_people_write_hides_nothing(text):
    assert not hides(text)


@pytest.mark.parametrize(
    "code",
    [
        *(0x0A, 0x1B, 0x7F, 0xAD, 0x200B, 0x202E, 0x2028, 0xD800, 0xE000, 0xFEFF, 0xE0041),
        *(0xFE00, 0xFE0F, 0xE0100, 0xE01EF, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5),
        *(0x180B, 0x180E, 0x180F, 0x2800, 0x3164, 0xFFA0, 0x2065, 0xFFF0, 0xE0FFF),
    ],
    ids=hex,
)
def test_what_no_screen_shows_is_hidden(code):
    assert hides("gate" + chr(code))


def test_all_that_unicode_calls_a_filler_or_a_selector_is_hidden():
    odd = ("VARIATION SELECTOR", "FILLER", "BLANK", "JOINER", "INVISIBLE", "INHERENT")
    named = [
        chr(code)
        for code in range(0x80, sys.maxunicode + 1)
        if unicodedata.name(chr(code), "").startswith(("VARIATION", "HANGUL", "KHMER VOWEL"))
        or "BLANK" in unicodedata.name(chr(code), "")
    ]
    found = [c for c in named if any(word in unicodedata.name(c) for word in odd)]
    signs = {"\u2422", "\u2423", "\U0001d159"}  # pictures of a blank are seen
    assert len(found) > 200
    assert [c for c in found if not hides(c) and c not in signs] == []


@given(st.text(), st.text())
def test_composed_texts_of_one_digest_are_one_text(one, other):
    if is_composed(one) and is_composed(other):
        assert (canonical(one) == canonical(other)) == (one == other)


@given(st.text())
def test_every_text_can_be_composed(text):
    assert is_composed(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("text", ["cafe\u0301", "\u212b", "\u1112\u1161", "\ud800", "a\udfff"])
def test_another_form_of_a_text_is_not_composed(text):
    assert not is_composed(text)
