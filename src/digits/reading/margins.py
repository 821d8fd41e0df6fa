"""Tiny pictures are made larger, and digits that were cut out to their very edges get paper around them again.

So data sets have them (USPS with 16 × 16 pixels, optdigits with 8 × 8), and programs that find digits themselves. By
its edge a picture shows its paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from digits.reading.opencv import cv2

if TYPE_CHECKING:
    from digits.reading.ink import Invert, Picture

TINY, LARGER = 20, 8  # pixels of the longer side up to which a picture is enlarged, and how many times
CUT_OUT = 160  # pixels of the longer side: on larger pictures, whoever took them left a margin
ALIKE = 0.1  # of the range from the darkest to the lightest, within which shades are one
MOSTLY = 0.25  # of the pixels that are as light, or as dark, as any: fewer, and this is no drawing on plain paper


def magnified(picture: Picture) -> tuple[Picture, int]:
    """Enlarge a tiny picture, smoothly, so that its strokes have rims.

    Args:
        picture: ``(height, width)`` or ``(height, width, 3)`` ``uint8``.

    Returns:
        The picture, and how many times as large it is: 1 if it is not tiny.
    """
    if max(picture.shape[:2]) > TINY:
        return picture, 1
    return np.asarray(cv2.resize(picture, None, fx=LARGER, fy=LARGER, interpolation=cv2.INTER_CUBIC)), LARGER


def with_margin(picture: Picture, invert: Invert = "auto") -> tuple[Picture, int]:
    """Put paper around a small picture whose ink reaches its edge.

    The paper is the lightest shade or the darkest, whichever more pixels have, and more at the edge.

    Args:
        picture: ``(height, width)`` or ``(height, width, 3)`` ``uint8``.
        invert: whether the ink is lighter than the paper: "yes", "no", or "auto" to look.

    Returns:
        The picture, and how many pixels were added on each side: 0 if it needs none.
    """
    if max(picture.shape[:2]) > CUT_OUT or min(picture.shape[:2]) < 3:
        return picture, 0
    shades = picture.mean(axis=2) if picture.ndim == 3 else picture.astype(float)
    edge = np.concatenate([shades[0], shades[-1], shades[1:-1, 0], shades[1:-1, -1]])
    low, high = float(shades.min()), float(shades.max())
    near = ALIKE * (high - low)
    shares = {
        shade: float((np.abs(shades - shade) <= near).mean() + (np.abs(edge - shade) <= near).mean()) / 2
        for shade in ((low,) if invert == "yes" else (high,) if invert == "no" else (low, high))
    }
    paper = max(shares, key=lambda shade: shares[shade])
    clear = np.abs(edge - paper) <= 2 * near
    if shares[paper] < MOSTLY or clear.all():
        return picture, 0
    margin = max(2, max(picture.shape[:2]) // 4)
    filling: Any = np.median(picture[np.abs(shades - paper) <= near], axis=0)
    height, width = picture.shape[:2]
    framed = np.empty((height + 2 * margin, width + 2 * margin, *picture.shape[2:]), np.uint8)
    framed[...] = filling
    framed[margin:-margin, margin:-margin] = picture
    return framed, margin
