"""Where is ink on a picture? Paper, light and polarity are taken away; what is left is how much ink is where.

A pixel is as dark as the paper is there, times the light that falls on it, times what the ink lets through. So the
paper is estimated first, as it would be without ink, and each pixel divided by it: shadows and vignettes cancel out
(as in Gonzalez and Woods, "Digital Image Processing", section 10.3, on thresholds under uneven light).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digits.activations import Array
from digits.errors import DigitsError
from digits.reading.opencv import cv2

Picture = NDArray[np.uint8]
Mask = NDArray[np.uint8]  # 255 where it holds, 0 elsewhere, as OpenCV has them
Invert = Literal["auto", "yes", "no"]

BLANK = "the picture is blank: nothing on it stands out from the paper"
MIN_CONTRAST = 16  # of 255 between paper and ink; below, a picture counts as blank
SMALL = 256  # pixels of the longer side, on which the paper is estimated: paper and light have no details
TINY = 160  # the same for a first guess
FITTED = 8_000  # pixels, at least, that the surface of the paper is fitted to
FLAT = 6  # standard deviations of the paper's grain that ink stands out by, at least
FAINT = 0.3  # of the usual ink's strength, from which on a pixel counts as ink
EDGE = 0.12  # the same for the outermost pixels of a stroke, which are half paper


@dataclass(frozen=True)
class Ink:
    """How much ink is where.

    Attributes:
        strength: ``(height, width) uint8``: 0 paper, 255 as much ink as the strokes have in their middle.
        mask: ``(height, width) uint8``: 255 where there is ink, 0 elsewhere.
        faint: the same, with what is weaker too; some of it may be the paper's grain.
        edge: the strength from which on the rim of a stroke is told from the paper's grain, 0…255.
        inverted: whether the ink is lighter than the paper.
        even: ``(height, width) uint8``: the picture under even light, dark ink on white; for looking at.
    """

    strength: Picture
    mask: Mask
    faint: Mask
    edge: int
    inverted: bool
    even: Picture


def find_ink(picture: Picture, invert: Invert = "auto") -> Ink:
    """Tell ink from paper.

    Args:
        picture: ``(height, width)`` shades of grey or ``(height, width, 3)`` colours, ``uint8``.
        invert: whether the ink is lighter than the paper: "yes", "no", or "auto" to look.

    Raises:
        DigitsError: if nothing stands out from the paper.
    """
    small = _shrunk(picture, SMALL)
    lighter = _how_ink_differs(small)
    inverted = bool(lighter.clip(0).sum() > (-lighter).clip(0).sum()) if invert == "auto" else invert == "yes"
    if inverted:
        picture, small, lighter = ~picture, ~small, -lighter
    shares = (-lighter).clip(0) if (lighter < 0).any() else np.ones(len(lighter))
    picture, small = (_mixed(colours, shares / shares.sum()) for colours in (picture, small))
    paper = _paper(small)
    difference = _against_paper(picture, paper)
    strength, edge, grain = _normalised(difference)
    grainy = _as_large(_in_the_dark(grain, paper), picture)
    mask, faint = (
        np.where(strength >= np.maximum(grainy, max(round(255 * least), edge)), np.uint8(255), np.uint8(0))
        for least in (FAINT, FAINT / 2)
    )
    return Ink(strength, mask, faint, edge, inverted, ~difference)


def _shrunk(picture: Picture, longest: int) -> Picture:
    """The picture with at most so many pixels on its longer side."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return _uint8(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _how_ink_differs(small: Picture) -> Array:
    """By how much lighter, or darker, the ink is than the paper, in each colour: ``(3,)``, or ``(1,)`` of greys.

    The paper is taken for a parabola, fitted again and again without the pixels that are far from it. It starts at the
    edge of the picture, which is paper as a rule, and can follow a vignette, but not a stroke.
    """
    height, width = small.shape[:2]
    step = (height * width // FITTED) | 1  # odd, so that not always the same columns are taken
    colours = small.reshape(height * width, -1)[::step].astype(np.float64)
    row, column = np.divmod(np.arange(0, height * width, step), width)
    at_edge = (row == 0) | (row == height - 1) | (column == 0) | (column == width - 1)
    y, x = 2 * row / height - 1, 2 * column / width - 1
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    residues = colours - np.median(colours[at_edge], axis=0)
    for _ in range(6):
        far = np.abs(residues).max(axis=1)
        spread = max(2.0, 1.5 * float(np.median(far[at_edge])), 1.5 * float(np.median(far)))
        paper = far <= 2.5 * spread
        surface, *_ = np.linalg.lstsq(terms[paper], colours[paper], rcond=1e-6)
        residues = np.round(colours - terms @ surface, 6)  # the negative of a picture has the same, to the bit
    inked = np.abs(residues).max(axis=1) > 2.5 * spread
    lighter: Array = residues[inked].mean(axis=0) if inked.any() else np.zeros(colours.shape[1])
    return lighter


def _mixed(picture: Picture, shares: Array) -> Picture:
    """One shade of grey from the colours in which the ink is darker than the paper: ``shares`` of each."""
    if picture.ndim == 2:
        return picture
    return _uint8(cv2.transform(picture, shares[np.newaxis].astype(np.float32)))


def _paper(small: Picture) -> Picture:
    """The paper under the ink: a morphological closing, by a disc wider than any stroke, smoothed.

    How wide strokes are is measured on a first guess, made with a disc that is surely too wide.
    """
    tiny = _shrunk(small, TINY)
    scale = max(small.shape) / max(tiny.shape)
    wide = max(3, round(0.4 * min(tiny.shape)))
    darkness = _against_paper(tiny, _closed(tiny, wide))
    threshold, _ = cv2.threshold(darkness, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    mask = (darkness > max(threshold, MIN_CONTRAST)).astype(np.uint8)
    depths = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    stroke = 2 * float(np.percentile(depths[depths > 0], 95)) if mask.any() else 0.0
    return _closed(small, int(min(scale * wide, max(7, 3 * scale * (stroke - 1) + 3))))


def _closed(small: Picture, size: int) -> Picture:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size | 1, size | 1))
    calm = cv2.medianBlur(small, 3) if min(small.shape[:2]) > 3 else small
    closed = cv2.morphologyEx(calm, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REPLICATE)
    return _uint8(cv2.GaussianBlur(closed, (0, 0), max(1.0, size / 6), borderType=cv2.BORDER_REPLICATE))


