"""A picture → the digits on it: ink, pieces, lines, digits; and what is no digit is refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digits.activations import Array, softmax
from digits.blas_threads import blas_threads
from digits.datasets import load_mnist
from digits.errors import DigitsError
from digits.model_files import load_model
from digits.neural_network import NeuralNetwork
from digits.reading.ink import BLANK, Ink, Invert, Mask, Picture, find_ink
from digits.reading.layout import Group, Row, find_rows, spaces
from digits.reading.margins import magnified
from digits.reading.opencv import cv2
from digits.reading.page import Digit, Line, Page
from digits.reading.pieces import Box, Piece, around, find_pieces, without_specks
from digits.reading.preparation import Preparation, as_mnist_steps
from digits.reading.rules import without_rules
from digits.reading.segmentation import (
    CutRow,
    WholeRow,
    best_path,
    cut_row,
    is_sure,
    merged,
    standing_alone,
    whole_group,
    whole_row,
)

READING_MODEL = "robust"
SAMPLE = 400  # training images on which the network's usual energy is measured
LARGEST = 6_000_000  # pixels; larger pictures are shrunk first
ONE_DIGIT = 40  # pixels of the longer side: on a picture no larger there is one digit, in however many pieces
MOST_PIECES = 2_000
MOST_SHAPES, MOST_CANDIDATES = 800, 1_500  # on a page: a full one of digits has half as many; printed text has more
NOT_A_DIGIT = -4.0  # standard deviations of the usual energy, from its mean: what has less is no digit
STEEP = 2.5  # how fast the odds of being a digit fall there, in nats a standard deviation
UNUSUAL = 1.0  # nats that each standard deviation of energy below the usual costs in the choice of cuts
SOLID = 0.8  # of a shape's box full of ink: no digit has as much, unless it is as narrow as a 1
BROADEST = 10.0  # pixels of MNIST's box of 20: 1 in 20,000 of its digits is broader; a round blot has 11 or more
UNSURE = 0.35  # a confidence below is none
RIVALS = 0.8  # if two digits have so much of the probability together, but neither has half, it may be either

NO_DIGIT = "not a digit"


@dataclass(frozen=True)
class Steps:
    """What was done on the way to a page, for looking at.

    Attributes:
        picture: as it came, at the size at which it was worked on.
        ink: what stands out from the paper.
        mask: the ink without ruled lines.
        scale: pixels of these, for one of the picture that was given.
    """

    picture: Picture
    ink: Ink
    mask: Mask
    scale: float


@dataclass(frozen=True)
class _Seen:
    """What the network said of a shape.

    Attributes:
        way: how it was prepared.
        probabilities: ``(10,)``.
        distance: of its energy from the usual one, in standard deviations.
    """

    way: Preparation
    probabilities: Array
    distance: float

    @property
    def score(self) -> float:
        """The logarithm of the probability that it is the likeliest digit; at most 0."""
        is_digit = -np.logaddexp(0, -STEEP * (self.distance - NOT_A_DIGIT)) + UNUSUAL * min(self.distance, 0.0)
        return float(is_digit + np.log(self.probabilities.max()))


class Reader:
    """Reads pictures with one network. Safe to use from several threads at once.

    How much *energy* a network's logits have for a digit is a matter of its training, so that is measured first, on
    training images; what has much less is refused.

    Args:
        network: as ``load_model(…).network`` has it.
    """

    def __init__(self, network: NeuralNetwork) -> None:
        self.network = network
        energies = energy(network.logits(load_mnist()[0].images[:SAMPLE]))
        self.usual, self.spread = float(energies.mean()), float(energies.std())

    def read(self, picture: Picture, invert: Invert = "auto") -> Page:
        """Read the digits on a picture; see ``read``."""
        return self.read_steps(picture, invert)[0]

    def read_steps(self, picture: Picture, invert: Invert = "auto") -> tuple[Page, Steps | None]:
        """Read, and show the way: the page, and its steps where anything stands out from the paper."""
        with blas_threads(1):  # two would wait for each other, over products as small as these
            return self._read_steps(picture, invert)

    def _read_steps(self, picture: Picture, invert: Invert) -> tuple[Page, Steps | None]:
        small, scale = _limited(picture)
        try:
            ink = find_ink(small, invert)
        except DigitsError as error:
            return Page((), str(error).rstrip(".")), None
        single = max(picture.shape[:2]) <= ONE_DIGIT
        mask = ink.mask if single else without_rules(ink.mask, ink.faint)
        steps = Steps(small, ink, mask, scale)
        pieces = find_pieces(mask)
        if not pieces:
            return Page((), BLANK), steps
        if len(pieces) > MOST_PIECES:
            return Page((), f"over {MOST_PIECES:,} specks and shapes: this is no page of digits"), steps
        rows = [_one_digit(pieces)] if single else find_rows(pieces)
        if not rows:
            return Page((), "rules and specks, but no digits"), steps
        if sum(len(row.groups) for row in rows) > MOST_SHAPES:
            return Page((), f"over {MOST_SHAPES:,} shapes: this is no page of digits"), steps
        whole = [whole_row(row, ink.strength) for row in rows]
        seen = [self._look_at_shapes(row, ink.edge) for row in whole]
        cut = [cut_row(row, ink.edge, sure) for row, (_, sure) in zip(whole, seen, strict=True)]
        if sum(len(row.runs) for row in cut) > MOST_CANDIDATES:
            return Page((), "so many shapes hang together that this is no page of digits"), steps
        lines = enumerate(zip(cut, seen, strict=True))
        return Page(tuple(self._line(row, known, number, ink, scale) for number, (row, (known, _)) in lines)), steps

    def _look_at_shapes(self, row: WholeRow, edge: int) -> tuple[dict[int, _Seen], set[int]]:
        """Look at the shapes of a line that stand alone, and say which of them need no cut; by their groups."""
        alone = standing_alone(row, edge)
        seen = self._look([atom.ink for atom in alone], edge)
        sure = {atom.group for atom, look in zip(alone, seen, strict=True) if is_sure(atom.box, look.score, row.height)}
        return {atom.group: look for atom, look in zip(alone, seen, strict=True)}, sure

    def _look(self, inks: Sequence[Picture], edge: int) -> list[_Seen]:
        """Show shapes to the network."""
        if not inks:
            return []
        prepared = [as_mnist_steps(ink, edge) for ink in inks]
        answers = self.judge(np.stack([each.image for each in prepared]))
        return [_Seen(way, *answer) for way, answer in zip(prepared, answers, strict=True)]

    def _line(self, row: CutRow, known: dict[int, _Seen], number: int, ink: Ink, scale: float) -> Line:
        """Find the best way to read a line: which runs of its atoms are digits."""
        atoms = row.atoms
        groups = {run: whole_group(atoms, run) for run in row.runs}
        seen = {run: known[group] for run, group in groups.items() if group in known}
        unseen = [run for run in row.runs if run not in seen]
        seen |= zip(unseen, self._look([merged(atoms[slice(*run)]) for run in unseen], ink.edge), strict=True)
        scores = {run: look.score for run, look in seen.items()}
        digits: list[Digit] = []
        before: Box | None = None
        for run in best_path(atoms, scores, row.height):
            box = around([atom.box for atom in atoms[slice(*run)]])
            space = spaces(before, box, row.height) if before else 0
            before = box
            look = seen[run]
            label, reason = verdict(look.probabilities, look.distance, look.way)
            confidence = float(look.probabilities.max())
            in_picture = _on_picture(box, row.scale * scale, ink.mask.shape, scale)
            odds = tuple(look.probabilities.tolist())
            found = label, confidence, odds, in_picture, number, reason, space
            digits.append(Digit(*found, preparation=look.way, distance=look.distance, score=look.score))
        return Line(tuple(digits))

    def judge(self, images: Array) -> list[tuple[Array, float]]:
        """For each prepared image what ``verdict`` asks for: the probabilities, and the distance of its energy.

        Args:
            images: ``(n, 28, 28) uint8``.
        """
        with blas_threads(1):
            logits = self.network.logits(images).astype(np.float64)
        distances = (energy(logits) - self.usual) / self.spread
        return list(zip(softmax(logits / self.network.temperature), distances.tolist(), strict=True))


def read(picture: Picture, model: str | None = None, invert: Invert = "auto") -> Page:
    """Read the digits on a picture.

    Args:
        picture: ``(height, width)`` shades of grey or ``(height, width, 3)`` colours, ``uint8``.
        model: the name of a shipped model, or a file; by default the best for reading.
        invert: whether the ink is lighter than the paper: "yes", "no", or "auto" to look.

    Returns:
        The page: its lines, its text, its digits with boxes and probabilities.

    Raises:
        DigitsError: if there is no such model, or the picture has no pixels.
    """
    return Reader(load_model(model or READING_MODEL).network).read(picture, invert)


def energy(logits: Array) -> Array:
    """log Σ exp(z) of each row of logits: large for what resembles the training images.

    It is the negative of the free energy (Liu, Wang, Owens and Li 2020, "Energy-based Out-of-distribution Detection",
    equation 4). Softmax throws it away: a shape that resembles nothing, but 8 a little more than the rest, is an 8
    with certainty.

    Args:
        logits: ``(n, classes)``.

    Returns:
        ``(n,)``, in nats.
    """
    energies: Array = np.logaddexp.reduce(logits, axis=1)
    return energies


def verdict(probabilities: Array, distance: float, way: Preparation | None = None) -> tuple[int | None, str | None]:
    """The digit, or None and the reason.

    Args:
        probabilities: ``(10,)``.
        distance: of the energy from the usual one, in standard deviations.
        way: how it was prepared: a blot or a block of ink is refused, whatever the network says.
    """
    first, second = np.argsort(-probabilities)[:2].tolist()
    if distance < NOT_A_DIGIT or (way is not None and is_blot(way)):
        return None, NO_DIGIT
    if probabilities[first] < UNSURE:
        return None, NO_DIGIT
    if probabilities[first] < 0.5 and probabilities[first] + probabilities[second] >= RIVALS:
        return None, f"unsure: {min(first, second)} or {max(first, second)}"
    return first, None


def is_blot(way: Preparation) -> bool:
    """Whether a shape is as broad as long, or a block: 1 in 5,000 of MNIST's digits is."""
    if way.breadth > BROADEST:
        return True
    inked = way.image > 127
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return True
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    return bool(width > height / 2 and inked.sum() > SOLID * height * width)


def _one_digit(pieces: Sequence[Piece]) -> Row:
    """A line of one shape, made of all that is on the picture, but for specks."""
    group = Group(tuple(without_specks(pieces)))
    return Row((group,), 2 * max(group.box[2:]))  # so low a digit on so high a line is not cut


def _on_picture(box: Box, fine: float, shape: tuple[int, ...], scale: float) -> Box:
    """A box on a line's own scale, as one on the picture that was given, and within it."""
    height, width = (round(side / scale) for side in shape)
    left, top = max(0, round(box[0] / fine)), max(0, round(box[1] / fine))
    right, bottom = min(width, round((box[0] + box[2]) / fine)), min(height, round((box[1] + box[3]) / fine))
    return left, top, max(1, right - left), max(1, bottom - top)


def _limited(picture: Picture) -> tuple[Picture, float]:
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)) or picture.size == 0:
        raise DigitsError(f"a picture has shape (height, width) or (height, width, 3); got {picture.shape}.")
    height, width = picture.shape[:2]
    scale = min(1.0, (LARGEST / (height * width)) ** 0.5)
    if scale == 1:
        return magnified(picture)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)), scale
