"""Footage with the flag in it: a board hangs in every picture and shows one line of the flag.

The board is a grid of 8 by 9 squares, dark for 0 and light for 1. Its top row is the number of
the line, the eight rows below are 8 bytes of the flag. Frame by frame another line is shown;
over both cameras every line stands in several frames. docs/ctf.md tells a player the same.
"""

import secrets
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.scene import CameraSpec, World, WorldRecipe
from tests.ctf.flag import FLAG_BYTES, Flag


SQUARE = 8
ROWS, COLUMNS = 9, 8
TOP, LEFT = 12, 12  # of the board's first square
FRAME = 4  # of plain grey around the squares
LINE_BYTES = ROWS - 1
LINES = FLAG_BYTES // LINE_BYTES
CAMERAS = ("crane", "gate")
FRAMES, FPS = 60, 1.0
_DARK, _GREY, _LIGHT = 25, 128, 230

Picture = NDArray[np.uint8]


def line_of(camera: int, frame: int) -> int:
    """Which line a frame shows: the second camera is half a flag ahead."""
    return (frame + camera * LINES // 2) % LINES


def hang(picture: Picture, flag: Flag, line: int) -> Picture:
    """The picture with that line of the flag on its board, uint8 [H, W, 3]."""
    shown = bytes([line]) + flag.secret[line * LINE_BYTES : (line + 1) * LINE_BYTES]
    squares = np.unpackbits(np.frombuffer(shown, np.uint8)).reshape(ROWS, COLUMNS)
    board = np.where(squares, _LIGHT, _DARK).astype(np.uint8)
    board = board.repeat(SQUARE, 0).repeat(SQUARE, 1)
    marked = picture.copy()
    edge = slice(TOP - FRAME, TOP + board.shape[0] + FRAME)
    marked[edge, LEFT - FRAME : LEFT + board.shape[1] + FRAME] = _GREY
    marked[TOP : TOP + board.shape[0], LEFT : LEFT + board.shape[1]] = board[:, :, None]
    return marked


def draw(folder: Path, flag: Flag) -> list[Path]:
    """Draw a world that never existed, with the board in it; one folder of pictures a camera."""
    specs = tuple(CameraSpec(id=camera, fps=FPS) for camera in CAMERAS)
    recipe = WorldRecipe(seed=secrets.randbits(32), duration=FRAMES / FPS, cameras=specs)
    world = World(recipe)
    drawn = []
    for number, camera in enumerate(CAMERAS):
        pictures = folder / camera
        pictures.mkdir(parents=True, mode=0o700)
        for index in range(FRAMES):
            picture, _ = world.frame(camera, index)
            marked = hang(picture, flag, line_of(number, index))
            cv2.imwrite(str(pictures / f"{index:06d}.png"), marked)
        drawn.append(pictures)
    return drawn