def _against_paper(picture: Picture, paper: Picture) -> Picture:
    """How much darker than its paper each pixel is, as a share of 255; nothing is darker than black paper."""
    paper = _as_large(paper, picture)
    share = cv2.divide(picture, paper, scale=255)  # saturates at 255, and is 0 over 0
    return np.where(paper > 0, ~_uint8(share), np.uint8(0))


def _as_large(small: Picture, picture: Picture) -> Picture:
    """Enlarge to the size of the picture."""
    height, width = picture.shape[:2]
    if small.shape[:2] == (height, width):
        return small
    return _uint8(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _in_the_dark(grain: int, paper: Picture) -> Picture:
    """The grain's strength everywhere: where there is half as much light, dividing by it makes twice as much grain."""
    light = paper.astype(np.float64)
    return _uint8((grain * (np.median(light) / light.clip(1)).clip(1, None)).clip(0, 255))


def _normalised(darkness: Picture) -> tuple[Picture, int, int]:
    """Scale so that the usual ink has 255; return that, the strength at which a rim is ink, and that of the grain."""
    histogram = np.bincount(darkness.ravel(), minlength=256)
    total = histogram.cumsum()
    floor = int(np.searchsorted(total, total[-1] / 2))  # half of the pixels are surely paper
    above = int(np.searchsorted(total, 0.75 * total[-1])) - floor
    grain = floor + max(2, round(FLAT * above / 0.95))  # quartile of the half above: 0.95 σ of a half normal
    inked = histogram.copy()
    inked[: min(max(MIN_CONTRAST, min(grain, 100)), 255)] = 0
    if not inked.any():
        raise DigitsError(BLANK + ".")
    rank = inked.cumsum()
    full = int(np.searchsorted(rank, 0.8 * rank[-1]))
    strength = cv2.convertScaleAbs(darkness, alpha=255 / full)
    edge = round(255 * max(EDGE, min(0.5, min(grain, 100) / full)))
    if above == 0 and floor == 0:  # no grain at all: drawn by a computer
        edge = round(255 * 0.03)
    return _uint8(strength), edge, round(255 * min(grain, 100) / full)


def _uint8(array: Any) -> Picture:
    """For the type checker: OpenCV returns what it was given."""
    return np.asarray(array, np.uint8)
