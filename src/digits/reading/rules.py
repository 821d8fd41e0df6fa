"""Ruled paper: lines that run across the page are taken out, and the digits that stand on them are left whole.

A rule is long and straight, which no stroke of a digit is. Where all rules are paler than the pen, as they mostly are,
what they darken is taken off again, before anything is called ink. Rules as dark as the pen are taken out of the ink:
along them, wherever it is no thicker than the rule, there is only rule; where it is thicker, a stroke crosses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digits.activations import Array
from digits.reading.opencv import cv2

if TYPE_CHECKING:
    from digits.reading.ink import Mask, Picture

SCALE = 800  # pixels of the longer side on which rules are looked for
ALONE, AMONG = 0.75, 0.45  # of the page's width: how long a line must be, alone and among others: a 2's foot is half
SEVERAL = 3  # lines make ruled paper
SMALLEST = 60  # pixels of a side, below which there are no rules
GAP = 0.06  # of the page's width: longer ones end a line
CLOSEST = 6  # pixels, at that scale, between two rules in the middle of the page
MOST = 400  # segments
SLANT = 0.1  # how far from level or upright a rule may be: rows a column
THICKEST, THINNEST = 0.012, 4  # of the page's longer side, and pixels: how thick a rule may be on any page
FAINTEST = 4.0  # of 255, by which a rule is darker than the paper on both sides, at least
CLEAR = 6.0  # times the spread of the paper's grain, along a rule: the same
WHOLE = 0.6  # of its usual darkness that a rule has on three quarters of its way, at least
SLIGHT = 0.08  # of that: less is none
PARTS = 12  # of a rule, each of which may lie a little beside the straight line
PALE = 1.25  # times as dark as the rules are pens, at least
PENS = 0.001  # of the picture is that dark, at least
RIM = 0.3, 0.7  # of the way from a rule's darkness to a pen's: what is darker is a pen's rim, and its inside


def without_pale_rules(darkness: Picture) -> Picture:
    """Take off what rules darken, where pens are clearly darker than they.

    Where there is a rule, a pixel is as dark as that, or as a pen, or, on the rim of a stroke, something between.

    Args:
        darkness: ``(height, width) uint8``: how much darker than its paper each pixel is.

    Returns:
        The same for blank paper; ``darkness`` itself where there are no such rules.
    """
    views = darkness, darkness.T
    lines = [_level_lines(_thin_lines(_small(view)), len(view)) for view in views]
    if max(len(lines[0]), len(lines[1]) / 2) < SEVERAL:  # digits in columns look like rules sooner than those in lines
        return darkness
    rules = np.zeros(darkness.shape, np.float32)
    darkest = [
        _add_rule(seen, view, heights)
        for seen, view, found in zip((rules, rules.T), views, lines, strict=True)
        for heights, _ in found
    ]
    if not rules.any():
        return darkness
    usual = float(np.percentile([dark for dark in darkest if dark], 75))
    pens = darkness[(rules == 0) & (darkness > PALE * usual + FAINTEST)]
    if len(pens) < PENS * darkness.size:
        return darkness
    pen = float(np.percentile(pens, 20))
    ruled = np.nonzero(rules)
    paper = float(np.median(darkness[rules == 0]))
    rule = np.minimum(paper + rules[ruled], pen - 1)
    share = (darkness[ruled] - rule) / (pen - rule)
    blank = darkness.copy()
    blank[ruled] = darkness[ruled] * ((share - RIM[0]) / (RIM[1] - RIM[0])).clip(0, 1)
    return blank


def _thin_lines(small: Picture) -> Mask:
    """What is darker than the paper right above and below it, for some way."""
    height, width = small.shape
    calm = cv2.blur(small, (max(5, width // 60) | 1, 1))
    tall = max(7, round(2 * THICKEST * max(height, width))) | 1
    thin = calm - cv2.morphologyEx(calm, cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8))
    usual = float(np.median(thin))
    spread = float(np.median(np.abs(thin - usual)))
    return np.where(thin > max(FAINTEST, usual + CLEAR * spread), np.uint8(1), np.uint8(0))


def _add_rule(rules: Array, darkness: Picture, heights: tuple[float, float]) -> float:
    """Add to ``rules`` what a rule darkens, and say how dark it is there; 0 if it is none."""
    height, width = darkness.shape
    rows = _followed(darkness, heights)
    middle = rows[len(rows) // 2]
    on_page = (middle >= 0) & (middle < height)
    if on_page.sum() < AMONG * width:
        return 0.0
    columns = np.broadcast_to(np.arange(width), rows.shape)
    seen = np.flatnonzero(on_page)[:: _step(width)]
    paper, profile = _profile(darkness[rows[:, seen].clip(0, height - 1), seen])
    if profile.max() < FAINTEST:
        return 0.0
    inside = (rows >= 0) & (rows < height)
    rules[rows[inside], columns[inside]] += np.broadcast_to(profile, rows.shape)[inside]
    return paper + float(profile.max())


def _followed(darkness: Picture, heights: tuple[float, float]) -> NDArray[np.intp]:
    """The rows along a rule that is not quite straight: in each column the same number, the rule in the middle."""
    height, width = darkness.shape
    half = max(THINNEST, round(THICKEST * max(height, width)))
    around = np.arange(-half, half + 1)[:, np.newaxis]
    columns = np.arange(width)
    parts = np.array_split(columns[:: _step(width)], PARTS)
    centre = np.linspace(*heights, width)
    for _ in range(2):
        windows = (darkness[(np.rint(centre[part]).astype(int) + around).clip(0, height - 1), part] for part in parts)
        beside = np.array([np.median(window, axis=1).argmax() - half for window in windows], np.float64)
        usual = np.median(beside)
        beside[np.abs(beside - usual) > 2 + half / 3] = usual  # there, a stroke runs along the rule
        centre += np.interp(columns, [part.mean() for part in parts], beside)
    rows: NDArray[np.intp] = np.rint(centre).astype(int) + around
    return rows


def _step(width: int) -> int:
    """Every how many columns to look at: as many as on the scale on which rules are looked for are enough."""
    return max(1, width // SCALE)


def _profile(window: Picture) -> tuple[float, Array]:
    """How dark the paper along a rule is, and ``(rows, 1)`` how much darker the rule is; 0 where it is not whole."""
    usual, low = np.percentile(window, [50, 25], axis=1).astype(np.float32)
    paper = float(usual.min())
    profile = usual - paper
    middle = int(profile.argmax())
    profile[profile < SLIGHT * profile[middle]] = 0
    if low[middle] - paper < WHOLE * profile[middle]:
        profile[:] = 0
    return paper, np.asarray(cv2.dilate(profile[:, np.newaxis], np.ones((3, 1), np.uint8)))  # its rows were rounded


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
        lines = _level_lines((_small(view) >= 64).astype(np.uint8), len(view))
        ruled = ruled or (view is page and len(lines) >= SEVERAL)
        for heights, length in lines:
            if ruled or length >= ALONE:
                _erase(view, heights)
    return mask & page


def _small(picture: Picture) -> Picture:
    """The picture on the scale on which rules are looked for."""
    scale = min(1.0, SCALE / max(picture.shape))
    height, width = (max(1, round(side * scale)) for side in picture.shape)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def _level_lines(small: Mask, full: int) -> list[tuple[tuple[float, float], float]]:
    """Long lines from left to right: their heights at both edges of the page, and how much of its width they have.

    Args:
        small: 1 where there may be some, on a page of ``SCALE``.
        full: how high the page is on which the heights are wanted.
    """
    height, width = small.shape
    if min(height, width) < SMALLEST:
        return []
    thicker = cv2.dilate(small, np.ones((3, 1), np.uint8))  # a rule that climbs stays on a row for longer
    runs = cv2.morphologyEx(thicker, cv2.MORPH_OPEN, np.ones((1, max(12, width // 30)), np.uint8))
    tall = max(5, round(3.0 * THICKEST * max(small.shape)))
    runs -= runs & cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8))  # blots and strokes
    shortest = round(AMONG * width)
    if cv2.boundingRect(runs)[2] < shortest:
        return []
    segments = cv2.HoughLinesP(runs, 1, np.pi / 720, shortest // 2, None, shortest, round(GAP * width))
    lines: list[tuple[tuple[float, float], float]] = []
    for x0, y0, x1, y1 in [] if segments is None else segments.reshape(-1, 4).astype(float)[:MOST].tolist():
        slope = (y1 - y0) / max(x1 - x0, 1)
        left, right = y0 - slope * x0, y1 + slope * (width - 1 - x1)
        known = any(abs(left - other[0] + right - other[1]) / 2 < CLOSEST for other, _ in lines)
        if abs(slope) <= SLANT and not known:
            lines.append(((left, right), (x1 - x0) / width))
    larger = full / height
    return [((left * larger, right * larger), length) for (left, right), length in lines]


def _erase(mask: Mask, heights: tuple[float, float]) -> None:
    """Take out a line wherever the ink on it is no thicker than it is elsewhere; in place."""
    height, width = mask.shape
    thickest = max(THINNEST, round(THICKEST * max(mask.shape)))
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
