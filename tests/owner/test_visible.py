"""Nothing in foreign text is hidden, reordered or mistaken for something else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.display.visible import marked, pieces, visible


pytestmark = pytest.mark.attack


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        pytest.param("\x1b[31mred", "⟨U+001B ESC⟩[31mred", id="ansi colour"),
        pytest.param("a\x07b", "a⟨U+0007 BEL⟩b", id="bell"),
        pytest.param("safe\revil", "safe⟨U+000D CR⟩evil", id="overwrites its line"),
        pytest.param("x\x08y", "x⟨U+0008 BS⟩y", id="backspace"),
        pytest.param("\x9b31m", "⟨U+009B UNNAMED⟩31m", id="eight-bit escape"),
        pytest.param("\x7f", "⟨U+007F DEL⟩", id="delete"),
        pytest.param("a\u202eb", "a⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩b", id="trojan source"),
        pytest.param("\u2066", "⟨U+2066 LEFT-TO-RIGHT ISOLATE⟩", id="isolate"),
        pytest.param("a\u200bb", "a⟨U+200B ZERO WIDTH SPACE⟩b", id="zero width"),
        pytest.param("\ufeff", "⟨U+FEFF ZERO WIDTH NO-BREAK SPACE⟩", id="byte order mark"),
        pytest.param("\u00ad", "⟨U+00AD SOFT HYPHEN⟩", id="soft hyphen"),
        pytest.param("\u3164", "⟨U+3164 HANGUL FILLER⟩", id="hangul filler"),
        pytest.param("\U000e0041", "⟨U+E0041 TAG LATIN CAPITAL LETTER A⟩", id="tag"),
        pytest.param("\u00a0", "⟨U+00A0 NO-BREAK SPACE⟩", id="another space"),
        pytest.param("\u2028", "⟨U+2028 LINE SEPARATOR⟩", id="another line end"),
        pytest.param("e\u0301", "e⟨U+0301 COMBINING ACUTE ACCENT⟩", id="combining mark"),
        pytest.param("\ud800", "⟨U+D800 UNNAMED⟩", id="half a character"),
        pytest.param("\u05d0", "⟨U+05D0 HEBREW LETTER ALEF⟩", id="letters that reorder"),
        pytest.param("p\u0430ss", "p\u0430⟨U+0430⟩ss", id="cyrillic a"),
        pytest.param("\u03bf", "\u03bf⟨U+03BF⟩", id="greek o"),
        pytest.param("\uff41", "\uff41⟨U+FF41⟩", id="full width a"),
        pytest.param("\U0001d41a", "\U0001d41a⟨U+1D41A⟩", id="mathematical a"),
        pytest.param("\u0131", "\u0131⟨U+0131⟩", id="dotless i"),
        pytest.param("\u2215", "\u2215⟨U+2215⟩", id="division slash"),
        pytest.param("⟨U+202E⟩", "⟨⟨U+27E8⟩U+202E⟩⟨U+27E9⟩", id="a faked mark"),
    ],
)
def test_what_hides_is_written_out(hostile, shown):
    assert shown == visible(hostile)
    assert marked(hostile)


@pytest.mark.parametrize(
    "text", ["def f(x): return 'ok'", "Zählung der Straße", "人を数える", "3 × 4"]
)
def test_ordinary_text_stays_as_it_is(text):
    assert text == visible(text)
    assert 0 == marked(text)


@given(st.text(st.characters()))
def test_nothing_in_the_result_can_move_or_hide_what_stands_beside_it(text):
    for character in visible(text):
        assert unicodedata.category(character)[0] not in "CM"
        assert unicodedata.bidirectional(character) not in ("R", "AL", "AN")


@given(st.text(st.characters()))
def test_every_character_is_there_or_written_out(text):
    assert visible(text) == "".join(shown for shown, _ in pieces(text))
    assert len(visible(text)) >= len(text)


def test_the_caller_may_lay_out_lines_itself():
    assert "a\n\tb⟨U+001B ESC⟩" == visible("a\n\tb\x1b", keep="\n\t")
