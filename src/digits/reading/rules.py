"""Ruled paper: lines that run across the page are taken out, and the digits that stand on them are left whole.

A rule is long and straight, which no stroke of a digit is. Along it, wherever the ink is no thicker than the rule,
there is only rule; where it is thicker, a stroke crosses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digits.reading.ink import Mask
from digits.reading.opencv import cv2

SCALE = 800  # pixels of the longer side on which rules are looked for
ALONE, AMONG = 0.75, 0.45  # of the page's width: how long a line must be, alone and among others: a 2's foot is half
SEVERAL = 3  # lines make ruled paper
SMALLEST = 60  # pixels of a side, below which there are no rules
GAP = 0.06  # of the page's width: longer ones end a line
CLOSEST = 6  # pixels, at that scale, between two rules in the middle of the page
MOST = 400  # segments
SLANT = 0.1  # how far from level or upright a rule may be: rows a column
THICKEST = 0.012  # of the page's longer side


def without_rules(mask: Mask, faint: Mask) -> Mask:
    """Take out the rules, level and upright ones.

    Args:
        mask: ``(height, width) uint8``, 255 where there is ink.
        faint: the same for ink that may be weaker, so that pale rules have fewer gaps.

    Returns:
        ``mask`` without the rules: a copy.
    """
    page = faint.copy()
    ruled = False  # upright lines alone may be ones, in a picture as high as they are
    for view in (page, page.T):
        lines = _level_lines(np.ascontiguousarray(view))
        ruled = ruled or (view is page and len(lines) >= SEVERAL)
        for heights, length in lines:
            if ruled or length >= ALONE:
                _erase(view, heights)
    return mask & page


def _level_lines(mask: Mask) -> list[tuple[tuple[float, float], float]]:
    """Long lines from left to right: their heights at both edges of the page, and how much of its width they have."""
    scale = min(1.0, SCALE / max(mask.shape))
    height, width = (max(1, round(side * scale)) for side in mask.shape)
    if min(height, width) < SMALLEST:
        return []
    small = (cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) >= 64).astype(np.uint8)
    thicker = cv2.dilate(small, np.ones((3, 1), np.uint8))  # a rule that climbs stays on a row for longer
    runs = cv2.morphologyEx(thicker, cv2.MORPH_OPEN, np.ones((1, max(12, width // 30)), np.uint8))
    tall = max(5, round(3.0 * THICKEST * max(small.shape)))
    runs -= runs & cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8))  # blots and strokes
    shortest = round(AMONG * width)
    segments = cv2.HoughLinesP(runs, 1, np.pi / 720, shortest // 2, None, shortest, round(GAP * width))
    lines: list[tuple[tuple[float, float], float]] = []
    for x0, y0, x1, y1 in [] if segments is None else segments.reshape(-1, 4).astype(float)[:MOST].tolist():
        slope = (y1 - y0) / max(x1 - x0, 1)
        left, right = y0 - slope * x0, y1 + slope * (width - 1 - x1)
        known = any(abs(left - other[0] + right - other[1]) / 2 < CLOSEST for other, _ in lines)
        if abs(slope) <= SLANT and not known:
            lines.append(((left, right), (x1 - x0) / width))
    return [((left / scale, right / scale), length) for (left, right), length in lines]


def _erase(mask: Mask, heights: tuple[float, float]) -> None:
    """Take out a line wherever the ink on it is no thicker than it is elsewhere; in place."""
    height, width = mask.shape
    thickest = max(3, round(THICKEST * max(mask.shape)))
    around = np.arange(-2 * thickest, 2 * thickest + 1)[:, np.newaxis]
    columns = np.arange(width)
    for _ in range(2):  # a rule on paper is not quite straight: follow it
        rows = np.linspace(*heights, width).round().astype(int) + around
        inside = (rows >= 0) & (rows < height)
        window = (mask[rows.clip(0, height - 1), columns] > 0) & inside
        top, bottom = _runs(window)
        thickness = bottom - top
        on_line = (thickness > 0) & (thickness <= thickest)
        if on_line.sum() < AMONG * width / 2:
            return
        offset = float(np.median((top + bottom)[on_line] / 2)) - 2 * thickest
        heights = heights[0] + offset, heights[1] + offset
    usual = int(np.percentile(thickness[on_line], 60)) + 2
    thin = on_line & (thickness <= usual)
    erased = (np.arange(len(around))[:, np.newaxis] >= top) & (np.arange(len(around))[:, np.newaxis] < bottom) & thin
    across = np.broadcast_to(columns, erased.shape)
    mask[rows[erased], across[erased]] = 0


def _runs(window: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each column the run of ink that is nearest to the middle row: its first row, and the one after its last."""
    rows = len(window)
    middle = rows // 2
    reach = 2 + middle // 4
    near = np.abs(np.arange(rows) - middle)[:, np.newaxis]
    distance = np.where(window, near, rows)
    start = distance.argmin(axis=0)
    found = distance.min(axis=0) <= reach
    index = np.arange(rows)[:, np.newaxis]
    paper_above = np.where(~window & (index < start), index, -1).max(axis=0) + 1
    paper_below = np.where(~window & (index > start), index, rows).min(axis=0)
    return np.where(found, paper_above, 0), np.where(found, paper_below, 0)
