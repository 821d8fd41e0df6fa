"""Two networks on the same images, image by image: which the one reads right and the other wrong.

Two error rates say little about which of two networks is better where both read nearly everything right. The images on
which exactly one of them is right say all: if neither were better, each such image would be a coin's toss.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np

from digits.activations import Array
from digits.evaluation import Evaluation


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two networks answered to the same images.

    Attributes:
        first, second: their evaluations, of the same images in the same order.

    Raises:
        ValueError: if the labels are not the same.
    """

    first: Evaluation
    second: Evaluation

    def __post_init__(self) -> None:
        if not np.array_equal(self.first.labels, self.second.labels):
            raise ValueError("two networks are compared on the same images; got other labels")

    def __repr__(self) -> str:
        return f"Comparison({len(self.only_first):,} only the first reads right, {len(self.only_second):,} the second)"

    @property
    def both_right(self) -> Array:
        """``(m,)``: the images that both read right."""
        return np.flatnonzero(self._right(self.first) & self._right(self.second))

    @property
    def only_first(self) -> Array:
        """``(m,)``: the images that only the first reads right."""
        return np.flatnonzero(self._right(self.first) & ~self._right(self.second))

    @property
    def only_second(self) -> Array:
        """``(m,)``: the images that only the second reads right."""
        return np.flatnonzero(~self._right(self.first) & self._right(self.second))

    @property
    def both_wrong(self) -> Array:
        """``(m,)``: the images that both misread."""
        return np.flatnonzero(~self._right(self.first) & ~self._right(self.second))

    @property
    def p_value(self) -> float:
        """How likely so uneven a split is by chance, 0…1: McNemar's test (1947), exact and two-sided.

        Of the n images that exactly one network reads right, the smaller share k would come out as small or smaller
        with a probability of Σᵢ₌₀ᵏ C(n, i)/2ⁿ if each were a coin's toss; twice that, for either network.
        """
        fewer, more = sorted((len(self.only_first), len(self.only_second)))
        count = fewer + more
        tail = Fraction(sum(comb(count, i) for i in range(fewer + 1)), 2**count)
        return min(1.0, float(2 * tail))

    @staticmethod
    def _right(evaluation: Evaluation) -> Array:
        right: Array = evaluation.predictions == evaluation.labels
        return right
