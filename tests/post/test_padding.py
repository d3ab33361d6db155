"""What the relay sees of a size is a class, and nothing is lost or added on the way."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.post.codec import MAX_LETTER
from darkroom.post.padding import (
    SMALLEST,
    attachment_size,
    letter_size,
    pad_attachment,
    unpad_attachment,
)


SIZES = st.integers(0, 64 << 20)


@given(st.integers(1, MAX_LETTER))
def test_a_letter_has_one_of_nine_sizes_and_fits(size):
    grown = letter_size(size, MAX_LETTER)
    assert size <= grown <= MAX_LETTER
    assert grown == MAX_LETTER or grown in {SMALLEST << n for n in range(8)}


@given(SIZES)
def test_an_attachment_grows_by_an_eighth_at_most(size):
    grown = attachment_size(size)
    assert size <= grown <= max(SMALLEST, size * 9 / 8 + 1)
    assert attachment_size(grown) == grown


@given(SIZES, SIZES)
def test_larger_never_looks_smaller(first, second):
    first, second = sorted((first, second))
    assert attachment_size(first) <= attachment_size(second)


def test_there_are_few_sizes():
    sizes = {attachment_size(size) for size in range(0, 16 << 20, 997)}
    assert len(sizes) <= 8 * 12 + 1


@given(st.binary(max_size=9000))
def test_what_was_padded_comes_back(data):
    assert unpad_attachment(pad_attachment(data), len(data)) == data


@given(st.binary(max_size=5000), st.integers(0, 9000), st.binary(max_size=40))
def test_nothing_travels_in_the_padding(data, size, more):
    padded = pad_attachment(data)
    assert unpad_attachment(padded + b"\0", len(data)) is None
    assert unpad_attachment(padded[:-1], len(data)) is None
    if more.strip(b"\0") and len(more) <= len(padded) - len(data):
        assert unpad_attachment(padded[: -len(more)] + more, len(data)) is None
    found = unpad_attachment(padded, size)
    assert found is None or found.rstrip(b"\0") == data.rstrip(b"\0")
