"""``scipy.ndimage.map_coordinates`` alone: the coordinates were all made before the clock started."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from benchmarks.contenders import SEED, Array
from benchmarks.peers import scipy_ndimage


class Warper(scipy_ndimage.Warper):
    """One call an image, nothing else."""

    def prepare(self) -> None:  # noqa: D102
        super().prepare()
        random = np.random.default_rng(SEED)
        self.ready = [self.coordinates(random) for _ in self.images]

    def warp(self, images: Array) -> Array:  # noqa: D102
        scaled = images * np.float32(1 / 255)
        warped = np.empty(images.shape, np.float32)
        for image, coordinates, result in zip(scaled, self.ready, warped, strict=False):
            ndimage.map_coordinates(image, coordinates, output=result, order=1)
        return warped
