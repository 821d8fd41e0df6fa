"""A pen: strokes, given by a few points, are drawn by an unsteady hand and placed as MNIST places its digits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import SIDE

CURVE = 5  # segments from one point of a curved stroke to the next
STROKES_REACH = 17.0  # pixels from the first to the last point of a shape, which half a pen goes beyond
UNSTEADY = 0.02, 0.3  # of a grid's step: the least and the largest standard deviation of the points of a shape
_ROWS, _COLUMNS = np.indices((SIDE, SIDE), np.float32)


def lines(strokes: str, random: np.random.Generator) -> list[Array]:
    """Strokes as lines from point to point: each point a little elsewhere, all slanted, wide or narrow.

    Args:
        strokes: the points of each, x and y as digits on a grid, y downwards; "~" before strokes that are curved. A
            comma between strokes, as in "00 60, ~30 36".
        random: whose hand it is.

    Returns:
        For each stroke ``(points, 2)``, x and y.
    """
    slant, width, unsteady = random.uniform(-0.3, 0.3), random.uniform(0.7, 1.3), random.uniform(*UNSTEADY)
    drawn = []
    for stroke in strokes.split(","):
        curved = "~" in stroke
        places = [(int(word[0]), int(word[1])) for word in stroke.replace("~", "").split()]
        points = places + random.normal(scale=unsteady, size=(len(places), 2))
        points = points @ np.array([[width, 0.0], [-slant, 1.0]])
        drawn.append(smooth(points) if curved else points)
    return drawn


def smooth(points: Array) -> Array:
    """A curve through the points: Catmull and Rom's cubics, in short straight segments."""
    before, after = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    padded = np.vstack([before, points, after])
    t = np.linspace(0, 1, CURVE, endpoint=False)[:, None]
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        cubic = t**3 * (3 * p1 - p0 - 3 * p2 + p3) + t**2 * (2 * p0 - 5 * p1 + 4 * p2 - p3) + t * (p2 - p0) + 2 * p1
        pieces.append(cubic / 2)
    return np.vstack([*pieces, points[-1:]])


def rendered(shapes: Sequence[Sequence[Array]], random: np.random.Generator) -> Array:
    """Draw strokes as a pen does: ink where a pixel is nearer to a line than half the pen's width.

    Args:
        shapes: each a list of lines ``(points, 2)``, x and y.
        random: where the width of each pen comes from.

    Returns:
        ``(n, 28, 28) float32`` 0…1: each fitted into 20 × 20 pixels, its centre of mass in the middle.
    """
    images = np.empty((len(shapes), SIDE, SIDE), np.float32)
    for image, strokes in zip(images, shapes, strict=True):
        segments = np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in strokes])
        low, high = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
        scale = STROKES_REACH / max(float((high - low).max()), 1e-3)
        segments = (segments - (low + high) / 2) * scale + (SIDE - 1) / 2
        half, soft = random.uniform(0.8, 1.8), random.uniform(0.6, 1.8)  # rims as sharp, and as blurred, as digits have
        np.clip((half - _distances(segments.astype(np.float32))) / soft + 0.5, 0, 1, out=image)
    return centred(images)


def _distances(segments: Array) -> Array:
    """How far each pixel of an image is from the nearest of ``(n, 2, 2)`` segments, in pixels."""
    start, along = segments[:, 0, :, None, None], (segments[:, 1] - segments[:, 0])[:, :, None, None]
    x, y = _COLUMNS - start[:, 0], _ROWS - start[:, 1]  # (n, 28, 28)
    share = x * along[:, 0] + y * along[:, 1]
    share /= np.maximum((along**2).sum(axis=1), np.float32(1e-6))
    np.clip(share, 0, 1, out=share)
    x -= share * along[:, 0]
    y -= share * along[:, 1]
    nearest: Array = np.sqrt((x * x + y * y).min(axis=0))
    return nearest


def centred(images: Array) -> Array:
    """Move each image by whole pixels so that its centre of mass is in the middle, as far as the edges allow."""
    for image in images:
        mass = max(float(image.sum()), 1e-6)
        for axis in (0, 1):
            inked = np.flatnonzero(image.any(axis=1 - axis))
            if len(inked):
                shift = round((SIDE - 1) / 2 - float(image.sum(axis=1 - axis) @ np.arange(SIDE)) / mass)
                shift = int(np.clip(shift, -inked[0], SIDE - 1 - inked[-1]))
                image[...] = np.roll(image, shift, axis=axis)
    return images
