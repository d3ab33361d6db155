"""Frames that count up, as a camera would give them, and pieces of them."""

from darkroom.model.live_frame import LiveFrame
from darkroom.node.live_tape import Tape
from darkroom.node.live_version import LivePlan
from darkroom.vision.picture import encode_bgr
from tests.ingest.clips import picture


START = 1_800_000_000.0  # at a full minute
FPS = 5.0


def frame(number, *, at=None, gap=False):
    time = START + number / FPS if at is None else at
    data = encode_bgr(picture(number % 1024))
    return LiveFrame(time=time, picture=data, width=96, height=64, gap=gap)


def plan(**more):
    given = {
        "dataset": "yard", "classes": ("person",), "rates": {"cam": FPS}, "kinds": {"cam": "url"}
    }  # fmt: skip
    return LivePlan(**(given | more))


def fill(shelf, numbers):
    tape = Tape(shelf, "cam", FPS)
    for number in numbers:
        tape.add(frame(number))
    tape.finish()
    return tape
