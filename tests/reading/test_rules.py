"""Ruled lines vanish, and the digits on them stay whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from handwriting import Ink, put, turned, written

from digits import Dataset
from digits.reading.rules import without_pale_rules, without_rules


def page_of_digits(train: Dataset, seed: int) -> Ink:
    """Three lines of five digits: 255 ink, 0 paper."""
    random = np.random.default_rng(seed)
    page = np.zeros((420, 640), np.uint8)
    for line in range(3):
        ink = written(train.images[random.integers(len(train), size=5)], gap=40)
        put(page, ink[:, :600], 20, 20 + 120 * line)
    return page


def rules(shape: tuple[int, ...], thick: int, level: bool, upright: bool) -> Ink:
    """Ruled or squared paper: 255 where it is printed; larger than the page, so that it can be turned."""
    paper = np.zeros(shape, np.uint8)
    for row in range(38, shape[0] if level else 0, 60):
        paper[row : row + thick] = 255
    for column in range(25, shape[1] if upright else 0, 60):
        paper[:, column : column + thick] = 255
    return paper


def slanted(shape: tuple[int, ...], degrees: float, thick: int, level: bool, upright: bool) -> Ink:
    height, width = shape
    large = turned(rules((height + 200, width + 200), thick, level, upright), degrees)
    return np.where(large[100:-100, 100:-100] >= 128, np.uint8(255), np.uint8(0))


def kept(mask: Ink, where: Ink) -> float:
    """Which share of some ink is still there."""
    return float((mask[where > 0] > 0).mean())


@pytest.mark.parametrize("degrees", [0, 2])
@pytest.mark.parametrize(
    "directions", [(True, False), (False, True), (True, True)], ids=["lined", "columns", "squared"]
)
@pytest.mark.parametrize("thick", [1, 3])
def test_rules_vanish_and_digits_stay_whole(
    train: Dataset, degrees: float, directions: tuple[bool, bool], thick: int
) -> None:
    digits = 255 * (page_of_digits(train, seed=thick) > 100).astype(np.uint8)
    printed = slanted(digits.shape, degrees, thick, *directions)
    mask = without_rules(digits | printed, digits | printed)
    assert kept(mask, digits) >= 0.9
    near_digits = cv2.dilate(digits, np.ones((9, 9), np.uint8))
    assert kept(mask, printed & ~near_digits) <= (0.1 if thick == 1 and degrees else 0.05)


def test_a_page_without_rules_stays_as_it_is(train: Dataset) -> None:
    for seed in range(2):
        digits = 255 * (page_of_digits(train, seed) > 100).astype(np.uint8)
        assert np.array_equal(without_rules(digits, digits), digits)


def test_what_it_is_given_is_not_changed(train: Dataset) -> None:
    digits = 255 * (page_of_digits(train, 0) > 100).astype(np.uint8)
    mask = digits | rules(digits.shape, 2, level=True, upright=True)
    before = mask.copy()
    without_rules(mask, mask)
    assert np.array_equal(mask, before)


@pytest.mark.parametrize("height", [0.3, 0.5, 0.7])
def test_a_lone_tall_one_is_no_rule(height: float) -> None:
    page = np.zeros((300, 200), np.uint8)
    tall = round(300 * height)
    page[(300 - tall) // 2 : (300 + tall) // 2, 95:103] = 255
    assert np.array_equal(without_rules(page, page), page)


def test_pale_rules_with_gaps_are_found_by_what_is_faint(train: Dataset) -> None:
    digits = 255 * (page_of_digits(train, 0) > 100).astype(np.uint8)
    printed = rules(digits.shape, 2, level=True, upright=False)
    dashed = printed.copy()
    dashed[:, (np.arange(digits.shape[1]) // 40) % 3 == 0] = 0  # of the pale line, a third is no ink
    mask = without_rules(digits | dashed, digits | printed)
    assert kept(mask, digits) >= 0.9
    assert kept(mask, dashed & ~cv2.dilate(digits, np.ones((9, 9), np.uint8))) <= 0.05


def test_small_pictures_have_no_rules() -> None:
    page = np.zeros((50, 50), np.uint8)
    page[20:22] = 255
    assert np.array_equal(without_rules(page, page), page)


def on_ruled_paper(digits: Ink, printed: Ink, rule: int, pen: int) -> Ink:
    """How dark a photo of it is: a grainy one."""
    page = np.where(digits > 0, pen, np.where(printed > 0, rule, 0))
    grain = np.random.default_rng(0).normal(6, 2, page.shape)
    return cv2.GaussianBlur((page + grain).clip(0, 255).astype(np.uint8), (0, 0), 0.7)


@pytest.mark.parametrize("degrees", [0, 2])
@pytest.mark.parametrize("directions", [(True, False), (True, True)], ids=["lined", "squared"])
@pytest.mark.parametrize(("rule", "pen"), [(20, 150), (60, 120), (90, 150)])
def test_pale_rules_are_taken_off_and_digits_stay_as_dark(
    train: Dataset, degrees: float, directions: tuple[bool, bool], rule: int, pen: int
) -> None:
    digits = 255 * (page_of_digits(train, seed=1) > 100).astype(np.uint8)
    printed = slanted(digits.shape, degrees, 2, *directions)
    dark = on_ruled_paper(digits, printed, rule, pen)
    blank = without_pale_rules(dark)
    whole = np.s_[30:-30]  # rules that cross the corners of the page only may stay
    digits, printed, dark, blank = (each[whole] for each in (digits, printed, dark, blank))
    near_digits = cv2.dilate(digits, np.ones((9, 9), np.uint8)) > 0
    assert np.percentile(blank[(printed > 0) & ~near_digits], 95) < 0.4 * rule + 6
    inside = cv2.erode(digits, np.ones((3, 3), np.uint8)) > 0
    assert np.mean(blank[inside] > 0.8 * dark[inside]) > 0.98
    far = ~near_digits & (cv2.dilate(printed, np.ones((17, 17), np.uint8)) == 0)
    assert np.array_equal(blank[far], dark[far])


def test_a_rule_that_is_not_quite_straight_is_followed(train: Dataset) -> None:
    digits = 255 * (page_of_digits(train, seed=1) > 100).astype(np.uint8)
    printed = rules(digits.shape, 2, level=True, upright=False)
    bow = np.rint(3 * np.sin(np.linspace(0, np.pi, digits.shape[1]))).astype(int)
    bent = np.stack([np.roll(column, by) for column, by in zip(printed.T, bow, strict=True)], axis=1)
    blank = without_pale_rules(on_ruled_paper(digits, bent, 60, 150))
    assert np.mean(blank[(bent > 0) & (cv2.dilate(digits, np.ones((9, 9), np.uint8)) == 0)] < 30) > 0.95


def test_rules_as_dark_as_the_pen_and_pages_without_any_stay_as_they_are(train: Dataset) -> None:
    digits = 255 * (page_of_digits(train, seed=1) > 100).astype(np.uint8)
    printed = rules(digits.shape, 2, level=True, upright=True)
    for paper, rule in ((printed, 140), (np.zeros_like(printed), 0)):
        dark = on_ruled_paper(digits, paper, rule, 140)
        assert np.array_equal(without_pale_rules(dark), dark)


def test_a_table_of_digits_is_no_ruled_paper(train: Dataset) -> None:
    """Its columns are nearly lines: five ones below each other."""
    page = np.zeros((140, 280), np.uint8)
    for row in range(5):
        for column in range(10):
            page[28 * row + 5 : 28 * row + 23, 28 * column + 13 : 28 * column + 16] = 200
    assert np.array_equal(without_pale_rules(page), page)
