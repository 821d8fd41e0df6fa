"""Lines are cut into digits in the best way there is, and touching digits are told apart."""

from __future__ import annotations

from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from handwriting import Ink, written
from hypothesis import given, settings
from hypothesis import strategies as st

from digits import Dataset
from digits.reading import Reader
from digits.reading.ink import find_ink
from digits.reading.layout import Row, find_rows
from digits.reading.pieces import Box, around, find_pieces
from digits.reading.segmentation import (
    CUT_COST,
    JOIN_COST,
    MOST_ATOMS,
    WIDE_COST,
    Atom,
    best_path,
    candidates,
    cut_row,
    is_sure,
    merged,
    whole_row,
)


def find_atoms(row: Row, strength: Ink, edge: int) -> tuple[list[Atom], float]:
    """All parts of a line, and their scale."""
    cut = cut_row(whole_row(row, strength), edge)
    return cut.atoms, cut.scale


def touching(train: Dataset, count: int) -> list[tuple[Ink, str]]:
    """Pairs of digits, whose ink hangs together, and what they are."""
    found = []
    for seed in range(1000):
        indices = np.random.default_rng([7, seed]).integers(len(train), size=2)
        for gap in range(0, -12, -1):
            ink = written(train.images[indices], gap=gap)
            if len(find_pieces(255 * (ink > 80).astype(np.uint8))) == 1:
                found.append((ink, "".join(map(str, train.labels[indices]))))
                break
        if len(found) == count:
            return found
    raise AssertionError("so few digits touch")


def test_digits_side_by_side_without_a_gap_are_told_apart(train: Dataset, reader: Reader) -> None:
    """Their boxes meet; of some the ink does too. Measured: 19 of 20, 29 of 30."""
    right = 0
    for seed in range(20):
        indices = np.random.default_rng([7, seed]).integers(len(train), size=2)
        right += reader.read(255 - written(train.images[indices], gap=0)).text == "".join(
            map(str, train.labels[indices])
        )
    assert right >= 18


def test_of_digits_whose_ink_hangs_together_many_are_told_apart(train: Dataset, reader: Reader) -> None:
    """Moved into one another until they touch; some pairs pass for one digit. Measured: 19 of 20."""
    assert sum(reader.read(255 - ink).text == text for ink, text in touching(train, 20)) >= 17


def test_each_touching_pair_is_cut_somewhere(train: Dataset) -> None:
    for picture, _ in touching(train, 10):
        ink = find_ink(255 - picture)
        atoms = [
            atom for row in find_rows(find_pieces(ink.mask)) for atom in find_atoms(row, ink.strength, ink.edge)[0]
        ]
        assert len(atoms) >= 2


def test_where_the_network_is_sure_of_a_shape_its_parts_would_not_do_better(
    train: Dataset, quick_reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    lines = [written(train.images[random.integers(len(train), size=4)], gap=int(gap)) for gap in range(-6, 18, 2)]
    pictures = [255 - ink for ink in (*lines, *(pair for pair, _ in touching(train, 8)))]

    def pages() -> list[list[tuple[int | None, Box]]]:
        return [[(digit.label, digit.box) for digit in quick_reader.read(picture).digits] for picture in pictures]

    short = pages()
    tried = []
    monkeypatch.setattr("digits.reading.reader.is_sure", lambda *seen: tried.append(is_sure(*seen)))
    assert pages() == short
    assert 0 < sum(tried) < len(tried)


def test_a_cut_follows_the_paper_between_two_slanted_strokes() -> None:
    """Upright columns would cut through both; the bridge that joins them is all the ink that is cut."""
    strokes = [np.zeros((60, 60), np.uint8) for _ in range(2)]
    for stroke, left in zip(strokes, (5, 28), strict=True):
        cv2.line(stroke, (left + 20, 4), (left, 55), 255, 5)
    bridge = cv2.line(np.zeros((60, 60), np.uint8), (15, 30), (38, 30), 255, 3)
    ink = strokes[0] | strokes[1] | bridge
    (row,) = find_rows(find_pieces(ink))
    atoms, _ = find_atoms(row, ink, 128)

    def share_in(stroke: Ink, part: list[Atom]) -> float:
        return sum(
            (stroke[y : y + h, x : x + w] & atom.ink > 0).sum() for atom in part for x, y, w, h in [atom.box]
        ) / ((stroke > 0).sum())

    told_apart = [
        share_in(strokes[0], atoms[:cut]) > 0.97 and share_in(strokes[1], atoms[cut:]) > 0.97
        for cut in range(1, len(atoms))
    ]
    assert any(told_apart)


HEIGHT = 20


def single(group: int, left: int) -> Atom:
    return Atom(np.full((HEIGHT, 10), 255, np.uint8), left, 0, group)


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[Atom], dict[tuple[int, int], float]]:
    """Atoms, and a score for each run of them that may be a digit."""
    groups = np.cumsum(draw(st.lists(st.integers(0, 1), min_size=1, max_size=7)))
    atoms = [single(int(group), 12 * index) for index, group in enumerate(groups)]
    runs = candidates(atoms, HEIGHT)
    scores = draw(st.lists(st.floats(-20, 0), min_size=len(runs), max_size=len(runs)))
    return atoms, dict(zip(runs, scores, strict=True))


