"""Does a text look like bytes in letters? A tripwire, not a wall.

Names, class labels, dates and sentences use pairs of letters that people use; base64, hex
and their like use all of them alike, and alternate between letters and digits. The limits
were chosen by measurement (`tests/runtime/test_encoded_text.py`). What it does not see: a
message spelled in ordinary words. What a free text can carry at most is in its price.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise


# For each letter the letters that follow it in the words of European languages.
_FOLLOWS = (
    "abcdefghiklmnprstuvwy aeilorsuy acehiklmoprstu abcdeilmorsu abcdefghiklmnoprstuvwxy "
    "aefilorstu aehilmnorsu aeilnortuy abcdefgklmnoprstvxz aeiou aehiorsu adefilmostuy "
    "abcdeimopsu acdefghijklnostuvy abcdefghiklmnoprstuvw aehiloprstuy u abcdefgiklmnoprstuvy "
    "aceghiklmnopstuwy acdefghilmoprstuwyz abcdefgilmnprst aeio aceio cept aenops aei"
)
_USUAL = {
    first + second
    for first, seconds in zip("abcdefghijklmnopqrstuvwxyz", _FOLLOWS.split(), strict=True)
    for second in seconds
}
_TIME = re.compile(
    r"(19|20)\d\d-?[01]\d-?[0-3]\d[T ][0-2]\d:?[0-5]\d(:?[0-5]\d)?(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?"
)
_RUN = re.compile(r"[^\W_]+")
_TURN = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_RISE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_SIGN = re.compile(r"[!-/:-@\[-`{-~]")
_LONG_WORD = re.compile(r"[^\W\d_]{41}")
MAX_DIGITS = 30
MAX_MARKS = 8  # characters that are neither letters, digits, spaces nor ASCII
MAX_IDEOGRAPHS = 16
LONG_RUN = 8
MAX_TURNS = 4  # between letters and digits, in a long run
MAX_RISES = 4  # from small to capital letters
USUAL = 0.7  # least share of pairs of letters that are usual
FEW_PAIRS, FEW_PAIRS_TOGETHER = 20, 40
FEW_TEXTS = 8
MEAN_TURNS = 2.4


def looks_encoded(texts: Iterable[str]) -> bool:
    """Whether one of the different texts of a column looks so, or all of them together."""
    count = turns = pairs = usual = 0
    for text in {_TIME.sub(" ", text, count=2) for text in texts}:
        of_text, usual_of_text = _pairs(text)
        if _is_unusual(of_text, usual_of_text, FEW_PAIRS) or _is_encoded(text):
            return True
        count, turns = count + 1, turns + len(_TURN.findall(text))
        pairs, usual = pairs + of_text, usual + usual_of_text
    alternating = count >= FEW_TEXTS and turns > MEAN_TURNS * count
    return alternating or _is_unusual(pairs, usual, FEW_PAIRS_TOGETHER)


def _pairs(text: str) -> tuple[int, int]:
    """How many pairs of Latin letters it has, and how many of them are usual."""
    plain = text.casefold()
    if not plain.isascii():  # marks off
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if c.isascii())
    pairs = [a + b for a, b in pairwise(plain) if "a" <= a <= "z" and "a" <= b <= "z"]
    return len(pairs), len([1 for pair in pairs if pair in _USUAL])


def _is_unusual(pairs: int, usual: int, few: int) -> bool:
    return pairs >= few and usual < USUAL * pairs


def _is_encoded(text: str) -> bool:
    runs = _RUN.findall(text)
    return (
        len(_DIGIT.findall(text)) > MAX_DIGITS
        or (len(text) >= LONG_RUN and 2 * len(_SIGN.findall(text)) > len(text))
        or len(_RISE.findall(text)) > max(MAX_RISES, len(_LETTER.findall(text)) // 5)
        or any(len(run) >= LONG_RUN and len(_TURN.findall(run)) > MAX_TURNS for run in runs)
        or _LONG_WORD.search(text) is not None
        or (not text.isascii() and _is_odd(text, runs))
    )


def _is_odd(text: str, runs: list[str]) -> bool:
    """Too many characters that are no letters, or ideographs, or alphabets mixed in a word."""
    marks = sum(not c.isascii() and not c.isalnum() for c in text)
    ideographs = sum(unicodedata.category(c) == "Lo" for c in text)
    mixed = any(len(_scripts(run)) > 1 for run in runs)
    return marks > MAX_MARKS or ideographs > MAX_IDEOGRAPHS or mixed


def _scripts(run: str) -> set[str]:
    """Words as Unicode names alphabets: a Cyrillic letter in a Latin word is a second one."""
    found = {re.split("[ -]", unicodedata.name(c, "?"))[0] for c in run if c.isalpha()}
    return {"JAPANESE" if s in {"CJK", "HIRAGANA", "KATAKANA"} else s for s in found}
