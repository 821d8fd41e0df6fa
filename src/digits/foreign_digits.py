"""Digits as they are written where MNIST was not: a 1 with a long upstroke or a foot, a 7 with a bar, an open 4.

MNIST's writers went to school in the United States. Elsewhere hands have learnt other shapes, and a network that has
hardly seen them takes a 1 with a long upstroke for a 7. So ``robust`` is trained on such shapes too, drawn from the
strokes in ``FORMS``, no two alike.
"""

from __future__ import annotations

import numpy as np

from digits.activations import Array
from digits.pen import lines, rendered

FORMS = {  # as ``pen.lines`` takes them
    0: ("~20 02 04 26 44 42 20",),
    1: ("03 30 36", "02 20 26", "04 30 36", "01 10 16", "02 20 26, 06 46", "02 10 16, 06 26", "~04 22 30, 30 36"),
    2: ("~01 20 41 33 06, 06 46",),
    3: ("00 40 23, ~23 44 45 26 05", "~01 20 41 33 23, ~23 33 45 36 16 05"),
    4: ("30 04 54, 33 37", "20 04 44, 32 36", "00 03 43, 40 46", "30 04 44, 30 36", "~10 13 14 34 44, 31 36"),
    5: ("40 00 03, ~03 33 45 26 05",),
    6: ("~40 11 04 16 36 44 23 04", "30 03, ~03 05 26 45 33 04"),
    7: ("00 40 26, 13 43", "01 00 40 26, 13 43", "00 40 16", "01 00 50 26, 14 44", "~01 20 40 33 26, 13 43"),
    8: ("~20 01 12 23 34 26 05 23 41 20", "~20 02 23 41 20, ~23 04 26 44 23"),
    9: ("~40 20 01 03 23 42 40, 40 46", "~40 20 01 03 23 42 40 43 36 16 05", "~41 20 01 13 33 41, 41 36"),
}


def draw_foreign_digits(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Draw digits in forms that are rare in MNIST.

    Args:
        count: how many.
        seed: of all that is random; the same seed draws the same digits.

    Returns:
        ``(count, 28, 28) uint8`` images, 0 paper, 255 ink, and their labels ``(count,) uint8``.
    """
    random = np.random.default_rng([seed, count])
    forms = [(label, strokes) for label, several in FORMS.items() for strokes in several]
    chosen = [forms[index] for index in random.integers(len(forms), size=count)]
    images = rendered([lines(strokes, random) for _, strokes in chosen], random)
    return np.rint(255 * images).astype(np.uint8), np.array([label for label, _ in chosen], np.uint8)
