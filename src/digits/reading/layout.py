"""Which pieces of ink belong together, on which line they stand, and in which order they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from digits.activations import Array
from digits.reading.pieces import Box, Piece, around, without_edges

DOT = 0.3  # of a digit's height: what is lower is a dot or a dash, unless it belongs to a digit
TALLEST = 2.5  # times a digit's height: what is taller is a frame, a brace, a rule's rest
LEVEL = 8  # times as wide as high is no digit, nor several: a rule, or the edge of the paper
HAIR = 0.15  # of the usual thickness: thinner pieces are what is left of rules
FRAGMENT = 0.7  # of a digit's height: what is lower may be a part of one
NEAR = 0.35  # of a digit's height: so far apart, at most, are the strokes of one digit, one above the other
BESIDE = 0.06  # of a digit's height: so far apart, at most, are its strokes side by side
HIGHEST = 1.4  # times a digit's height: strokes that are higher together are not one digit
GAP = 0.9  # of a digit's height: wider gaps are spaces
STEEPEST = 15  # degrees that a page may be turned by


@dataclass(frozen=True)
class Group:
    """Pieces that are taken for one shape.

    Attributes:
        pieces: one or more.
    """

    pieces: tuple[Piece, ...]

    @cached_property
    def box(self) -> Box:
        """Around all of them."""
        return around([piece.box for piece in self.pieces])


@dataclass(frozen=True)
class Row:
    """A line of shapes, from left to right.

    Attributes:
        groups: the shapes.
        height: of a usual digit on it, in pixels.
    """

    groups: tuple[Group, ...]
    height: float


def find_rows(pieces: Sequence[Piece]) -> list[Row]:
    """Join the strokes of each digit, leave dots out, and sort what remains into lines.

    Returns:
        The lines from top to bottom.
    """
    if not pieces:
        return []
    pieces = without_edges(pieces)
    height = usual_height(pieces)
    strokes = _weighted_median([_thickness(piece) for piece in pieces], pieces)
    pieces = [p for p in pieces if _may_be_digits(p, height) and _thickness(p) >= HAIR * strokes]
    groups = [g for g in _joined(pieces, height) if g.box[3] >= DOT * height]
    slope = _slope(groups, height)
    return [
        Row(tuple(sorted(row, key=lambda group: group.box[0])), float(np.median([g.box[3] for g in row])))
        for row in _rows(groups, height, slope)
    ]


def usual_height(pieces: Sequence[Piece]) -> float:
    """How high a digit is on this page: half of the ink is in pieces that are no higher, level ones left out."""
    pieces = [piece for piece in pieces if piece.box[2] < LEVEL * piece.box[3]] or pieces
    return _weighted_median([piece.box[3] for piece in pieces], pieces)


def _may_be_digits(piece: Piece, height: float) -> bool:
    """Whether it is neither too tall nor, but for the bar of a 5, too level."""
    _, _, wide, tall = piece.box
    return tall <= TALLEST * height and (wide < LEVEL * tall or wide <= height)


def _weighted_median(values: Sequence[float], pieces: Sequence[Piece]) -> float:
    """The value that half of the ink has, or less."""
    order = np.argsort(values)
    areas = np.array([piece.area for piece in pieces])[order]
    return float(values[order[np.searchsorted(areas.cumsum(), areas.sum() / 2)]])


def _thickness(piece: Piece) -> float:
    """Roughly how thick the strokes are: the ink by the longer side, as for a straight line."""
    return piece.area / max(piece.box[2:])


def spaces(before: Box, after: Box, height: float) -> int:
    """How many spaces stand between two neighbours on a line: one where the gap is wider than between digits."""
    return int(after[0] - before[0] - before[2] > GAP * height)


def _joined(pieces: Sequence[Piece], height: float) -> list[Group]:
    """Join fragments with what is right above, below or beside them, the lowest first, each with its nearest."""
    groups: list[Group | None] = [Group((piece,)) for piece in pieces]
    boxes = np.array([piece.box for piece in pieces], np.float64)
    waiting = sorted(range(len(pieces)), key=lambda index: -boxes[index, 3])
    while waiting:
        index = waiting.pop()
        group = groups[index]
        if group is None or group.box[3] >= FRAGMENT * height:
            continue
        apart = np.where(_belong_together(boxes, index, height), _distances(boxes, boxes[index]), np.inf)
        partner = int(apart.argmin())
        other = groups[partner]
        if other is not None and np.isfinite(apart[partner]):
            groups[partner], groups[index] = Group(other.pieces + group.pieces), None
            boxes[partner] = around([other.box, group.box])
            boxes[index] = np.nan
            waiting.append(partner)
    return [group for group in groups if group is not None]


def _belong_together(boxes: Array, index: int, height: float) -> Array:
    """For each box whether it and a low one are strokes of one digit: they share columns, and little is between."""
    box = boxes[index]
    first, last = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    shared = (last - first).T  # columns and rows
    inside = shared[0] >= 0.4 * np.minimum(boxes[:, 2], box[2])
    beside = (shared[0] >= -BESIDE * height) & (shared[1] > 0)
    joined = np.maximum(boxes[:, 1] + boxes[:, 3], box[1] + box[3]) - np.minimum(boxes[:, 1], box[1])
    near = _distances(boxes, box) <= NEAR * height
    together: Array = (inside | beside) & near & (joined <= HIGHEST * height)
    together[index] = False
    return together


def _distances(boxes: Array, box: Array) -> Array:
    """The rows and columns of paper between a box and others; NaN where a box is NaN."""
    first, last = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    distances: Array = np.maximum(first - last, 0).sum(axis=1)
    return distances


def _slope(groups: Sequence[Group], height: float) -> float:
    """By how many rows a column the lines climb or fall: the slope at which the shapes overlap most when seen edge on.

    That is when their heights, projected, have the largest variance (Postl 1986).
    """
    if len(groups) < 2:
        return 0.0
    x = np.array([group.box[0] + group.box[2] / 2 for group in groups])
    top = np.array([float(group.box[1]) for group in groups])
    tall = np.array([float(group.box[3]) for group in groups])
    best, found = -1.0, 0.0
    for degrees in sorted(np.arange(-STEEPEST, STEEPEST + 0.5, 0.5), key=abs):
        slope = float(np.tan(np.radians(degrees)))
        moved = top - slope * x
        step = height / 8
        starts = np.floor((moved - moved.min()) / step).astype(int)
        ends = np.ceil((moved + tall - moved.min()) / step).astype(int)
        if ends.max() > 20_000:
            return 0.0
        profile = np.zeros(ends.max() + 2)
        np.add.at(profile, starts, 1)
        np.add.at(profile, ends, -1)
        energy = float((profile.cumsum() ** 2).sum())
        if energy > 1.02 * best:
            best, found = energy, slope
    return found


def _rows(groups: Sequence[Group], height: float, slope: float) -> list[list[Group]]:
    """Sort shapes into lines: each joins the line that shares most of its height, or begins one."""
    rows: list[list[Group]] = []
    bands: list[tuple[float, float]] = []
    for group in sorted(groups, key=lambda group: -group.box[3]):
        left, top, width, tall = group.box
        start = top - slope * (left + width / 2)
        shared = [min(start + tall, bottom) - max(start, first) for first, bottom in bands]
        best = int(np.argmax(shared)) if shared else -1
        if shared and shared[best] > 0.4 * min(tall, bands[best][1] - bands[best][0]):
            rows[best].append(group)
        else:
            rows.append([group])
            bands.append((start, start + min(tall, 1.5 * height)))
    order = np.argsort([first for first, _ in bands])
    return [rows[index] for index in order]
