"""Pieces: ink that hangs together. What is too small or too strange to be part of a digit is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits.reading.ink import Mask, Picture
from digits.reading.opencv import cv2

Box = tuple[int, int, int, int]  # left, top, width, height

MOST = 5_000  # pieces; a page of noise has more
SPECK, DUST = 0.12, 0.01  # of the largest piece's longer side and ink: what has less is dirt
EDGE = 0.015  # of the picture's longer side: so near to an edge, with all of its width or height, is no digit
FRAME, LONG = 0.12, 0.6  # of the picture's sides: how far from an edge its frame is, and how long, at least


@dataclass(frozen=True)
class Piece:
    """Connected ink.

    Attributes:
        number: in ``labels``.
        box: left, top, width, height, in pixels.
        area: pixels of ink.
        labels: ``(height, width) int32``: which piece each pixel belongs to; shared by all pieces of a picture.
    """

    number: int
    box: Box
    area: int
    labels: NDArray[np.int32]


def find_pieces(mask: Mask) -> list[Piece]:
    """The connected parts of the ink, the one with most ink first; diagonal neighbours are connected."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    rows = statistics[1:]
    order = np.argsort(-rows[:, cv2.CC_STAT_AREA], kind="stable")[:MOST]
    pieces = []
    for number in order.tolist():
        left, top, width, height, area = rows[number].tolist()
        pieces.append(Piece(number + 1, (left, top, width, height), area, labels))
    return pieces


def without_edges(pieces: Sequence[Piece]) -> list[Piece]:
    """Leave out what lies right along an edge of the picture, such as the end of the paper, unless that is all."""
    return [piece for piece in pieces if _from_edge(piece) > EDGE * max(piece.labels.shape)] or list(pieces)


def without_specks(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces of one digit: what is small beside the largest of them is dirt, and two long ones are its frame."""
    inside = [piece for piece in pieces if not _is_frame(piece)]
    if inside and len(pieces) - len(inside) > 1:
        pieces = inside
    largest = max((max(piece.box[2:]) for piece in pieces), default=0)
    heaviest = max((piece.area for piece in pieces), default=0)
    return [p for p in pieces if max(p.box[2:]) >= SPECK * largest and p.area >= DUST * heaviest]


def _from_edge(piece: Piece) -> int:
    """How far from the nearest edge of the picture the piece still reaches, in pixels."""
    left, top, wide, tall = piece.box
    height, width = map(int, piece.labels.shape)
    return min(left + wide, width - left, top + tall, height - top)


def _is_frame(piece: Piece) -> bool:
    """Whether it runs along an edge of the picture, near it."""
    height, width = map(int, piece.labels.shape)
    _, _, wide, tall = piece.box
    return _from_edge(piece) <= FRAME * max(height, width) and (wide >= LONG * width or tall >= LONG * height)


def only(pieces: Sequence[Piece], strength: Picture) -> Picture:
    """The ink of some pieces, with the rim of their strokes, on the smallest part of the picture that has them."""
    left, top, width, height = around([piece.box for piece in pieces])
    rows, columns = slice(max(0, top - 1), top + height + 1), slice(max(0, left - 1), left + width + 1)
    own = np.isin(pieces[0].labels[rows, columns], [piece.number for piece in pieces]).astype(np.uint8)
    near = cv2.dilate(own, np.ones((3, 3), np.uint8))
    return np.where(near > 0, strength[rows, columns], 0).astype(np.uint8)


def around(boxes: Sequence[Box]) -> Box:
    """The box around boxes."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top
