"""``scipy.ndimage``, image by image, on one core: smoothed noise, affine coordinates, ``map_coordinates``.

This is Simard's augmentation as it stands in countless notebooks.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from benchmarks import contenders
from benchmarks.contenders import SEED, Array
from benchmarks.work import SIDE

MIDDLE = (SIDE - 1) / 2


class Warper(contenders.Warper):
    """Rows and columns are relative to the middle of the image while they are turned."""

    MOST = 1024

    def prepare(self) -> None:  # noqa: D102
        self.plane = np.indices((SIDE, SIDE)).astype(np.float32) - MIDDLE  # rows, columns
        # what smoothing leaves of the noise's standard deviation, so that the strength is in pixels
        impulse = np.zeros(8 * round(self.work.smoothness) + 1)
        impulse[len(impulse) // 2] = 1
        kernel = gaussian_filter(impulse, self.work.smoothness)
        self.amplitude = self.work.elastic / ((kernel**2).sum() * np.sqrt(1 / 3))

    def warp(self, images: Array) -> Array:  # noqa: D102
        random = np.random.default_rng(SEED)
        warped = np.empty(images.shape, np.float32)
        for image, result in zip(images, warped, strict=True):
            scaled = image * np.float32(1 / 255)
            map_coordinates(scaled, self.coordinates(random), output=result, order=1)
        return warped

    def coordinates(self, random: np.random.Generator) -> Array:
        """``(2, 28, 28)``: the row and the column that each pixel of a warped image is taken from."""
        angle, scale, shear, down, right = random.uniform(-1, 1, 5)
        angle = np.radians(angle * self.work.rotation)
        scale = 1 / (1 + scale * self.work.scale)
        shear = shear * self.work.shear
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        rows, columns = self.plane
        noise = 2 * random.random((2, SIDE, SIDE), dtype=np.float32) - 1
        elastic = [self.amplitude * gaussian_filter(field, self.work.smoothness, mode="constant") for field in noise]
        return np.stack([
            sin * columns + (sin * shear + cos) * rows + elastic[0] + MIDDLE + down * self.work.shift,
            cos * columns + (cos * shear - sin) * rows + elastic[1] + MIDDLE + right * self.work.shift,
        ])  # fmt: skip
