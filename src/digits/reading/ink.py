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
from digits.reading.margins import with_margin
from digits.reading.opencv import cv2
from digits.reading.rules import without_pale_rules

Picture = NDArray[np.uint8]
Mask = NDArray[np.uint8]  # 255 where it holds, 0 elsewhere, as OpenCV has them
Invert = Literal["auto", "yes", "no"]

BLANK = "the picture is blank: nothing on it stands out from the paper"
TOO_FAINT = "too faint: something stands out from the paper, but by so little that it may be none"
MIN_CONTRAST = 16  # of 255 between paper and ink; below, a picture counts as blank
FAINTEST = 6  # the same for what is said to be too faint
SMALL = 256  # pixels of the longer side, on which the paper is estimated: paper and light have no details
TINY = 160  # the same for a first guess
FITTED = 4_000  # pixels, at least, that the surface of the paper is fitted to
AROUND = 0.2  # of the longer side: strokes differ from what is so far around them; paper in a shadow does not
STROKE = 0.15  # of the shorter side: a drawing's strokes are no deeper; what is deeper may be a shadow, or a table
FAR = 2.5  # times the spread of the paper's shades: what is farther from the paper is no paper
GRAINY = 0.03  # of a drawing's pixels, at most, are hardly darker than paper: the rims of strokes are
LEAST_SPREAD = 2.0  # of 255: grain below is rounding
ROUGH = 1.3  # times the usual difference of pixels 8 apart: more is not grain, but light
FLAT = 6  # standard deviations of the paper's grain that ink stands out by, at least
FAINT = 0.2  # of the usual ink's strength, from which on a pixel counts as ink
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
        even: ``(height, width) uint8``: the picture under even light, dark ink on white, no pale rules; for looking at.
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
        DigitsError: if nothing stands out from the paper, or too little.
    """
    picture, margin = with_margin(picture, invert)
    small = _shrunk(picture, SMALL)
    drawing = invert == "auto" and not margin and _is_drawing(small)
    lighter, light = _plain_light(small) if drawing else _light(small)
    inverted = bool(lighter.clip(0).sum() > (-lighter).clip(0).sum()) if invert == "auto" else invert == "yes"
    if inverted:
        picture, small, lighter, light = ~picture, ~small, -lighter, 255 - light
    shares = (-lighter).clip(0) if (lighter < 0).any() else np.ones(len(lighter))
    shares /= shares.sum()
    picture, small = (_mixed(colours, shares) for colours in (picture, small))
    light = np.rint(np.round(light @ shares, 6)).astype(np.int16)
    paper = _uint8(light.clip(0, 255)) if drawing else _paper(small, light)
    difference = _against_paper(picture, paper)
    if not drawing:
        difference = without_pale_rules(difference)
    strength, edge, grain = _normalised(difference)
    grainy = grain if drawing else _as_large(_in_the_dark(grain, paper), picture)
    mask, faint = (
        np.where(strength >= np.maximum(grainy, max(round(255 * least), edge)), np.uint8(255), np.uint8(0))
        for least in (FAINT, FAINT / 2)
    )
    strength, mask, faint, even = (
        array[margin : array.shape[0] - margin, margin : array.shape[1] - margin]
        for array in (strength, mask, faint, ~difference)
    )
    return Ink(strength, mask, faint, edge, inverted, even)


def _shrunk(picture: NDArray[Any], longest: int) -> NDArray[Any]:
    """The picture with at most so many pixels on its longer side."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _is_drawing(small: Picture) -> bool:
    """Whether this is a drawing on paper of exactly one shade: all along the edge, and between narrow strokes."""
    paper = small[0, 0]
    if not all((side == paper).all() for side in (small[0], small[-1], small[:, 0], small[:, -1])):
        return False
    apart = np.abs(small.astype(np.int16) - paper).reshape(*small.shape[:2], -1).max(axis=2)
    inked = (apart > 0).astype(np.uint8)
    grainy = np.count_nonzero(inked) - np.count_nonzero(apart > FAR * LEAST_SPREAD)
    depths = cv2.distanceTransform(inked, cv2.DIST_L2, 3)
    return bool(grainy <= GRAINY * inked.size and depths.max() <= STROKE * min(inked.shape))


def _plain_light(small: Picture) -> tuple[Array, Array]:
    """What ``_light`` says of a drawing: all light is that at its edge."""
    image = small.reshape(*small.shape[:2], -1)
    light = np.broadcast_to(image[0, 0].astype(np.float64), image.shape)
    residues = image.astype(np.int16) - image[0, 0]
    inked = np.abs(residues).max(axis=2) > LEAST_SPREAD * FAR
    lighter: Array = residues[inked].mean(axis=0, dtype=np.float64) if inked.any() else np.zeros(image.shape[2])
    return lighter, light


