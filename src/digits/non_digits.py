"""Shapes that are no digits, for a network to learn what it does not know.

A network that has only ever seen digits takes everything for one. So ``robust`` is trained on such shapes too, with the
ten digits as equally probable answers (Hendrycks, Mazeika and Dietterich 2019, "Deep Anomaly Detection with Outlier
Exposure"). None is a picture of anything in particular. Letters and signs are drawn from the strokes in ``SIGNS``, no
two alike; scribbles and blots are random; and what a wrong cut leaves on a line of digits is pasted from real ones.

Letters that a hand makes like digits (O, I, l, Z, S, b, g, q, B, D, G) are left out: to refuse them is to refuse
digits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from digits.activations import Array
from digits.augmentation import warp
from digits.data_preprocessing import SIDE
from digits.pen import centred, lines, rendered, smooth

SIGNS = {  # as ``pen.lines`` takes them
    "A": "06 20 46, 14 34",
    "C": "~41 20 02 04 26 45",
    "E": "40 00 06 46, 03 33",
    "F": "40 00 06, 03 33",
    "H": "00 06, 40 46, 03 43",
    "J": "10 50, 30 34, ~34 26 16 05",
    "K": "00 06, 40 03 46",
    "L": "00 06 46",
    "M": "06 00 34 60 66",
    "N": "06 00 46 40",
    "P": "00 06, ~00 30 41 32 03",
    "Q": "~30 11 03 15 36 55 63 51 30, 44 66",
    "R": "00 06, ~00 30 41 32 03, 13 46",
    "T": "00 60, 30 36",
    "U": "~00 03 15 36 45 43 40",
    "V": "00 26 40",
    "W": "00 16 32 56 60",
    "X": "00 46, 40 06",
    "Y": "00 23 40, 23 26",
    "a": "~43 22 03 05 26 44, 42 46",
    "c": "~32 12 04 16 36",
    "d": "~44 23 05 26 45, 40 46",
    "e": "~04 44 33 12 03 05 26 45",
    "f": "~40 20 11 14, 11 16, 03 33",
    "h": "00 06, ~04 13 33 44 46",
    "i": "22 26, 20 20",
    "j": "~22 26 18 07, 20 20",
    "k": "00 06, 32 04 36",
    "m": "02 06, ~03 12 23 26, ~23 42 53 56",
    "n": "02 06, ~03 22 43 46",
    "p": "02 08, ~03 22 43 45 26 05",
    "r": "02 06, ~04 12 32",
    "t": "~20 24 26 46, 02 42",
    "u": "~02 05 16 36 44, 42 46",
    "v": "02 26 42",
    "w": "02 16 33 56 72",
    "x": "02 46, 42 06",
    "y": "02 25, 42 08",
    "ampersand": "~46 11 20 31 03 05 26 44",
    "arrow": "03 63, 41 63 45",
    "at": "~43 32 23 34 43 45 65 63 41 11 03 15 36",
    "check": "04 26 50",
    "cross": "03 63, 30 36",
    "dash": "00 60",
    "dollar": "~41 20 01 23 45 26 05, 20 26",
    "dots": "00 00, 03 03, 06 06",
    "equals": "00 50, 03 53",
    "exclamation": "00 04, 06 06",
    "face": "~30 11 03 15 36 55 63 51 30, 22 22, 42 42, ~24 35 44",
    "hash": "10 16, 30 36, 02 42, 04 44",
    "heart": "~36 03 01 10 32 50 61 63 36",
    "house": "06 03 30 63 66 06",
    "percent": "60 06, ~10 01 12 21 10, ~45 54 65 56 45",
    "question": "~01 10 30 41 23 24, 26 26",
    "square": "00 60 66 06 00",
    "star": "06 30 66 02 62 06",
    "tilde": "~02 10 21 32 51 60",
    "tree": "36 30, 03 30 63, 15 33 55",
    "triangle": "06 30 66 06",
}
_ROWS, _COLUMNS = np.indices((SIDE, SIDE), np.float32)


def draw_non_digits(count: int, digits: Array, seed: int = 0) -> Array:
    """Draw shapes that are no digits, placed as MNIST places its digits.

    Args:
        count: how many.
        digits: ``(n, 28, 28) uint8``: real ones, from which pieces are pasted together.
        seed: of all that is random; the same seed draws the same shapes.

    Returns:
        ``(count, 28, 28) uint8``, in an order drawn too.
    """
    random = np.random.default_rng([seed, count])
    makers: dict[Callable[[int, Array, np.random.Generator], Array], float] = {
        _signs: 0.5,
        _scribbles: 0.12,
        _blots: 0.13,
        _wrong_cuts: 0.15,
        _textures: 0.1,
    }
    counts = random.multinomial(count, list(makers.values()))
    parts = [maker(int(n), digits, random) for maker, n in zip(makers, counts, strict=True)]
    shapes = np.concatenate(parts)
    random.shuffle(shapes)
    pixels: Array = np.rint(255 * shapes).astype(np.uint8)
    return pixels


def _signs(count: int, digits: Array, random: np.random.Generator) -> Array:  # noqa: ARG001
    """Letters and signs, each point a little elsewhere, slanted, wide or narrow."""
    chosen = random.choice(list(SIGNS), size=count)
    return rendered([lines(SIGNS[name], random) for name in chosen], random)


def _scribbles(count: int, digits: Array, random: np.random.Generator) -> Array:  # noqa: ARG001
    """Curves through five to ten random points, one or two of them."""

    def scribble() -> list[Array]:
        return [
            smooth(random.uniform(0, 6, size=(random.integers(5, 11), 2))) for _ in range(1 + (random.random() < 0.3))
        ]

    return rendered([scribble() for _ in range(count)], random)


def _blots(count: int, digits: Array, random: np.random.Generator) -> Array:  # noqa: ARG001
    """Filled shapes, as clothes and stains are: one to four ellipses and boxes, in shades, some with stripes."""
    y, x = _ROWS - (SIDE - 1) / 2, _COLUMNS - (SIDE - 1) / 2
    images = np.zeros((count, SIDE, SIDE), np.float32)
    for image in images:
        wide, high = random.uniform(3, 13, size=2)
        for _ in range(random.integers(1, 5)):
            centre = random.uniform(-0.5, 0.5, size=2) * (wide, high)
            angle, power = random.uniform(0, np.pi), random.choice([2, 2, 8])
            across = np.cos(angle) * (x - centre[0]) + np.sin(angle) * (y - centre[1])
            down = np.cos(angle) * (y - centre[1]) - np.sin(angle) * (x - centre[0])
            radius = np.abs(across / (wide * random.uniform(0.3, 1))) ** power
            radius += np.abs(down / (high * random.uniform(0.3, 1))) ** power
            shade = random.uniform(0.25, 1)
            if random.random() < 0.3:
                shade = shade * (0.6 + 0.4 * np.sin(across * random.uniform(0.5, 3)))
            np.copyto(image, shade, where=radius < 1)
    return centred(images)


def _wrong_cuts(count: int, digits: Array, random: np.random.Generator) -> Array:
    """What stands in one box if a line of digits is cut in the wrong places: two digits, or halves of two."""
    first, second = (digits[random.integers(len(digits), size=count)].astype(np.float32) / 255 for _ in range(2))
    halves = random.random(count) < 0.4
    gap = random.uniform(7, 12, size=(count, 1, 1)).astype(np.float32)
    middle = np.float32((SIDE - 1) / 2)
    scale = np.where(halves[:, None, None], np.float32(1), np.float32(1.6))

    def moved(images: Array, shift: Array) -> Array:
        rows = np.broadcast_to(middle + (_ROWS - middle) * scale, images.shape)
        columns = middle + (_COLUMNS - middle) * scale + shift
        return warp(images, np.stack([rows, columns]))

    left, right = moved(first, gap * scale / 1.6), moved(second, -gap * scale / 1.6)
    both = np.maximum(left, right)
    window = np.abs(_COLUMNS - middle) < 9  # of halves, only the middle is seen
    return centred(np.where(halves[:, None, None] & ~window, 0, both))


def _textures(count: int, digits: Array, random: np.random.Generator) -> Array:  # noqa: ARG001
    """Noise, stripes, coarse checks and frames."""
    images = np.empty((count, SIDE, SIDE), np.float32)
    for image in images:
        kind = random.integers(4)
        if kind == 0:
            image[...] = random.random((SIDE, SIDE)) < random.uniform(0.05, 0.8)
        elif kind == 1:
            angle, pitch = random.uniform(0, np.pi), random.uniform(0.4, 2)
            image[...] = np.sin((np.cos(angle) * _COLUMNS + np.sin(angle) * _ROWS) * pitch) > random.uniform(-0.5, 0.7)
        elif kind == 2:
            coarse = random.random((7, 7)) * (random.random((7, 7)) < random.uniform(0.3, 1))
            image[...] = np.kron(coarse, np.ones((4, 4)))
        else:
            top, left, bottom, right = random.integers(0, 8, size=4)
            pen = random.integers(1, 4)
            image[...] = 0
            image[top : SIDE - bottom, left : SIDE - right] = 1
            image[top + pen : SIDE - bottom - pen, left + pen : SIDE - right - pen] = 0
    return images
