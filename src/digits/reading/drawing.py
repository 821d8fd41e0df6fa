"""Answers drawn onto the picture that they were read from."""

from __future__ import annotations

import numpy as np

from digits.reading.ink import Picture
from digits.reading.page import Digit, Page

READ, REFUSED = (0, 114, 178), (213, 94, 0)  # blue and vermilion of Okabe and Ito (2008): told apart by everybody


def annotated(picture: Picture, page: Page) -> Picture:
    """The picture with a box around each shape and what it was read as above it: the digit, or "?" or "x".

    Args:
        picture: ``(height, width, 3) uint8``.
        page: what was read on it.

    Returns:
        Another picture, as large.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture).convert("RGB")
    draw = ImageDraw.Draw(image)
    for digit in page.digits:
        left, top, width, height = digit.box
        colour = READ if digit.label is not None else REFUSED
        size = max(11, round(0.42 * height))
        pad = max(2, round(0.06 * height))
        box = (left - pad, top - pad, left + width + pad, top + height + pad)
        draw.rectangle(box, outline=colour, width=max(1, round(height / 40)))
        font = ImageFont.load_default(size)
        place = (box[0], max(0, box[1] - size))
        edges = draw.textbbox(place, _sign(digit), font=font)
        draw.rectangle((edges[0] - 2, edges[1] - 1, edges[2] + 2, edges[3] + 1), fill=colour)
        draw.text(place, _sign(digit), fill="white", font=font)
    return np.asarray(image)


def _sign(digit: Digit) -> str:
    return digit.text or "x"  # the font has no ×
