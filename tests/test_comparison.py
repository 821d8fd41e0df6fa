"""Comparison: every image falls into one of four groups, and chance is told from skill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from digits.comparison import Comparison
from digits.evaluation import Evaluation

LABELS = np.array([0, 1, 2, 3])


def evaluation(read: list[int], labels: np.ndarray = LABELS) -> Evaluation:
    return Evaluation(np.eye(10)[read], labels)


def test_every_image_is_in_one_of_four_groups() -> None:
    comparison = Comparison(evaluation([0, 1, 7, 7]), evaluation([0, 5, 2, 8]))
    assert comparison.both_right.tolist() == [0]
    assert comparison.only_first.tolist() == [1]
    assert comparison.only_second.tolist() == [2]
    assert comparison.both_wrong.tolist() == [3]
    assert repr(comparison) == "Comparison(1 only the first reads right, 1 the second)"


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_p_value_is_that_of_a_fair_coin(only_first: int, only_second: int) -> None:
    labels = np.zeros(only_first + only_second + 1, int)
    first = [0] * only_first + [1] * only_second + [0]
    second = [1] * only_first + [0] * only_second + [0]
    p_value = Comparison(evaluation(first, labels), evaluation(second, labels)).p_value
    count = only_first + only_second
    expected = binomtest(only_first, count).pvalue if count else 1.0
    assert p_value == pytest.approx(expected)


def test_thousands_of_differences_are_no_overflow() -> None:
    labels = np.zeros(9000, int)
    assert Comparison(evaluation([0] * 9000, labels), evaluation([1] * 9000, labels)).p_value == 0.0


def test_other_images_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="the same images"):
        Comparison(evaluation([0, 1, 2, 3]), evaluation([0, 1, 2, 3], np.array([0, 1, 2, 4])))
