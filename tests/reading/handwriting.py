"""Writing MNIST's digits onto pages, for the tests of reading."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.uint8]


def enlarged(image: Ink, tall: int) -> Ink:
    """A digit without its margins, so many pixels high: 255 ink, 0 paper, with a pen's sharp edge."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    cropped = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / 255
    size = max(2, round(cropped.shape[1] * tall / cropped.shape[0])), tall
    large = cv2.GaussianBlur(cv2.resize(cropped, size, interpolation=cv2.INTER_CUBIC), (0, 0), 0.04 * tall)
    return ((4 * (large - 0.5) + 0.5).clip(0, 1) * 255).astype(np.uint8)


def put(canvas: Ink, ink: Ink, left: int, top: int) -> None:
    """Add ink to a page, in place."""
    place = canvas[top : top + ink.shape[0], left : left + ink.shape[1]]
    np.maximum(place, ink, out=place)


def written(images: Sequence[Ink], tall: int = 56, gap: int = 14, margin: int = 30) -> Ink:
    """Digits side by side: 255 ink, 0 paper. With a negative gap they touch."""
    drawn = [enlarged(image, tall) for image in images]
    width = sum(ink.shape[1] for ink in drawn) + gap * (len(drawn) - 1)
    canvas = np.zeros((tall + 2 * margin, width + 2 * margin), np.uint8)
    left = margin
    for ink in drawn:
        put(canvas, ink, left, margin)
        left += ink.shape[1] + gap
    return canvas


def coloured(ink: Ink, pen: Sequence[int], paper: Sequence[int]) -> Ink:
    """Ink of one colour on paper of another."""
    share = ink[..., np.newaxis] / 255
    return np.asarray(share * np.array(pen) + (1 - share) * np.array(paper)).round().astype(np.uint8)


def turned(canvas: Ink, degrees: float, paper: int = 0) -> Ink:
    """The same page, turned about its middle."""
    height, width = canvas.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(canvas, matrix, (width, height), borderValue=(paper,) * 3))
