"""Strokes are joined to digits, digits sorted into lines, and dirt is left out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from handwriting import Ink, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.reading.layout import Row, find_rows, spaces, usual_height
from digits.reading.pieces import find_pieces, without_specks


def paper(height: int = 300, width: int = 500) -> Ink:
    return np.zeros((height, width), np.uint8)


def ring(page: Ink, left: int, top: int, width: int = 30, height: int = 50) -> None:
    """A shape as large as a digit, with strokes 6 pixels wide."""
    page[top : top + height, left : left + width] = 255
    page[top + 6 : top + height - 6, left + 6 : left + width - 6] = 0


def rows_of(page: Ink) -> list[Row]:
    return find_rows(find_pieces(page))


def boxes(row: Row) -> list[tuple[int, int, int, int]]:
    return [group.box for group in row.groups]


def test_pieces_hang_together_diagonally_too() -> None:
    page = paper(20, 20)
    page[np.arange(3, 12), np.arange(3, 12)] = 255
    page[15, 2:5] = 255
    assert [(piece.box, piece.area) for piece in find_pieces(page)] == [((3, 3, 9, 9), 9), ((2, 15, 3, 1), 3)]


def test_specks_beside_a_digit_are_dirt() -> None:
    page = paper()
    ring(page, 100, 100)
    page[20:23, 20:23] = page[250:252, 400:404] = 255
    assert [piece.box for piece in without_specks(find_pieces(page))] == [(100, 100, 30, 50)]


def test_a_frame_around_a_digit_is_left_out_but_not_a_digit_of_upright_strokes() -> None:
    small = paper(28, 28)
    small[8:20, 12:15] = 255
    strokes = [piece.box for piece in find_pieces(small)]
    small[2:26, 1:3] = small[2:26, 25:27] = 255
    assert [piece.box for piece in without_specks(find_pieces(small))] == strokes
    four = paper(28, 28)
    four[2:14, 4:7] = four[11:14, 7:20] = four[2:26, 22:25] = 255  # its stem stands apart, near the edge
    assert len(without_specks(find_pieces(four))) == 2


def test_the_end_of_the_paper_is_no_shape() -> None:
    page = paper(300, 500)
    ring(page, 100, 100)
    ring(page, 150, 100)
    page[:, :4] = page[297:, 200:400] = 255
    (row,) = rows_of(page)
    assert boxes(row) == [(100, 100, 30, 50), (150, 100, 30, 50)]


def test_specks_dots_and_dashes_are_left_out() -> None:
    page = paper()
    for left in (50, 110, 230):
        ring(page, left, 100)
    page[144:150, 95:101] = 255  # a decimal point
    page[122:128, 160:190] = 255  # a dash
    page[104:110, 205:211] = page[140:146, 205:211] = 255  # a colon
    page[20, 30] = page[260:263, 400:402] = 255  # dust
    (row,) = rows_of(page)
    assert boxes(row) == [(left, 100, 30, 50) for left in (50, 110, 230)]


def test_what_is_much_taller_than_the_digits_is_left_out() -> None:
    page = paper()
    for left in range(60, 420, 50):
        ring(page, left, 100)
    page[20:280, 20:26] = 255  # a brace
    (row,) = rows_of(page)
    assert len(row.groups) == 8


def test_the_edge_of_the_paper_is_no_digit_however_much_ink_it_is() -> None:
    page = paper()
    for left in (50, 110):
        ring(page, left, 100)
    page[290:] = 255
    (row,) = rows_of(page)
    assert boxes(row) == [(left, 100, 30, 50) for left in (50, 110)]


@pytest.mark.parametrize("gap", [3, 8, 14])
def test_the_bar_of_a_five_is_joined_to_it(gap: int) -> None:
    page = paper()
    ring(page, 50, 100)
    ring(page, 150, 100, height=50)
    page[100:106, 104:130] = 255  # the bar
    ring(page, 100, 106 + gap, height=44 - gap)
    (row,) = rows_of(page)
    assert [len(group.pieces) for group in row.groups] == [1, 2, 1]
    assert boxes(row)[1] == (100, 100, 30, 50)


def test_a_bar_to_the_right_of_a_five_is_joined_to_it() -> None:
    page = paper()
    ring(page, 50, 100)
    ring(page, 160, 100)
    ring(page, 100, 110, height=40, width=25)
    page[112:118, 127:142] = 255
    (row,) = rows_of(page)
    assert [len(group.pieces) for group in row.groups] == [1, 2, 1]


def test_digits_above_one_another_are_not_joined() -> None:
    page = paper()
    for top in (30, 95, 160):
        for left in (50, 110, 170):
            ring(page, left, top)
    rows = rows_of(page)
    assert [len(row.groups) for row in rows] == [3, 3, 3]
    assert all(len(group.pieces) == 1 for row in rows for group in row.groups)


@pytest.mark.parametrize("degrees", [-8, -3, 0, 3, 8])
def test_lines_are_in_reading_order_on_a_turned_page_too(degrees: float) -> None:
    """The shapes of each line have a width of their own, which says where a shape stood before the page was turned."""
    page = paper(520, 900)
    for line, width in enumerate((22, 28, 34, 40)):
        for left in range(80, 820, 60):
            ring(page, left, 110 + 85 * line, width)
    rows = rows_of(np.where(turned(page, degrees) >= 128, np.uint8(255), np.uint8(0)))
    assert [len(row.groups) for row in rows] == 4 * [13]
    widths = [float(np.median([box[2] for box in boxes(row)])) for row in rows]
    assert widths == sorted(widths)
    for row in rows:
        lefts = [box[0] for box in boxes(row)]
        assert lefts == sorted(lefts)


def test_a_wide_gap_is_a_space() -> None:
    page = paper()
    for left in (50, 95, 200, 240):
        ring(page, left, 100)
    (row,) = rows_of(page)
    assert [spaces(before, after, row.height) for before, after in pairwise(boxes(row))] == [0, 1, 0]


def test_a_usual_digit_is_as_high_as_most_of_the_ink() -> None:
    page = paper()
    for left in range(50, 350, 50):
        ring(page, left, 100)
    page[10:280, 450:453] = 255
    for left in range(20, 480, 8):
        page[290:292, left : left + 3] = 255
    assert usual_height(find_pieces(page)) == 50


def test_without_pieces_there_are_no_rows() -> None:
    assert find_rows([]) == []


places = st.tuples(st.integers(0, 17), st.integers(0, 9), st.integers(2, 24), st.integers(2, 24))


@settings(max_examples=60, deadline=None)
@given(st.lists(places, min_size=1, max_size=25))
def test_no_piece_is_on_two_lines_and_each_line_goes_right(found: list[tuple[int, int, int, int]]) -> None:
    page = paper()
    for column, row, width, height in found:
        page[row * 30 : row * 30 + height, column * 28 : column * 28 + width] = 255
    rows = rows_of(page)
    numbers = [piece.number for row in rows for group in row.groups for piece in group.pieces]
    assert len(numbers) == len(set(numbers))
    for row in rows:
        lefts = [box[0] for box in boxes(row)]
        assert lefts == sorted(lefts)
        assert row.height > 0
