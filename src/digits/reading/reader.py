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
from digits.reading.opencv import cv2
from digits.reading.page import Digit, Line, Page
from digits.reading.pieces import Box, Piece, around, find_pieces, without_specks
from digits.reading.preparation import as_mnist
from digits.reading.rules import without_rules
from digits.reading.segmentation import best_path, candidates, find_atoms, merged

READING_MODEL = "cnn"
SAMPLE = 400  # training images on which the network's usual energy is measured
LARGEST = 6_000_000  # pixels; larger pictures are shrunk first
ONE_DIGIT = 40  # pixels of the longer side: on a picture no larger there is one digit, in however many pieces
MOST_PIECES = 2_000
NOT_A_DIGIT = -4.0  # standard deviations of the usual energy, from its mean: what has less is no digit
STEEP = 2.5  # how fast the odds of being a digit fall there, in nats a standard deviation
SOLID = 0.8  # of a shape's box full of ink: no digit has as much, unless it is as narrow as a 1
UNSURE = 0.5  # a confidence below is none


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
        small, scale = _limited(picture)
        try:
            ink = find_ink(small, invert)
        except DigitsError as error:
            return Page((), str(error).rstrip(".")), None
        single = max(small.shape[:2]) <= ONE_DIGIT
        mask = ink.mask if single else without_rules(ink.mask, ink.faint)
        steps = Steps(small, ink, mask, scale)
        pieces = find_pieces(mask)
        if not pieces:
            return Page((), BLANK), steps
        if len(pieces) > MOST_PIECES:
            return Page((), f"over {MOST_PIECES:,} specks and shapes: this is no page of digits"), steps
        rows = [_one_digit(pieces)] if single else find_rows(pieces)
        return Page(tuple(self._line(row, number, ink, scale) for number, row in enumerate(rows))), steps

    def _line(self, row: Row, number: int, ink: Ink, scale: float) -> Line:
        """Find the best way to read a line."""
        atoms, fine = find_atoms(row, ink.strength, ink.edge)
        runs = candidates(atoms, row.height * fine)
        images = np.stack([as_mnist(merged(atoms[first:end]), ink.edge) for first, end in runs])
        answers = dict(zip(runs, self._judge(images), strict=True))
        scores = {
            run: -np.logaddexp(0, -STEEP * (z - NOT_A_DIGIT)) + np.log(p.max()) for run, (p, z) in answers.items()
        }
        image_of = dict(zip(runs, images, strict=True))
        digits: list[Digit] = []
        before: Box | None = None
        for run in best_path(atoms, scores, row.height * fine):
            box = around([atom.box for atom in atoms[slice(*run)]])
            space = spaces(before, box, row.height * fine) if before else 0
            before = box
            probabilities, distance = answers[run]
            label, reason = verdict(probabilities, distance)
            if is_solid(image_of[run]):
                label, reason = None, NO_DIGIT
            confidence = float(probabilities.max())
            in_picture = _on_picture(box, fine * scale, ink.mask.shape, scale)
            odds = tuple(probabilities.tolist())
            digits.append(Digit(label, confidence, odds, in_picture, number, reason, space, image_of[run]))
        return Line(tuple(digits))

    def _judge(self, images: Array) -> list[tuple[Array, float]]:
        """For each image the probabilities of the ten digits, and how unusual its energy is, in standard deviations."""
        with blas_threads(1):  # two would wait for each other, over products as small as these
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


def verdict(probabilities: Array, distance: float) -> tuple[int | None, str | None]:
    """The digit, or None and the reason.

    Args:
        probabilities: ``(10,)``.
        distance: of the energy from the usual one, in standard deviations.
    """
    first, second = np.argsort(-probabilities)[:2].tolist()
    if distance < NOT_A_DIGIT:
        return None, NO_DIGIT
    if probabilities[first] < UNSURE:
        return None, f"unsure: {min(first, second)} or {max(first, second)}"
    return first, None


def is_solid(image: Picture) -> bool:
    """Whether a prepared image is a block of ink: of MNIST's digits wider than half their height, 1 in 5,000 is."""
    inked = image > 127
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
        return picture, 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)), scale
