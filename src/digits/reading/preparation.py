"""Any drawing of one digit → an image as MNIST's makers made theirs. The one place where this is done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digits.data_preprocessing import SIDE
from digits.errors import DigitsError

BOX = 20  # MNIST's digits are scaled to fit a box of 20 × 20
BLANK = "the picture is blank: nothing on it stands out from the paper."
MIN_CONTRAST = 16  # shades between paper and ink below which a picture counts as blank


def prepare_digit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a picture of one digit look like MNIST: light ink on black, scaled, centred.

    As described by LeCun et al. 1998 (section III-A): the ink's bounding box is scaled into 20 × 20, keeping its
    proportions, with anti-aliasing, and placed in 28 × 28 so that its centre of mass is at the centre.

    Args:
        picture: ``(height, width) uint8`` shades of grey; dark on light or light on dark, of any size.

    Returns:
        ``(28, 28) uint8``, 0 paper, 255 ink.

    Raises:
        DigitsError: if the picture has no pixels, or nothing on it stands out.
    """
    if picture.ndim != 2 or picture.size == 0:
        raise DigitsError(f"the picture must have shape (height, width) with pixels in it; got {picture.shape}.")
    ink, noise = _ink(picture)
    rows, columns = (np.flatnonzero((ink > noise).any(axis=axis)) for axis in (1, 0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fitted = _fitted(cropped)
    if not fitted.any():  # specks far apart, which vanish when the whole is scaled down
        raise DigitsError(BLANK)
    return _centred(fitted)


def _ink(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """How much ink is where, 0…255, and how much of it may be noise; the picture's edge is taken to be paper."""
    shades = picture.astype(np.int16)
    edge = np.concatenate([shades[0], shades[-1], shades[1:-1, 0], shades[1:-1, -1]])
    paper = int(np.median(edge))
    ink = shades - paper
    if -int(ink.min()) > int(ink.max()):  # the ink is darker than the paper
        ink = -ink
    contrast = int(ink.max())
    if contrast < MIN_CONTRAST:
        raise DigitsError(BLANK)
    noise = int(np.percentile(np.abs(edge - paper), 90)) * 255 // contrast
    scaled = ink.clip(0).astype(np.int32) * 255 // contrast
    return scaled.astype(np.uint8), min(noise, 127)


def _fitted(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale so that the longer side is 20 pixels; what has that size already stays as it is."""
    from PIL import Image

    height, width = ink.shape
    scale = BOX / max(height, width)
    if scale == 1:
        return ink
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))


def _centred(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place into 28 × 28 with the centre of mass at the centre, as near as whole pixels come and the edges allow."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    mass = ink.astype(np.float64)
    corner = []
    for axis, length in enumerate(ink.shape):
        centre = mass.sum(axis=1 - axis) @ np.arange(length) / mass.sum()
        corner.append(int(np.clip(round(SIDE / 2 - centre), 0, SIDE - length)))
    top, left = corner
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return image
