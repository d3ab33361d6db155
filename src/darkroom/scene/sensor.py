"""What the camera's electronics do: gain, colour cast, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray


_BYTES_DEVIATION = (4 * (256**2 - 1) / 12) ** 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One camera's sensor.

    Attributes:
        gain: Brightness factor.
        cast: Factor per colour channel.
        noise: Standard deviation in grey levels, before the shot noise.
        phase: Phase of this camera's light changes in radians.
    """

    gain: float
    cast: tuple[float, float, float]
    noise: float
    phase: float

    @classmethod
    def draw(cls, rng: np.random.Generator, noise: float) -> Self:
        """Draw a sensor around a level of noise."""
        red, green, blue = rng.uniform(0.93, 1.07, size=3)
        return cls(
            gain=rng.uniform(0.9, 1.1),
            cast=(float(red), float(green), float(blue)),
            noise=noise * rng.uniform(0.8, 1.2),
            phase=rng.uniform(0.0, 2.0 * np.pi),
        )

    def expose(self, light: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Turn light into a picture.

        Args:
            light: What arrives, 255 being white, float32 [H, W, 3].
            rng: The stream of this frame's noise.

        Returns:
            uint8 [H, W, 3].
        """
        factor = np.array(self.cast, dtype=np.float32) * np.float32(self.gain)
        seen = cv2.GaussianBlur(light, (3, 3), 0.6).astype(np.float32, copy=False)
        height, width, _ = seen.shape
        # a row at a time: numpy is slow at three numbers a time
        seen = (seen.reshape(height, -1) * np.tile(factor, width)).reshape(seen.shape)
        grain = _grain(rng, seen.shape)
        # adds, rounds and clips in one pass
        digital = cv2.addWeighted(seen, 1.0, grain, self.noise, 0.0, dtype=cv2.CV_8U)
        return digital.astype(np.uint8, copy=False)


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Noise of deviation 1: four random bytes added up (Irwin-Hall), near Gaussian.

    It ends at 3.5 deviations and costs a fifth of `standard_normal`.
    """
    count = int(np.prod(shape))
    words = rng.integers(0, 2**64, size=(count + 1) // 2, dtype=np.uint64)
    # a word has the four bytes of two values, as two pairs per half
    pairs = words.view(np.uint16)
    sums = (pairs & 0xFF) + (pairs >> 8)
    total = (sums[0::2] + sums[1::2])[:count].astype(np.float32)
    total -= 510.0
    total /= np.float32(_BYTES_DEVIATION)
    return total.reshape(shape)
