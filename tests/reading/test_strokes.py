"""Strokes of a pen become a picture."""

from __future__ import annotations

import numpy as np

from digits.reading import prepare_digit
from digits.reading.strokes import draw_strokes


def test_a_stroke_is_as_wide_as_the_pen() -> None:
    picture = draw_strokes([[(20, 50, 10), (80, 50, 10)]], 100, 100)
    assert picture.shape == (100, 100)
    ink = (255 - picture[:, 50].astype(int)).sum() / 255
    assert 9 <= ink <= 12
    assert picture[0].min() == 255


def test_pressure_makes_it_wider() -> None:
    picture = draw_strokes([[(10, 50, 4), (40, 50, 4), (60, 50, 24), (90, 50, 24)]], 100, 100)
    at_left, at_right = ((picture[:, column] < 128).sum() for column in (20, 80))
    assert at_left < 7
    assert at_right > 20


def test_a_stroke_of_one_point_is_a_dot() -> None:
    picture = draw_strokes([[(50, 50, 20)]], 100, 100)
    assert 250 < (picture < 128).sum() < 380  # π·10²


def test_the_scale_changes_nothing_but_the_size() -> None:
    seven = [[(300, 200, 40), (600, 200, 40), (450, 600, 40)]]
    large, small = (draw_strokes(seven, 1024, 768, scale) for scale in (1.0, 0.3125))
    assert large.shape == (768, 1024)
    assert small.shape == (240, 320)
    difference = np.abs(prepare_digit(large).astype(int) - prepare_digit(small).astype(int))
    assert difference.mean() < 6