def _light(small: Picture) -> tuple[Array, Array]:
    """By how much lighter, or darker, the ink is than the paper, and how light the paper is, in each colour.

    The paper is taken for a parabola, fitted again and again without the pixels that are far from it. It starts at the
    edge of the picture, which is paper as a rule, and can follow a vignette, but not a stroke. Strokes are far from it,
    and so may be paper in a shadow. But strokes are narrow: they differ from what is around them as well.

    Returns:
        ``(colours,)`` and ``(height, width, colours)``; shades of grey are one colour.
    """
    height, width = small.shape[:2]
    image = small.reshape(height, width, -1)
    step = (height * width // FITTED) | 1  # odd, so that not always the same columns are taken
    colours = image.reshape(height * width, -1)[::step].astype(np.float64)
    row, column = np.divmod(np.arange(0, height * width, step), width)
    at_edge = (row == 0) | (row == height - 1) | (column == 0) | (column == width - 1)
    terms = np.stack(_parabola(2 * row / height - 1, 2 * column / width - 1), axis=-1)
    residues = colours - np.median(colours[at_edge], axis=0)
    paper = np.zeros(len(terms), np.bool_)
    for _ in range(6):
        far = np.abs(residues).max(axis=1)
        spread = max(LEAST_SPREAD, 1.5 * float(np.median(far[at_edge])), 1.5 * float(np.median(far)))
        before, paper = paper, far <= FAR * spread
        if np.array_equal(paper, before):
            break
        surface, *_ = np.linalg.lstsq(terms[paper], colours[paper], rcond=1e-6)
        residues = np.round(colours - terms @ surface, 6)  # the negative of a picture has the same, to the bit
    inked = np.abs(residues).max(axis=1) > FAR * spread
    narrow = np.round(image - _around(image.astype(np.float32)).reshape(image.shape), 3)
    sampled = narrow.reshape(height * width, -1)[::step]
    lighter: Array = sampled[inked].mean(axis=0, dtype=np.float64) if inked.any() else np.zeros(colours.shape[1])
    rows, columns = (2 * np.arange(side)[:, np.newaxis] / side - 1 for side in (height, width))
    light = sum(term[..., np.newaxis] * share for term, share in zip(_parabola(rows, columns.T), surface, strict=True))
    return lighter, np.broadcast_to(light, image.shape)


def _parabola(y: Array, x: Array) -> tuple[Array, ...]:
    """The terms of a parabola in two variables."""
    return np.ones_like(x), x, y, x * x, x * y, y * y


def _around(image: NDArray[Any]) -> NDArray[Any]:
    """The mean of what is around each pixel."""
    side = round(AROUND * max(image.shape[:2])) | 1
    return np.asarray(cv2.blur(image, (side, side)))


def _mixed(picture: Picture, shares: Array) -> Picture:
    """One shade of grey from the colours in which the ink is darker than the paper: ``shares`` of each."""
    if picture.ndim == 2:
        return picture
    return _uint8(cv2.transform(picture, shares[np.newaxis].astype(np.float32)))


def _paper(small: Picture, light: NDArray[np.int16]) -> Picture:
    """The paper under the ink: a morphological closing, by a disc wider than any stroke, smoothed.

    What is closed is the difference from the light, which has no slope: at the edge of a slope, a closing is too light.
    How wide strokes are is measured on a first guess, made with a disc that is surely too wide.
    """
    tiny, tiny_light = _shrunk(small, TINY), _shrunk(light, TINY)
    scale = max(small.shape) / max(tiny.shape)
    wide = max(3, round(0.4 * min(tiny.shape)))
    darkness = _against_paper(tiny, _closed(tiny, tiny_light, wide))
    darkness = _uint8(cv2.subtract(darkness, _around(darkness)))
    threshold, _ = cv2.threshold(darkness, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    mask = np.pad((darkness > max(threshold, MIN_CONTRAST)).astype(np.uint8), 1)
    depths = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    ridge = depths[(depths > 0) & (depths >= cv2.dilate(depths, np.ones((3, 3), np.uint8)))]
    stroke = 2 * float(np.percentile(ridge, 95)) if len(ridge) else 0.0
    return _closed(small, light, int(min(scale * wide, max(7, 3 * scale * (stroke - 1) + 3))))


def _closed(small: Picture, light: NDArray[np.int16], size: int) -> Picture:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size | 1, size | 1))
    calm = cv2.medianBlur(small, 3) if min(small.shape[:2]) > 3 else small
    uneven = calm - light
    lightest = uneven.max()
    depths = cv2.distanceTransform(np.where(uneven < lightest, np.uint8(1), np.uint8(0)), cv2.DIST_L2, 3)
    if 1.1 * depths.max() < size // 2:  # wherever the disc lies, there is paper in it, all of one shade: a drawing
        return _uint8((lightest + light).clip(0, 255))
    closed = cv2.morphologyEx(uneven, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.GaussianBlur(closed, (0, 0), max(1.0, size / 6), borderType=cv2.BORDER_REPLICATE)
    return _uint8((smooth + light).clip(0, 255))


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
    above = min(above, round(ROUGH * _roughness(darkness)))
    grain = floor + max(2, round(FLAT * above / 0.95))  # quartile of the half above: 0.95 σ of a half normal
    inked = histogram.copy()
    inked[: min(max(MIN_CONTRAST, min(grain, 100)), 255)] = 0
    if not inked.any():
        raise DigitsError((TOO_FAINT if histogram[max(FAINTEST, grain) :].any() else BLANK) + ".")
    rank = inked.cumsum()
    full = int(np.searchsorted(rank, 0.8 * rank[-1]))
    strength = cv2.convertScaleAbs(darkness, alpha=255 / full)
    edge = round(255 * max(EDGE, min(0.5, min(grain, 100) / full)))
    if above == 0 and floor == 0:  # no grain at all: drawn by a computer
        edge = round(255 * 0.03)
    return _uint8(strength), edge, round(255 * min(grain, 100) / full)


def _roughness(darkness: Picture) -> float:
    """The usual difference of pixels eight apart on inked or grainy paper: JPEG smooths what is nearer."""
    sampled = darkness[:: 1 + len(darkness) // SMALL].astype(np.int16)
    differences = np.abs(sampled[:, 8:] - sampled[:, :-8])[sampled[:, 8:] > 0]
    return float(np.median(differences)) if differences.size else 0.0


def _uint8(array: Any) -> Picture:
    """For the type checker: OpenCV returns what it was given."""
    return np.asarray(array, np.uint8)
