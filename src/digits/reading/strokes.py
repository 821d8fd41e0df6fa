"""Strokes of a pen → a picture, as a scanner would have made one of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from digits.reading.ink import Picture
from digits.reading.opencv import cv2

Point = tuple[float, float, float]  # x, y, and how wide the pen's trace is there
FINER = 2  # the strokes are drawn so many times as large, for smooth rims


def draw_strokes(strokes: Sequence[Sequence[Point]], width: int, height: int, scale: float = 1.0) -> Picture:
    """Draw strokes, black on white.

    Args:
        strokes: each a line through its points; a stroke of one point is a dot.
        width: of the paper that the points are on.
        height: likewise.
        scale: pixels of the picture for one unit of the paper.

    Returns:
        ``(height · scale, width · scale) uint8``.
    """
    size = max(1, round(width * scale)), max(1, round(height * scale))
    paper = np.full((size[1] * FINER, size[0] * FINER), 255, np.uint8)
    for stroke in strokes:
        points = [((round(x * scale * FINER), round(y * scale * FINER)), w * scale * FINER) for x, y, w in stroke]
        for centre, wide in points:
            cv2.circle(paper, centre, max(1, round(wide / 2)), 0, -1)
        for (start, wide), (end, wider) in pairwise(points):
            cv2.line(paper, start, end, 0, max(1, round((wide + wider) / 2)))
    return np.asarray(cv2.resize(paper, size, interpolation=cv2.INTER_AREA))
