"""Sizes are metadata: what is sealed first grows to one of few sizes.

Letters grow to a power of two. Attachments, which may be large, grow to one of eight sizes an
octave, at the cost of an eighth at most. The relay sees which size class, and no more.
Compare Padmé (Nikitin et al., PoPETs 2019), which grows with a finer grain.
"""

SMALLEST = 4 << 10
_STEPS = 8  # sizes of an attachment between a power of two and the next


def letter_size(size: int, most: int) -> int:
    """The size that a letter of so many bytes grows to; never beyond `most`."""
    return min(most, max(SMALLEST, 1 << (size - 1).bit_length()))


def attachment_size(size: int) -> int:
    """The size that an attachment grows to."""
    if size <= SMALLEST:
        return SMALLEST
    step = (1 << (size - 1).bit_length()) // (2 * _STEPS)
    return -(-size // step) * step


def pad_attachment(data: bytes) -> bytes:
    """The bytes with as many zeros as their size class asks for."""
    return data + bytes(attachment_size(len(data)) - len(data))


def unpad_attachment(padded: bytes, size: int) -> bytes | None:
    """The first `size` bytes; None when the rest is not what `pad_attachment` adds."""
    if len(padded) != attachment_size(size) or padded.count(0, size) != len(padded) - size:
        return None
    return padded[:size]
