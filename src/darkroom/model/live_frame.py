"""One frame of a live camera, masked and encoded. Nobody outside the decoder looks into it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFrame:
    """A frame on its way to a segment.

    Attributes:
        time: Unix seconds at which it was taken; of one camera they never go back.
        gap: frames are missing before it.
        missed: how many of them are known, because the decoder was too slow for them.
    """

    time: float
    picture: bytes
    width: int
    height: int
    gap: bool = False
    missed: int = 0
