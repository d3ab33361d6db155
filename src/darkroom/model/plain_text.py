"""Texts that are what they look like: nothing hidden in them, and one way to write them.

Characters that no screen shows are room for a message behind an ordinary word. A text that
is not in Unicode's composed form (NFC) has the digest of another one.
"""

import unicodedata


_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # categories
# Characters of other categories that show nothing: Unicode's Default_Ignorable_Code_Point,
# and the Braille pattern without dots.
_BLANK = frozenset(
    chr(point)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for point in range(first, last + 1)
)


def hides(text: str) -> bool:
    """Whether a text has characters that nobody sees."""
    if text.isascii() and text.isprintable():
        return False
    return any(c in _BLANK or unicodedata.category(c) in _HIDDEN for c in text)


def is_composed(text: str) -> bool:
    """Whether a text is in NFC, and has no half of a character: digests tell it from all others."""
    return text.isascii() or (
        unicodedata.is_normalized("NFC", text) and not any("\ud800" <= c <= "\udfff" for c in text)
    )
