"""Ink is told from paper, whatever the light, the colours, and which of them is lighter."""

from __future__ import annotations

import numpy as np
import pytest
from handwriting import Ink, coloured, written
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmarks.pages import make_sheet
from digits import Dataset
from digits.errors import DigitsError
from digits.reading.ink import _is_drawing, find_ink


def scribble(train: Dataset, seed: int) -> Ink:
    """Four digits, 255 on 0."""
    return written(train.images[np.random.default_rng(seed).integers(len(train), size=4)])


def overlap(one: Ink, other: Ink) -> float:
    """How much two masks have in common: 1 if they are equal."""
    return float(((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum())


def test_a_negative_has_the_same_ink(train: Dataset) -> None:
    for seed in range(4):
        page = (230 - 0.8 * scribble(train, seed)).astype(np.uint8)
        ink, negative = find_ink(page), find_ink(~page)
        assert (ink.inverted, negative.inverted) == (False, True)
        assert np.array_equal(ink.mask, negative.mask)
        assert np.array_equal(ink.strength, negative.strength)


@pytest.mark.parametrize(("pen", "paper"), [((0,) * 3, (255,) * 3), ((200, 30, 40), (190, 215, 240))])
def test_a_drawing_s_ink_is_found_as_on_any_picture(
    train: Dataset, monkeypatch: pytest.MonkeyPatch, pen: tuple[int], paper: tuple[int]
) -> None:
    """A shorter way is taken where the paper has exactly one shade."""
    pages = [coloured(scribble(train, seed), pen, paper) for seed in range(4)]
    short = [find_ink(page) for page in pages]
    asked = []
    monkeypatch.setattr("digits.reading.ink._is_drawing", lambda small: asked.append(_is_drawing(small)))
    for ink, page in zip(short, pages, strict=True):
        long = find_ink(page)
        assert np.abs(ink.strength.astype(int) - long.strength).max() <= 4
        assert overlap(ink.mask, long.mask) > 0.99
    assert all(asked)


@pytest.mark.parametrize("what", ["a shadow", "a table", "grain"])
def test_what_may_be_uneven_is_no_drawing(train: Dataset, what: str) -> None:
    page = 255 - scribble(train, 0)
    if what == "a shadow":
        page[20:-20, 20:-20] = page[20:-20, 20:-20] // 4 * 3
    elif what == "a table":
        page[:, : page.shape[1] // 2] = 40
    else:
        page = (page - np.random.default_rng(0).integers(0, 3, page.shape)).clip(0, 255).astype(np.uint8)
    assert not _is_drawing(page)


def test_uneven_light_hardly_moves_the_ink(train: Dataset) -> None:
    """The darkest corners get a sixth of the light."""
    for seed in range(4):
        a, b, c = np.random.default_rng(seed).uniform((-0.25, -0.15, 0), (0.25, 0.15, 0.1))
        page = 230 - 0.8 * scribble(train, seed)
        y, x = np.meshgrid(np.linspace(-1, 1, page.shape[0]), np.linspace(-1, 1, page.shape[1]), indexing="ij")
        light = 0.75 + a * x + b * y - c * (x * x + y * y)
        even, uneven = (find_ink(shades.astype(np.uint8)) for shades in (page, page * light))
        assert not uneven.inverted
        assert overlap(even.mask, uneven.mask) > 0.9


COLOURS = {
    "blue on yellow": ((20, 40, 110), (250, 240, 120)),
    "red on white": ((200, 40, 40), (240, 240, 235)),
    "red on pale blue": ((200, 30, 40), (190, 215, 240)),
    "green on pink": ((20, 130, 60), (250, 190, 200)),
    "chalk on a board": ((235, 235, 230), (30, 90, 60)),
}


@pytest.mark.parametrize(("pen", "paper"), COLOURS.values(), ids=COLOURS)
def test_coloured_ink_on_coloured_paper_is_found(train: Dataset, pen: tuple[int], paper: tuple[int]) -> None:
    for seed in range(2):
        ink = scribble(train, seed)
        assert overlap(find_ink(coloured(ink, pen, paper)).mask, find_ink(255 - ink).mask) > 0.95


def test_ink_as_light_as_its_paper_is_found_by_its_colour(train: Dataset) -> None:
    """Orange on grey: a photo in shades of grey would be blank."""
    ink = scribble(train, 0)
    page = coloured(ink, (150, 150, 0), (150, 150, 150))
    assert overlap(find_ink(page).mask, find_ink(255 - ink).mask) > 0.9


def test_the_grain_of_paper_is_no_ink(train: Dataset) -> None:
    random = np.random.default_rng(0)
    for seed in range(2):
        ink = scribble(train, seed)
        page = (200 - 0.6 * ink + random.normal(0, 6, ink.shape)).clip(0, 255).astype(np.uint8)
        assert overlap(find_ink(page).mask, find_ink(255 - ink).mask) > 0.9


def test_the_edge_of_a_shadow_is_no_ink(train: Dataset) -> None:
    ink = scribble(train, 0)
    light = 1 - 0.35 / (1 + np.exp(-(np.arange(ink.shape[1]) - 0.45 * ink.shape[1]) / 6))
    found = find_ink(((230 - 0.8 * ink) * light).astype(np.uint8))
    assert overlap(found.mask, find_ink(255 - ink).mask) > 0.9


def test_a_page_half_in_the_shadow_is_still_dark_on_light(train: Dataset) -> None:
    """On squared paper, whose lit half is lighter than the surface that is fitted to the dark one."""
    sheet = make_sheet(train, np.random.default_rng([3, 29]))
    assert sheet.traits == ("squared", "shadow")
    assert not find_ink(sheet.picture).inverted


def test_the_dark_edges_of_a_photo_are_no_ink(train: Dataset) -> None:
    """A page with a single thick one on it, whose light falls off towards the lower edge."""
    sheet = make_sheet(train, np.random.default_rng([3, 45]))
    assert sheet.lines == ("1",)
    edge = find_ink(sheet.picture).mask[-20:]
    assert np.count_nonzero(edge) < 0.002 * edge.size  # a speck or two


def test_strength_is_full_in_strokes_and_nothing_on_paper(train: Dataset) -> None:
    ink = scribble(train, 0)
    found = find_ink((200 - 0.3 * ink).astype(np.uint8))
    assert np.median(found.strength[ink == 255]) > 240
    assert np.median(found.strength[ink == 0]) == 0
    assert ((found.mask > 0) <= (found.faint > 0)).all()
    assert found.even[ink == 0].min() > found.even[ink == 255].max()


def test_what_is_lighter_is_ink_only_if_one_says_so(train: Dataset) -> None:
    page = 255 - scribble(train, 0)
    assert not find_ink(page, "no").inverted
    assert find_ink(page, "yes").inverted


@pytest.mark.parametrize(("contrast", "reason"), [(0, "blank"), (1, "blank"), (8, "too faint"), (14, "too faint")])
def test_what_hardly_stands_out_is_blank_or_too_faint(contrast: int, reason: str) -> None:
    page = np.full((80, 60), 200, np.uint8)
    page[30:50, 25:30] -= np.uint8(contrast * 200 / 255)
    with pytest.raises(DigitsError, match=reason):
        find_ink(page)


def test_the_grain_of_empty_paper_is_not_faint_ink() -> None:
    paper = np.random.default_rng(0).normal(200, 3, (200, 300)).clip(0, 255).astype(np.uint8)
    with pytest.raises(DigitsError, match="blank"):
        find_ink(paper)


@pytest.mark.parametrize("contrast", [24, 40, 150])
def test_faint_ink_is_ink(contrast: int) -> None:
    page = np.full((80, 60), 200, np.uint8)
    page[30:50, 25:30] -= np.uint8(contrast * 200 / 255)
    assert overlap(find_ink(page).mask, 255 * (page < 200).astype(np.uint8)) > 0.9


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)) | st.just((7, 9, 3))), st.booleans())
def test_any_picture_has_ink_or_is_blank(picture: Ink, inverted: bool) -> None:
    try:
        ink = find_ink(picture, "yes" if inverted else "auto")
    except DigitsError as error:
        assert "blank" in str(error) or "too faint" in str(error)
    else:
        for each in (ink.strength, ink.mask, ink.faint, ink.even):
            assert each.shape[:2] == picture.shape[:2]
            assert each.dtype == np.uint8
        assert set(np.unique(ink.mask)) <= {0, 255}
        assert ink.mask.any()
