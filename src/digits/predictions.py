"""What to predict on, as a person names it (``0 1 2``, ``10-20``, ``my-seven.png``), and the network's answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from digits.activations import Array
from digits.datasets import Dataset
from digits.errors import DigitsError
from digits.evaluation import finite_probabilities
from digits.neural_network import NeuralNetwork


@dataclass(frozen=True)
class Question:
    """One image to be recognised.

    Attributes:
        source: as the user named it: the index in the test set, or the picture's path.
        image: ``(28, 28) uint8``, as the network sees it.
        truth: the label, where it is known.
    """

    source: str
    image: Array
    truth: int | None = None


@dataclass(frozen=True)
class Prediction(Question):
    """The network's answer to a question.

    Attributes:
        probabilities: of the ten digits.
    """

    probabilities: tuple[float, ...] = ()

    @property
    def label(self) -> int:
        """The most probable digit."""
        return int(np.argmax(self.probabilities))

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.probabilities[self.label]

    @property
    def name(self) -> str:
        """What to call it before a person."""
        return f"test image {self.source}" if self.source.isdecimal() else self.source

    def to_dict(self) -> dict[str, Any]:
        """As the JSON of ``digits predict`` has it."""
        answer = {
            "source": self.source,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": list(self.probabilities),
        }
        return answer if self.truth is None else answer | {"truth": self.truth}


INDICES = re.compile(r"[\s,;]*[0-9]+([-–][0-9]+)?([\s,;]+[0-9]+([-–][0-9]+)?)*[\s,;]*")


def looks_like_indices(text: str) -> bool:
    """Whether a text is indices, like ``0 1 2``, ``0,1,2``, ``10-20`` or a mixture, rather than a file's name."""
    return INDICES.fullmatch(text) is not None


def parse_indices(text: str, count: int) -> list[int]:
    """Read ``0 1 2``, ``0,1,2`` or ``10-20``, or a mixture, as indices of a set of ``count`` images, in that order.

    Raises:
        DigitsError: if it is something else, an index lies outside the set, or a range runs backwards.
    """
    if not looks_like_indices(text):
        raise DigitsError(f"{text.strip()!r} is no list of indices; write them like 0 1 2 or 10-20.")
    indices: list[int] = []
    for first, last in re.findall(r"([0-9]+)(?:[-–]([0-9]+))?", text):
        start, end = (_index(number, count) for number in (first, last or first))
        if end < start:
            raise DigitsError(f"the range {first}-{last} runs backwards; write {last}-{first}.")
        indices.extend(range(start, end + 1))
    return indices


def _index(number: str, count: int) -> int:
    significant = number.lstrip("0") or "0"
    if len(significant) > len(str(count)) or int(significant) >= count:
        raise DigitsError(f"there is no image {number[:20]}: the test set has images 0 to {count - 1}.")
    return int(significant)


def from_test_set(indices: Sequence[int], test_set: Dataset) -> list[Question]:
    """Ask about images of the test set."""
    labels = test_set.labels if test_set.has_labels else None
    return [
        Question(str(index), test_set.images[index], None if labels is None else int(labels[index]))
        for index in indices
    ]


def from_picture(path: str) -> Question:
    """Ask about a picture file of one digit.

    Raises:
        DigitsError: if it is no picture, or blank.
    """
    from digits.reading import open_picture, prepare_digit  # OpenCV takes a quarter of a second

    try:
        return Question(path, prepare_digit(open_picture(path)))
    except DigitsError as error:
        raise error if path in str(error) else DigitsError(f"{path}: {error}") from None


def answer(network: NeuralNetwork, questions: Sequence[Question]) -> list[Prediction]:
    """Let the network answer.

    Raises:
        DigitsError: if its answers are not finite numbers.
    """
    probabilities = finite_probabilities(network, np.stack([question.image for question in questions]))
    return [
        Prediction(question.source, question.image, question.truth, tuple(row))
        for question, row in zip(questions, probabilities.tolist(), strict=True)
    ]


def columns(answers: Sequence[Prediction]) -> tuple[Array, Array, list[int | None], list[str]]:
    """Images ``(n, 28, 28)``, probabilities ``(n, 10)``, truths and names of some answers, as a figure takes them."""
    images = np.stack([prediction.image for prediction in answers])
    probabilities = np.array([prediction.probabilities for prediction in answers])
    return images, probabilities, [p.truth for p in answers], [p.name for p in answers]
