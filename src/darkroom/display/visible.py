"""Foreign text with nothing hidden in it.

A reviewer decides on what they see. So control and ANSI characters, bidirectional and
invisible ones, combining marks and letters that resemble others are written out as
`⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩`. What stays as it is: ASCII, Latin letters with
diacritics, CJK, and a few signs of typography. The brackets themselves are written out,
so that the notation cannot be faked.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from darkroom.display.sheet import Section


# The names of U+0000 to U+001F, which `unicodedata` does not know.
_CONTROLS = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR",
    "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC",
    "FS", "GS", "RS", "US",
)  # fmt: skip
_TYPOGRAPHY = frozenset("ßæøœÆØŒ…€£§°·×÷±²³–—‘’“”„«»→≤≥")
_CJK = ("CJK UNIFIED IDEOGRAPH", "HIRAGANA LETTER", "KATAKANA LETTER", "HANGUL SYLLABLE")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def pieces(text: str, *, keep: str = "") -> Iterator[tuple[str, str]]:
    """The text in order, as (what to show, why it is marked or "").

    Args:
        text: anything.
        keep: control characters that the caller lays out itself, such as "\\n\\t".
    """
    plain: list[str] = []
    for character in text:
        shown, why = ("", "") if character in keep else _judge(character)
        if not why:
            plain.append(character)
            continue
        if plain:
            yield "".join(plain), ""
            plain = []
        yield shown, why
    if plain:
        yield "".join(plain), ""


def visible(text: str, *, keep: str = "") -> str:
    """The text with every hidden or deceptive character written out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(shown for shown, _ in pieces(text, keep=keep))


def marked(text: str, *, keep: str = "") -> int:
    """How many characters `visible` writes out."""
    if text.isascii() and text.isprintable():
        return 0
    return sum(1 for _, why in pieces(text, keep=keep) if why)


def texts_of(section: Section) -> tuple[str, ...]:
    """Every text of a section."""
    return (
        section.heading,
        section.note,
        *section.columns,
        *section.lines,
        *(cell for row in section.rows for cell in row),
        *(part for command in section.commands for part in command),
    )


def marks_note(texts: Iterable[str]) -> str:
    """What to say about all texts of a section; "" when nothing was written out."""
    count = sum(marked(text, keep="\t") for text in texts)
    if not count:
        return ""
    what = "character was" if count == 1 else "characters were"
    return f"{count:,} hidden or look-alike {what} written out as U+…"


@lru_cache(maxsize=4096)
def _judge(character: str) -> tuple[str, str]:
    """(what to show, why) of one character; ("", "") when it may stay."""
    point = ord(character)
    if 0x20 <= point < 0x7F or character in _TYPOGRAPHY:  # noqa: PLR2004 - printable ASCII
        return "", ""
    category = unicodedata.category(character)
    name = _name(character)
    hidden = category[0] in "CZM" or "FILLER" in name or "BLANK" in name
    if hidden or unicodedata.bidirectional(character) in _RIGHT_TO_LEFT:
        return f"⟨U+{point:04X} {name}⟩", f"hidden or reordering: {name}"
    if _may_stay(character, name):
        return "", ""
    return f"{character}⟨U+{point:04X}⟩", f"may look like another: {name}"


def _name(character: str) -> str:
    point = ord(character)
    if point < len(_CONTROLS):
        return _CONTROLS[point]
    return "DEL" if point == 0x7F else unicodedata.name(character, "UNNAMED")  # noqa: PLR2004


def _may_stay(character: str, name: str) -> bool:
    if name.startswith(_CJK):
        return True
    base = unicodedata.normalize("NFD", character)
    return name.startswith("LATIN ") and len(base) > 1 and base[0].isascii()
