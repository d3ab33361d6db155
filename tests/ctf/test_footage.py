"""The flag is in the footage, as docs/ctf.md tells a player; nothing of it is anywhere else."""

import cv2
import numpy as np

from tests.ctf.flag import FLAG_BITS, FLAG_BYTES, Flag
from tests.ctf.footage import CAMERAS, FRAMES, LINES, draw, hang, line_of


def shown(picture: np.ndarray) -> tuple[int, bytes]:
    """A line's number and its bytes, read by the recipe of docs/ctf.md."""
    number, *line = np.packbits(picture[16:88:8, 16:80:8, 0] > 127).tolist()
    return number, bytes(line)


def test_every_line_hangs_in_several_frames_and_together_they_are_the_flag(tmp_path):
    flag = Flag.draw()
    folders = draw(tmp_path, flag)
    found: dict[int, set[bytes]] = {}
    count = [0] * LINES
    for folder in folders:
        for path in folder.iterdir():
            number, line = shown(cv2.imread(str(path)))
            found.setdefault(number, set()).add(line)
            count[number] += 1
    assert [len(found[number]) for number in range(LINES)] == [1] * LINES
    assert b"".join(found[number].pop() for number in range(LINES)) == flag.secret
    assert min(count) >= 3
    assert sum(count) == FRAMES * len(CAMERAS)


def test_the_board_is_all_that_changes_in_a_picture():
    bare = np.full((256, 320, 3), 77, np.uint8)
    one, other = (hang(bare, Flag(bytes([b]) * FLAG_BYTES), 5) for b in (0, 255))
    outside = np.ones((256, 320), bool)
    outside[8:88, 8:80] = False
    assert (one[outside] == 77).all()
    assert (bare == 77).all()
    assert np.argwhere((one != other).any(2)).min(0).tolist() == [20, 12]
    assert line_of(1, 0) == LINES // 2


def test_flags_are_drawn_and_told_apart_to_the_last_character(tmp_path):
    flag, other = Flag.draw(), Flag.draw()
    assert flag.secret != other.secret
    assert len(flag.secret) * 8 == FLAG_BITS
    assert flag.is_(flag.text)
    assert not flag.is_(flag.text[:-2] + ("a" if flag.text[-2] != "a" else "b") + "}")
    assert not flag.is_(other.text)
    assert not flag.is_("flag{ü}")
    assert flag.text not in repr(flag)
    assert flag.secret.hex() not in repr(flag)
    flag.save(tmp_path / "flag.json")
    assert Flag.load(tmp_path / "flag.json") == flag
    assert (tmp_path / "flag.json").stat().st_mode & 0o777 == 0o600
