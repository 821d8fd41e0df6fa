"""Any drawing of one digit → an image as MNIST's makers made theirs. The one place where this is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits.data_preprocessing import SIDE
from digits.errors import DigitsError
from digits.reading.ink import BLANK, Invert, Picture, find_ink
from digits.reading.margins import magnified
from digits.reading.opencv import cv2
from digits.reading.pieces import find_pieces, only, without_specks

BOX = 20  # MNIST's digits are scaled to fit a box of 20 × 20
FINE = 4  # stroke widths are measured and changed in a box so many times as large
THIN, THICK = 2.0, 3.2  # pixels of the box; MNIST has 1.9 to 2.7 in its middle half, 1.2 to 4.7 in all but 2 %
THINNED = 1.5  # pixels of the box by which strokes are made narrower, at most: an 8 with full loops would vanish
LONGEST = 1000  # pixels; what is larger is shrunk first: it ends as 20 pixels anyway


@dataclass(frozen=True)
class Preparation:
    """The way from ink to an image, for looking at.

    Attributes:
        ink: ``(height, width) uint8``: the ink in its bounding box.
        stroke_width: of its strokes, in pixels of MNIST's box, before it was changed.
        breadth: the same where they are wide: each place counts as much as the stroke is wide there.
        strokes: ``uint8``: the same ink with strokes as wide as MNIST has them.
        fitted: ``uint8``, its longer side 20 pixels.
        corner: row and column of the image at which ``fitted`` lies.
        image: ``(28, 28) uint8``, 0 paper, 255 ink.
    """

    ink: Picture
    stroke_width: float
    breadth: float
    strokes: Picture
    fitted: Picture
    corner: tuple[int, int]
    image: Picture

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the image's centre of mass, in pixels from its upper left corner; MNIST: 14.5."""
        mass = self.image.astype(np.float64)
        places = np.arange(SIDE) + 0.5
        total = max(float(mass.sum()), 1.0)
        return float(mass.sum(axis=1) @ places) / total, float(mass.sum(axis=0) @ places) / total


def prepare_digit(picture: Picture, invert: Invert = "auto") -> Picture:
    """Make a picture of one digit look like MNIST: light ink on black, scaled, centred.

    All ink on the picture is taken to be the digit, but for specks.

    Args:
        picture: ``(height, width)`` shades of grey or ``(height, width, 3)`` colours, ``uint8``, of any size.
        invert: whether the ink is lighter than the paper: "yes", "no", or "auto" to look.

    Returns:
        ``(28, 28) uint8``, 0 paper, 255 ink.

    Raises:
        DigitsError: if the picture has no pixels, or nothing on it stands out.
    """
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)) or picture.size == 0:
        raise DigitsError(f"the picture must have shape (height, width) with pixels in it; got {picture.shape}.")
    ink = find_ink(magnified(_limited(picture))[0], invert)
    pieces = without_specks(find_pieces(ink.mask))
    if not pieces:
        raise DigitsError(BLANK + ".")
    return as_mnist(only(pieces, ink.strength), ink.edge)


def as_mnist(strength: Picture, edge: int) -> Picture:
    """Fit ink into MNIST's frame, as LeCun et al. 1998 describe it (section III-A).

    The ink's bounding box is scaled into 20 × 20, keeping its proportions, with anti-aliasing, and placed in 28 × 28 so
    that its centre of mass is at the centre. Strokes thinner or thicker than MNIST's are brought to the nearest width
    that occurs there.

    Args:
        strength: ``(height, width) uint8``: how much ink is where; some, somewhere.
        edge: what is weaker is paper.

    Returns:
        ``(28, 28) uint8``, 0 paper, 255 ink.
    """
    return as_mnist_steps(strength, edge).image


def as_mnist_steps(strength: Picture, edge: int) -> Preparation:
    """Do the same, and show the way."""
    inked = strength >= min(max(edge, 1), int(strength.max()))
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    cropped = np.where(inked, strength, 0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    width, breadth, strokes = _with_usual_strokes(cropped)
    fitted = _fitted(strokes)
    corner, image = _centred(fitted)
    return Preparation(cropped, width, breadth, strokes, fitted, corner, image)


def stroke_widths(ink: Picture) -> NDArray[np.float32]:
    """How wide the strokes are along their middle, as shares of the longer side of ``ink``; empty if there are none."""
    mask = np.pad((ink >= 128).astype(np.uint8), 1)
    depths = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    ridge = (depths > 0) & (depths >= cv2.dilate(depths, np.ones((3, 3), np.uint8)))
    widths: NDArray[np.float32] = (2 * depths[ridge] - 1) / max(ink.shape)
    return widths


def _with_usual_strokes(ink: Picture) -> tuple[float, float, Picture]:
    """Make hairlines wider and markers thinner, until they are as wide as MNIST has them; and how wide they were."""
    fine = BOX * FINE
    scale = fine / max(ink.shape)
    size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
    drawn = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    drawn = cv2.convertScaleAbs(drawn, alpha=255 / max(1, int(drawn.max())))  # a hairline is pale by now
    widths = stroke_widths(drawn) * BOX
    width = float(widths.mean()) if widths.size else 0.0
    breadth = float((widths**2).sum() / widths.sum()) if width else 0.0
    if THIN <= width <= THICK or width == 0:
        return width, breadth, ink
    if width < THIN:
        steps = (THIN - width) * FINE
        border = int(np.ceil(steps / 2)) + 1
        framed = cv2.copyMakeBorder(drawn, *4 * (border,), cv2.BORDER_CONSTANT, value=0)
        return width, breadth, np.asarray(cv2.dilate(framed, _disc(steps)))
    disc = _disc(min(width - THICK, THINNED) * FINE)
    return width, breadth, np.asarray(cv2.erode(drawn, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0))


def _disc(diameter: float) -> Picture:
    size = max(1, round(diameter)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))


def _fitted(ink: Picture) -> Picture:
    """Scale so that the longer side is 20 pixels; what has that size already stays as it is."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = BOX / max(height, width)
    if scale == 1:
        return ink
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))


def _centred(ink: Picture) -> tuple[tuple[int, int], Picture]:
    """Place into 28 × 28 with the centre of mass at the centre, as near as whole pixels come and the edges allow."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    mass = ink.astype(np.float64)
    corner = []
    for axis, length in enumerate(ink.shape):
        centre = mass.sum(axis=1 - axis) @ np.arange(length) / max(mass.sum(), 1)
        corner.append(int(np.clip(round(SIDE / 2 - centre), 0, SIDE - length)))
    top, left = corner
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return (top, left), image


def _limited(picture: Picture) -> Picture:
    """The picture with at most ``LONGEST`` pixels a side."""
    scale = LONGEST / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