def worth(atoms: list[Atom], scores: dict[tuple[int, int], float], path: list[tuple[int, int]]) -> float:
    total = sum(scores[run] for run in path)
    cuts = sum(atoms[end - 1].group == atoms[end].group for _, end in path[:-1])
    joins = sum(atoms[end - 1].group - atoms[first].group for first, end in path)
    widths = [around([atom.box for atom in atoms[first:end]])[2] for first, end in path]
    wide = sum(max(0.0, width / HEIGHT - 1) for width in widths)
    return total - CUT_COST * cuts - JOIN_COST * joins - WIDE_COST * wide  # none is low


@given(lines())
def test_the_best_path_is_the_best_of_all(line: tuple[list[Atom], dict[tuple[int, int], float]]) -> None:
    atoms, scores = line
    path = best_path(atoms, scores, HEIGHT)
    assert path[0][0] == 0
    assert path[-1][1] == len(atoms)
    assert all(one[1] == other[0] for one, other in pairwise(path))
    everything = []
    for cut in product((False, True), repeat=len(atoms) - 1):
        bounds = [0, *(index + 1 for index, here in enumerate(cut) if here), len(atoms)]
        if all(run in scores for run in pairwise(bounds)):
            everything.append(worth(atoms, scores, list(pairwise(bounds))))
    assert worth(atoms, scores, path) == pytest.approx(max(everything))


@given(lines())
def test_a_digit_is_made_of_few_neighbours(line: tuple[list[Atom], dict[tuple[int, int], float]]) -> None:
    atoms, scores = line
    assert {(index, index + 1) for index in range(len(atoms))} <= set(scores)
    for first, end in scores:
        assert end > first
        assert end - first <= MOST_ATOMS or atoms[first].group == atoms[end - 1].group


def test_what_stands_apart_is_not_one_digit() -> None:
    atoms = [single(0, 0), single(1, 100)]
    assert candidates(atoms, height=20) == [(0, 1), (1, 2)]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 9999))
def test_cutting_loses_no_ink(train: Dataset, seed: int) -> None:
    random = np.random.default_rng(seed)
    ink = find_ink(255 - written(train.images[random.integers(len(train), size=3)], gap=int(random.integers(-6, 9))))
    for row in find_rows(find_pieces(ink.mask)):
        atoms, scale = find_atoms(row, ink.strength, ink.edge)
        assert scale == 1
        for index, group in enumerate(row.groups):
            own = np.isin(group.pieces[0].labels, [piece.number for piece in group.pieces])
            kept = merged([atom for atom in atoms if atom.group == index])
            assert (kept >= ink.edge).sum() >= (ink.mask[own] > 0).sum()
            assert kept.astype(float).sum() >= 0.99 * ink.strength[own].sum()


def test_high_lines_are_worked_on_smaller(train: Dataset) -> None:
    ink = find_ink(255 - written(train.images[:3], tall=256, gap=60))
    (row,) = find_rows(find_pieces(ink.mask))
    atoms, scale = find_atoms(row, ink.strength, ink.edge)
    assert scale == pytest.approx(0.5, abs=0.03)
    assert max(atom.ink.shape[0] for atom in atoms) <= 135


def test_atoms_merge_into_the_picture_that_they_are_parts_of() -> None:
    left, right = Atom(np.full((2, 3), 7, np.uint8), 5, 1, 0), Atom(np.full((3, 2), 9, np.uint8), 9, 0, 0)
    assert merged([left, right]).tolist() == [[0, 0, 0, 0, 9, 9], [7, 7, 7, 0, 9, 9], [7, 7, 7, 0, 9, 9]]
