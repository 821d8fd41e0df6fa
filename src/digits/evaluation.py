"""How good a network is, where it fails, and whether its confidence can be believed.

``evaluate`` runs a network over labelled images once. The ``Evaluation`` it returns derives every measure
from the probabilities of that one run, so no two of them can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import CLASSES
from digits.errors import NOT_FINITE, DigitsError
from digits.neural_network import NeuralNetwork

MISTAKES_LISTED = 25  # in to_dict: enough to look at, few enough to print


def evaluate(network: NeuralNetwork, images: Array, labels: Array) -> Evaluation:
    """Run a network over labelled images.

    Args:
        network: with ten outputs.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers 0…9.

    Raises:
        DigitsError: if there are no images.
        ValueError: if shapes, dtypes or labels are not such.
    """
    return Evaluation(finite_probabilities(network, images), np.asarray(labels))


def finite_probabilities(network: NeuralNetwork, images: Array) -> Array:
    """``network.predict_proba(images)``, ``(n, 10)``, of a network that somebody may have trained badly.

    Raises:
        DigitsError: if they are not finite numbers.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported here, in words
        probabilities = network.predict_proba(images)
    if not np.isfinite(probabilities).all():
        raise DigitsError(NOT_FINITE)
    return probabilities


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network answered to labelled images, and the measures that follow from it.

    Attributes:
        probabilities: ``(n, 10)``: of each digit, for each image.
        labels: ``(n,)`` integers: the truth.

    Raises:
        DigitsError: if there are no images.
        ValueError: if shapes, dtypes or labels are not such.
    """

    probabilities: Array
    labels: Array

    def __post_init__(self) -> None:
        probabilities, labels = self.probabilities, self.labels
        if probabilities.ndim != 2 or probabilities.shape[1] != CLASSES:
            raise ValueError(f"probabilities must have shape (n, 10); got {probabilities.shape}")
        if labels.shape != probabilities.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels must be {len(probabilities)} integers, one for each image;"
                f" got shape {labels.shape}, {labels.dtype}"
            )
        if len(labels) == 0:
            raise DigitsError("there are no images to measure the network on.")
        if labels.min() < 0 or labels.max() >= CLASSES:
            raise ValueError(f"labels must lie in 0…9; got {labels.min()}…{labels.max()}")

    def __repr__(self) -> str:
        return f"Evaluation({self.count:,} images, {100 * self.accuracy:.2f} % right)"

    # -- answers ---------------------------------------------------------------------------------------------

    @cached_property
    def predictions(self) -> Array:
        """``(n,)``: the most probable digit of each image."""
        answers: Array = self.probabilities.argmax(axis=1)
        return answers

    @cached_property
    def confidences(self) -> Array:
        """``(n,)``: the probability of each image's most probable digit."""
        highest: Array = self.probabilities.max(axis=1)
        return highest

    @property
    def count(self) -> int:
        """How many images."""
        return len(self.labels)

    @property
    def mistake_count(self) -> int:
        """How many images are misread."""
        return int(np.count_nonzero(self.predictions != self.labels))

    @property
    def accuracy(self) -> float:
        """The share of images read right, 0…1."""
        return (self.count - self.mistake_count) / self.count

    @property
    def error_percent(self) -> float:
        """The percentage of images misread."""
        return 100 * self.mistake_count / self.count

    # -- where it fails --------------------------------------------------------------------------------------

    @cached_property
    def confusion(self) -> Array:
        """``(10, 10)`` integers: how many images of digit [row] were read as digit [column]."""
        pairs = CLASSES * self.labels.astype(np.intp) + self.predictions
        return np.bincount(pairs, minlength=CLASSES * CLASSES).reshape(CLASSES, CLASSES)

    @property
    def per_digit(self) -> list[float | None]:
        """The accuracy (0…1) on the images of each digit; None for a digit that does not occur."""
        totals = self.confusion.sum(axis=1).tolist()
        rights = self.confusion.diagonal().tolist()
        return [right / total if total else None for right, total in zip(rights, totals, strict=True)]

    def mistakes(self, limit: int | None = None) -> Array:
        """``(m,)``: where the misread images are, those with most confidence in the wrong answer first."""
        wrong = np.flatnonzero(self.predictions != self.labels)
        worst_first = np.argsort(-self.confidences[wrong], kind="stable")
        return wrong[worst_first[:limit]]

    def most_confused(self, limit: int | None = None) -> list[tuple[int, int, int]]:
        """The kinds of mistakes as (truth, prediction, how often), the most frequent first."""
        rows, columns = np.nonzero(self.confusion)
        counts = self.confusion[rows, columns]
        kinds = zip(rows.tolist(), columns.tolist(), counts.tolist(), strict=True)
        mistakes = [kind for kind in kinds if kind[0] != kind[1]]
        return sorted(mistakes, key=lambda kind: -kind[2])[:limit]

    # -- whether it knows ------------------------------------------------------------------------------------

    def calibration(self, bins: int = 15) -> Calibration:
        """Compare confidence with accuracy, in bins of equal width (Guo et al. 2017, section 2).

        Image i falls into bin m of M if its confidence lies in ((m − 1)/M, m/M].

        Raises:
            ValueError: if there is not at least one bin.
        """
        if bins < 1:
            raise ValueError(f"calibration needs at least one bin; got {bins}")
        confidences = self.confidences.astype(np.float64)
        bin_of = np.clip(np.ceil(confidences * bins).astype(np.intp) - 1, 0, bins - 1)
        counts = np.bincount(bin_of, minlength=bins)
        confidence_sums = np.bincount(bin_of, weights=confidences, minlength=bins)
        rights = np.bincount(bin_of, weights=self.predictions == self.labels, minlength=bins)
        filled = np.maximum(counts, 1)
        return Calibration(confidence_sums / filled, rights / filled, counts)

    def to_dict(self) -> dict[str, Any]:
        """The measures as plain lists and numbers: the JSON of ``digits evaluate``."""
        worst = self.mistakes(MISTAKES_LISTED)
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "error_percent": self.error_percent,
            "per_digit": self.per_digit,
            "confusion": self.confusion.tolist(),
            "expected_calibration_error": self.calibration().expected_error,
            "mistakes": [
                {
                    "index": int(index),
                    "truth": int(self.labels[index]),
                    "label": int(self.predictions[index]),
                    "confidence": float(self.confidences[index]),
                }
                for index in worst
            ],
        }


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence against accuracy, bin by bin; in a bin without images both are 0.

    Attributes:
        confidence: ``(bins,)``: the mean confidence of the bin's images, 0…1.
        accuracy: ``(bins,)``: the share of them that was read right, 0…1.
        counts: ``(bins,)`` integers: how many images.
    """

    confidence: Array
    accuracy: Array
    counts: Array

    @property
    def expected_error(self) -> float:
        """The expected calibration error: Σ_m |B_m|/n · |acc(B_m) − conf(B_m)| (Guo et al., equation 3)."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float(self.counts @ gaps / self.counts.sum())


def wilson_interval(right: float, count: float) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy, after ``right`` of ``count`` (Wilson 1927).

    Unlike that of the normal approximation it stays within 0…1, and has a width even where all are right.
    """
    z = 1.96  # standard deviations on either side that hold 95 % of a normal distribution
    share = right / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - half), min(1.0, centre + half)
