"""Digits that touch are cut apart, digits in several pieces joined, with the network as the judge.

A line of ink is cut wherever a cut might be right, rather too often: into *atoms*. Each digit is a few neighbouring
atoms. Every run of them that is not too wide is shown to the network; the best way through the line is found by dynamic
programming (Matan, Burges, LeCun and Denker 1992, "Multi-Digit Recognition Using a Space Displacement Neural Network";
Casey and Lecolinet 1996 survey it as "recognition-based segmentation").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from digits.reading.ink import Picture
from digits.reading.layout import Row
from digits.reading.opencv import cv2
from digits.reading.pieces import Box, around, only

TALL = 128  # pixels to which a line is shrunk at most
WIDEST = 1.5  # of the line's height: no digit is wider
MOST_ATOMS = 5  # in one digit
APART = 0.2  # of the line's height: farther apart are not parts of one digit
CUT_WIDTH = 0.75  # of the line's height: what is narrower is not cut
CUT_APART = 0.15  # of the line's height: cuts are no closer
WIDE_COST = 12.0  # nats, for a digit as much wider as its line is high than the line is high
LOW, LOW_COST = 0.6, 20.0  # the same for one lower than a share of the line
CUT_COST = 3.0  # nats: how much surer the network must be, to cut through ink
JOIN_COST = 3.0  # nats: and to join what does not touch
CUT_INK = 0.9  # of the ink that a column has on average: where there is more, no cut is tried


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


def find_atoms(row: Row, strength: Picture, edge: int) -> tuple[list[Atom], float]:
    """Cut a line into atoms, from left to right.

    Returns:
        The atoms, and their scale: pixels of theirs for one of the page.
    """
    scale = min(1.0, TALL / row.height)
    atoms: list[Atom] = []
    for index, group in enumerate(row.groups):
        ink, (left, top) = only(group.pieces, strength), (max(0, side - 1) for side in group.box[:2])
        if scale < 1:
            size = max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale))
            ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))
        atoms += _cut(Atom(ink, round(left * scale), round(top * scale), index), row.height * scale, edge)
    return sorted(atoms, key=lambda atom: (atom.group, atom.left)), scale


def merged(atoms: Sequence[Atom]) -> Picture:
    """Several atoms as one picture."""
    left, top, width, height = around([atom.box for atom in atoms])
    ink = np.zeros((height, width), np.uint8)
    for atom in atoms:
        x, y, w, h = atom.box
        part = ink[y - top : y - top + h, x - left : x - left + w]
        np.maximum(part, atom.ink, out=part)
    return ink


def candidates(atoms: Sequence[Atom], height: float) -> list[tuple[int, int]]:
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


def best_path(atoms: Sequence[Atom], scores: dict[tuple[int, int], float], height: float) -> list[tuple[int, int]]:
    """Cut a line into runs of atoms: the sum of their scores, less what cuts, joins and odd shapes cost, is largest."""
    count = len(atoms)
    best = [0.0] + [-np.inf] * count
    came: list[tuple[int, int]] = [(0, 0)] * (count + 1)
    for (first, end), score in sorted(scores.items(), key=lambda item: item[0][1]):
        through = first > 0 and atoms[first - 1].group == atoms[first].group
        joined = atoms[end - 1].group - atoms[first].group
        _, _, wide, tall = around([atom.box for atom in atoms[first:end]])
        odd = WIDE_COST * max(0.0, wide / height - 1) + LOW_COST * max(0.0, LOW - tall / height)
        total = best[first] + score - CUT_COST * through - JOIN_COST * joined - odd
        if total > best[end]:
            best[end], came[end] = total, (first, end)
    path: list[tuple[int, int]] = []
    end = count
    while end:
        path.append(came[end])
        end = came[end][0]
    return path[::-1]


def _gap(before: Atom, after: Atom) -> float:
    if before.group == after.group:
        return 0.0
    return float(after.left - before.left - before.ink.shape[1])


def _cut(atom: Atom, height: float, edge: int) -> list[Atom]:
    """Cut at the columns with the least ink, where there is hardly more than one stroke."""
    width = atom.ink.shape[1]
    if width < CUT_WIDTH * height:
        return _trimmed(atom.ink, atom, 0, edge)
    ink = np.where(atom.ink >= edge, atom.ink, 0).sum(axis=0, dtype=np.float64)
    smooth = np.convolve(np.pad(ink, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    margin = max(2, round(CUT_APART * height))
    cuts: list[int] = []
    for column in np.argsort(smooth[margin : width - margin], kind="stable") + margin:
        if smooth[column] > CUT_INK * smooth.mean() and cuts:
            break
        if smooth[column] <= 1.2 * smooth.mean() and all(abs(column - cut) >= margin for cut in cuts):
            cuts.append(int(column))
    bounds = [0, *sorted(cuts), width]
    return [part for start, end in pairwise(bounds) for part in _trimmed(atom.ink[:, start:end], atom, start, edge)]


def _trimmed(ink: Picture, atom: Atom, start: int, edge: int) -> list[Atom]:
    """A part of an atom, from one of its columns on, without the paper around; nothing if there is no ink in it."""
    rows, columns = (np.flatnonzero((ink >= max(edge, 1)).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    inked = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return [Atom(inked, atom.left + start + int(columns[0]), atom.top + int(rows[0]), atom.group)]
