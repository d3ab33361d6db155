"""How a frame is stored: as a JPEG, good enough that a detector sees no difference.

The figures behind the two constants are in `docs/decisions/segment-format.md`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


QUALITY = 90
CHROMA = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444

_SETTINGS = [
    *(cv2.IMWRITE_JPEG_QUALITY, QUALITY),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, CHROMA),
]


def encode_bgr(picture: NDArray[np.uint8]) -> bytes:
    """The stored form of a BGR picture, the order in which OpenCV decodes video."""
    ok, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture), _SETTINGS)
    if not ok:
        message = f"a picture of shape {picture.shape} has no JPEG"
        raise ValueError(message)
    return encoded.tobytes()


def encode_rgb(picture: NDArray[np.uint8]) -> bytes:
    """The stored form of an RGB picture."""
    return encode_bgr(picture[:, :, ::-1])


def burn(picture: NDArray[np.uint8], masks: list[NDArray[np.int32]]) -> None:
    """Black out polygons, in place; their edges belong to them."""
    if masks:
        cv2.fillPoly(picture, masks, (0, 0, 0))
