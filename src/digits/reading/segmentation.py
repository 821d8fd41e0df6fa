"""Digits that touch are cut apart, digits in several pieces joined, with the network as the judge.

A line of ink is cut wherever a cut might be right, rather too often: into *atoms*. Cuts are seams, which wind their way
down between the digits through as little ink as there is. Each digit is a few neighbouring atoms. Every run of them
that is not too wide is shown to the network; the best way through the line is found by dynamic programming (Matan,
Burges, LeCun and Denker 1992, "Multi-Digit Recognition Using a Space Displacement Neural Network"; Casey and Lecolinet
1996 survey it as "recognition-based segmentation").

A shape that stands alone is shown to the network whole first. Where it is surer of that than a cut costs, no way
through the shape's parts can be better, and none is looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digits.activations import Array
from digits.reading.ink import Picture
from digits.reading.layout import Row
from digits.reading.opencv import cv2
from digits.reading.pieces import Box, around, only

Run = tuple[int, int]  # the first of some neighbouring atoms, and the one after the last

TALL = 128  # pixels to which a line is shrunk at most
WIDEST = 1.5  # of the line's height: no digit is wider
MOST_ATOMS = 5  # in one digit
APART = 0.2  # of the line's height: farther apart are not parts of one digit
CUT_WIDTH = 0.5  # of the line's height: what is narrower is not cut
CUT_APART = 0.15  # of the line's height: cuts are no closer
WIDE_COST = 12.0  # nats, for a digit as much wider as its line is high than the line is high
LOW, LOW_COST = 0.6, 20.0  # the same for one lower than a share of the line
CUT_COST = 2.0  # nats: how much surer the network must be, to cut through ink
JOIN_COST = 3.0  # nats: and to join what does not touch
CUT_INK = 0.4  # of the line's height: where a seam would cross more ink, no cut is tried
SEAM_TALL = 48  # pixels of a line's height, on which seams are looked for
REACH = 0.25  # of the line's height: how far a seam may bend to each side
LEAN = 0.05  # pixels of ink that it costs a seam, in each row, to be so far out
SIDEWAYS = 0.02  # the same, to go to a neighbouring column


@dataclass(frozen=True)
class Atom:
    """Ink that is not cut any further.

    Attributes:
        ink: ``(height, width) uint8``: its strength.
        left, top: of its corner, on the line's own scale.
        group: which group it was cut from.
    """

    ink: Picture
    left: int
    top: int
    group: int

    @property
    def box(self) -> Box:
        """Left, top, width, height."""
        return self.left, self.top, self.ink.shape[1], self.ink.shape[0]


@dataclass(frozen=True)
class WholeRow:
    """A line before anything on it is cut.

    Attributes:
        shapes: from left to right, with some paper around.
        height: of a usual digit, on the shapes' scale.
        scale: pixels of the shapes, for one of the page.
    """

    shapes: list[Atom]
    height: float
    scale: float


@dataclass(frozen=True)
class CutRow:
    """A line, and all ways to read it.

    Attributes:
        atoms: from left to right.
        runs: those of neighbouring atoms that may be one digit.
        height: of a usual digit, on the atoms' scale.
        scale: pixels of the atoms, for one of the page.
    """

    atoms: list[Atom]
    runs: list[Run]
    height: float
    scale: float


def whole_row(row: Row, strength: Picture) -> WholeRow:
    """Take the ink of a line, on a scale of its own."""
    scale = min(1.0, TALL / row.height)
    shapes: list[Atom] = []
    for index, group in enumerate(row.groups):
        ink, (left, top) = only(group.pieces, strength), (max(0, side - 1) for side in group.box[:2])
        if scale < 1:
            size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
            ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))
        shapes.append(Atom(ink, round(left * scale), round(top * scale), index))
    return WholeRow(shapes, row.height * scale, scale)


def standing_alone(row: WholeRow, edge: int) -> list[Atom]:
    """The shapes that are no part of a digit together with another: their neighbours are too far away."""
    atoms = [atom for shape in row.shapes for atom in _trimmed(shape.ink, shape, edge)]
    apart = [True, *(_gap(*neighbours) > APART * row.height for neighbours in pairwise(atoms)), True]
    return [atom for atom, before, after in zip(atoms, apart, apart[1:], strict=False) if before and after]


def cut_row(row: WholeRow, edge: int, sure: Collection[int] = ()) -> CutRow:
    """Cut a line into atoms, and list what may be a digit.

    Args:
        row: the line.
        edge: ink that is weaker is paper.
        sure: the groups that are not to be cut.
    """
    parts = [
        _trimmed(shape.ink, shape, edge) if shape.group in sure else _cut(shape, row.height, edge)
        for shape in row.shapes
    ]
    atoms = sorted((atom for part in parts for atom in part), key=lambda atom: (atom.group, atom.left))
    return CutRow(atoms, candidates(atoms, row.height), row.height, row.scale)


def whole_group(atoms: Sequence[Atom], run: Run) -> int | None:
    """The group that a run of atoms makes up, all of it and nothing else; None if it does not."""
    group = atoms[run[0]].group
    numbers = [atom.group for atom in atoms]
    return group if numbers[slice(*run)] == [group] * numbers.count(group) else None


def merged(atoms: Sequence[Atom]) -> Picture:
    """Several atoms as one picture."""
    left, top, width, height = around([atom.box for atom in atoms])
    ink = np.zeros((height, width), np.uint8)
    for atom in atoms:
        x, y, w, h = atom.box
        part = ink[y - top : y - top + h, x - left : x - left + w]
        np.maximum(part, atom.ink, out=part)
    return ink


def candidates(atoms: Sequence[Atom], height: float) -> list[Run]:
    """The runs of atoms that may be one digit, as (first, one past the last): short ones, and whole groups."""
    runs = []
    for first in range(len(atoms)):
        group = atoms[first].group
        whole = sum(atom.group == group for atom in atoms)
        if whole > MOST_ATOMS and (first == 0 or atoms[first - 1].group != group):
            runs.append((first, first + whole))
        for end in range(first + 1, min(first + MOST_ATOMS, len(atoms)) + 1):
            box = around([atom.box for atom in atoms[first:end]])
            if end > first + 1 and (box[2] > WIDEST * height or _gap(atoms[end - 2], atoms[end - 1]) > APART * height):
                break
            runs.append((first, end))
    return runs


def best_path(atoms: Sequence[Atom], scores: dict[Run, float], height: float) -> list[Run]:
    """Cut a line into runs of atoms: the sum of their scores, less what cuts, joins and odd shapes cost, is largest."""
    count = len(atoms)
    best = [0.0] + [-np.inf] * count
    came: list[Run] = [(0, 0)] * (count + 1)
    for (first, end), score in sorted(scores.items(), key=lambda item: item[0][1]):
        through = first > 0 and atoms[first - 1].group == atoms[first].group
        joined = atoms[end - 1].group - atoms[first].group
        odd = _oddness(around([atom.box for atom in atoms[first:end]]), height)
        total = best[first] + score - CUT_COST * through - JOIN_COST * joined - odd
        if total > best[end]:
            best[end], came[end] = total, (first, end)
    path: list[Run] = []
    end = count
    while end:
        path.append(came[end])
        end = came[end][0]
    return path[::-1]


def is_sure(box: Box, score: float, height: float) -> bool:
    """Whether a shape that stands alone scores so high that its parts cannot score higher: at most 0, less a cut."""
    return score - _oddness(box, height) > -CUT_COST


def _oddness(box: Box, height: float) -> float:
    """What it costs a digit to be too wide or too low for its line."""
    _, _, wide, tall = box
    return WIDE_COST * max(0.0, wide / height - 1) + LOW_COST * max(0.0, LOW - tall / height)


def _gap(before: Atom, after: Atom) -> float:
    if before.group == after.group:
        return 0.0
    return float(after.left - before.left - before.ink.shape[1])


def _cut(atom: Atom, height: float, edge: int) -> list[Atom]:
    """Cut along the seams with the least ink, where there is hardly more than one stroke."""
    width = atom.ink.shape[1]
    if width < CUT_WIDTH * height:
        return _trimmed(atom.ink, atom, edge)
    ink = np.where(atom.ink >= edge, atom.ink, 0).astype(np.uint8)
    bounds = [np.zeros(len(ink), int), *_seams(ink, height), np.full(len(ink), width)]
    columns = np.arange(width)
    return [
        part
        for left, right in pairwise(bounds)
        for part in _trimmed(
            np.where((columns >= left[:, np.newaxis]) & (columns < right[:, np.newaxis]), atom.ink, 0), atom, edge
        )
    ]


def _seams(ink: Picture, height: float) -> list[NDArray[np.intp]]:
    """Ways through the ink from top to bottom that cross little of it: ``(rows,)`` columns each, from left to right."""
    scale = min(1.0, SEAM_TALL / height)
    size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
    small = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA)) / 255
    margin, height = CUT_APART * height * scale, height * scale
    middles = np.arange(round(margin), size[0] - round(margin), 2)
    if not len(middles):
        return []
    seams, costs = _cheapest(small, middles, max(1, round(REACH * height)))
    chosen: list[NDArray[np.intp]] = []
    for index in np.argsort(costs, kind="stable").tolist():
        if costs[index] > CUT_INK * height or len(chosen) >= size[0] / margin / 2:
            break
        apart = [seams[index] - other for other in chosen]
        if all(abs(each.mean()) >= margin and (each.min() >= 0 or each.max() <= 0) for each in apart):
            chosen.append(seams[index])
    rows = np.minimum(np.arange(len(ink)) * len(small) // len(ink), len(small) - 1)
    return sorted((np.rint(seam[rows] / scale).astype(int) for seam in chosen), key=lambda seam: float(seam.mean()))


def _cheapest(ink: Array, middles: NDArray[np.intp], reach: int) -> tuple[NDArray[np.intp], Array]:
    """Around each middle column the way down that costs least, by dynamic programming.

    From row to row it goes straight or to a neighbouring column; a pixel costs its ink, and a little for its distance
    from the middle (a seam, in Avidan and Shamir 2007, "Seam Carving").

    Returns:
        ``(middles, rows)`` columns, ``(middles,)`` costs.
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(ink, ((0, 0), (reach, reach))), 2 * reach + 1, axis=1)
    tolls = windows[:, middles] + LEAN * np.abs(np.arange(-reach, reach + 1)) / reach
    best, came = tolls[0], []
    ways = np.full((3, *best.shape), np.inf)
    for toll in tolls[1:]:
        ways[0, :, 1:], ways[1], ways[2, :, :-1] = best[:, :-1] + SIDEWAYS, best, best[:, 1:] + SIDEWAYS
        came.append(ways.argmin(axis=0) - 1)
        best = ways.min(axis=0) + toll
    each = np.arange(len(middles))
    place = best.argmin(axis=1)
    costs = best[each, place]
    columns = [place]
    for step in came[::-1]:
        place = place + step[each, place]
        columns.append(place)
    return (np.stack(columns[::-1], axis=1) + middles[:, np.newaxis] - reach).clip(0, ink.shape[1]), costs


def _trimmed(ink: Picture, atom: Atom, edge: int) -> list[Atom]:
    """A part of an atom's ink without the paper around; nothing if there is no ink in it."""
    rows, columns = (np.flatnonzero((ink >= max(edge, 1)).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    inked = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return [Atom(inked, atom.left + int(columns[0]), atom.top + int(rows[0]), atom.group)]
