"""How good a network is, where it fails, and whether its confidence can be believed.

``evaluate`` runs a network over labelled images once. The ``Evaluation`` it returns derives every measure
from the probabilities of that one run, so no two of them can disagree. ``fit_temperature`` finds the one number
that makes a network's confidence mean what it says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt
from typing import Any, Protocol

import numpy as np

from digits.activations import Array, softmax
from digits.blas_threads import blas_threads
from digits.data_preprocessing import CLASSES
from digits.errors import NOT_FINITE, DigitsError

MISTAKES_LISTED = 25  # in to_dict: enough to look at, few enough to print
COVERAGES = (0.99, 0.95)  # the shares of the images, the surest, whose mistakes are told
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0  # what fit_temperature looks between


class Classifier(Protocol):
    """What answers with probabilities, safe in several threads at once: a ``NeuralNetwork`` or a ``Committee``."""

    @property
    def inference_batch(self) -> int:
        """How many images to answer at once."""
        ...

    def predict_proba(self, images: Array) -> Array:
        """``(n, 10)``: the probability of each digit for each image."""
        ...


def evaluate(network: Classifier, images: Array, labels: Array) -> Evaluation:
    """Run a network, or several that answer together, over labelled images.

    Args:
        network: with ten outputs.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers 0…9.

    Raises:
        DigitsError: if there are no images.
        ValueError: if shapes, dtypes or labels are not such.
    """
    return Evaluation(finite_probabilities(network, images), np.asarray(labels))


def finite_probabilities(network: Classifier, images: Array) -> Array:
    """``network.predict_proba(images)``, ``(n, 10)``, of a network that somebody may have trained badly.

    Many images are shared out among threads, each with products of its own: BLAS's threads would share out each product
    and wait for each other, which takes long where another program wants a core.

    Raises:
        DigitsError: if they are not finite numbers.
    """

    def answer(start: int) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported below, in words
            return network.predict_proba(images[start : start + network.inference_batch])

    starts = range(0, len(images), network.inference_batch)
    if len(starts) > 1:
        with blas_threads(1), ThreadPoolExecutor(os.cpu_count()) as threads:
            probabilities = np.concatenate(list(threads.map(answer, starts)))
    else:
        probabilities = answer(0)
    if not np.isfinite(probabilities).all():
        raise DigitsError(NOT_FINITE)
    return probabilities


def _check_answers(name: str, scores: Array, labels: Array) -> None:
    """Fail unless there are ten scores for each of at least one image, and a label."""
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise ValueError(f"{name} must have shape (n, 10); got {scores.shape}")
    if labels.shape != scores.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be {len(scores)} integers, one for each image; got shape {labels.shape}, {labels.dtype}"
        )
    if len(labels) == 0:
        raise DigitsError("there are no images to measure the network on.")
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise ValueError(f"labels must lie in 0…9; got {labels.min()}…{labels.max()}")


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
        _check_answers("probabilities", self.probabilities, self.labels)

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

    def cell(self, truth: int, read: int) -> Array:
        """``(m,)``: where the images of digit ``truth`` are that were read as ``read``: a cell of the confusion matrix.

        The most surprising come first: mistakes by most confidence, right answers by least.
        """
        found = np.flatnonzero((self.labels == truth) & (self.predictions == read))
        confidences = self.confidences[found]
        return found[np.argsort(confidences if truth == read else -confidences, kind="stable")]

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

        Image i falls into bin m of M if its confidence lies in ((m − 1)/M, m/M]. With the usual 15 bins, its
        ``expected_error`` is what is reported as the ECE.

        Raises:
            ValueError: if there is not at least one bin.
        """
        _check_bins(bins)
        confidences = self.confidences.astype(np.float64)
        bin_of = np.clip(np.ceil(confidences * bins).astype(np.intp) - 1, 0, bins - 1)
        counts = np.bincount(bin_of, minlength=bins)
        confidence_sums = np.bincount(bin_of, weights=confidences, minlength=bins)
        rights = np.bincount(bin_of, weights=self.predictions == self.labels, minlength=bins)
        filled = np.maximum(counts, 1)
        return Calibration(confidence_sums / filled, rights / filled, counts)

    def adaptive_calibration(self, bins: int = 15) -> Calibration:
        """Compare confidence with accuracy, in bins of equally many images (Nguyen and O'Connor 2015).

        Of a good network, nearly all images fall into the last of the bins of equal width, where too much confidence
        in some makes up for too little in others. Here those images have nearly all the bins. The first bins have the
        lowest confidence; images of equal confidence count alike, on whichever side of an edge they fall.

        Raises:
            ValueError: if there is not at least one bin.
        """
        _check_bins(bins)
        curve = self.risk_coverage()
        edges = self.count * np.arange(bins + 1) // bins  # bin j: from edges[j] to edges[j + 1], the surest first
        counts = np.diff(edges)
        confidence_sums = np.diff(_sums(curve.threshold)[edges])
        rights = counts - np.diff(np.append(0, curve.errors)[edges])
        filled = np.maximum(counts, 1)
        return Calibration((confidence_sums / filled)[::-1], (rights / filled)[::-1], counts[::-1])

    def risk_coverage(self) -> RiskCoverage:
        """What is left of the mistakes if only the surest answers are given (El-Yaniv and Wiener 2010).

        Answers of equal confidence have no order of their own: their mistakes are spread evenly over them, which is
        what a random order comes to on average.
        """
        levels, counts = np.unique(self.confidences, return_counts=True)
        wrong_levels = self.confidences[self.predictions != self.labels]
        wrongs = np.bincount(np.searchsorted(levels, wrong_levels), minlength=len(levels))
        answered = np.arange(1, self.count + 1)
        errors = np.interp(answered, _sums(counts[::-1]), _sums(wrongs[::-1]))  # exact where a level ends
        return RiskCoverage(errors, np.repeat(levels[::-1].astype(np.float64), counts[::-1]))

    @property
    def negative_log_likelihood(self) -> float:
        """The mean of −log p(truth), in nats: what a fitted temperature makes as small as it can be.

        Like the Brier score it is proper: no answer but the true probabilities has a better expected score (Gneiting
        and Raftery 2007). Of the calibration error, that is not true. A probability of 0, whose logarithm is
        infinite, counts as the smallest normal number of ``float32``: a loss of 87.
        """
        of_truth = self.probabilities[np.arange(self.count), self.labels]
        return float(-np.log(np.maximum(of_truth, np.finfo(np.float32).tiny), dtype=np.float64).mean())

    @property
    def brier_score(self) -> float:
        """The mean of Σⱼ (pⱼ − [j is the truth])²: from 0, right and sure, to 2, wrong and sure (Brier 1950)."""
        differences = self.probabilities.astype(np.float64)
        differences[np.arange(self.count), self.labels] -= 1
        return float((differences**2).sum(axis=1).mean())

    def to_dict(self) -> dict[str, Any]:
        """The measures as plain lists and numbers: the JSON of ``digits evaluate``."""
        worst = self.mistakes(MISTAKES_LISTED)
        curve = self.risk_coverage()
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "error_percent": self.error_percent,
            "per_digit": self.per_digit,
            "confusion": self.confusion.tolist(),
            "expected_calibration_error": self.calibration().expected_error,
            "adaptive_calibration_error": self.adaptive_calibration().expected_error,
            "negative_log_likelihood": self.negative_log_likelihood,
            "brier_score": self.brier_score,
            "errors_at_coverage": {f"{coverage:g}": curve.errors_at(coverage) for coverage in COVERAGES},
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


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What becomes of the mistakes if a network only gives its k surest answers, for k from 1 to n.

    Attributes:
        errors: ``(n,)``: the mistakes among the k surest; a fraction where equal confidence leaves their order open.
        threshold: ``(n,)``: the lowest confidence among them, 0…1.
    """

    errors: Array
    threshold: Array

    @cached_property
    def coverage(self) -> Array:
        """``(n,)``: the share of the images that is answered, k/n."""
        share: Array = np.arange(1, len(self.errors) + 1) / len(self.errors)
        return share

    @cached_property
    def risk(self) -> Array:
        """``(n,)``: the share of the given answers that is wrong."""
        share: Array = self.errors / np.arange(1, len(self.errors) + 1)
        return share

    @property
    def area(self) -> float:
        """The area under risk over coverage (Geifman et al. 2019): the mean of the risks, 0…1, the less the better."""
        return float(self.risk.mean())

    def answered_at(self, coverage: float) -> int:
        """The fewest answers that are at least this share of all.

        Raises:
            ValueError: if the share is not above 0 and at most 1.
        """
        if not 0 < coverage <= 1:
            raise ValueError(f"a coverage must lie in 0 < coverage ≤ 1; got {coverage}")
        return int(np.searchsorted(self.coverage, coverage)) + 1

    def errors_at(self, coverage: float) -> float:
        """How many mistakes are left among the answers that ``answered_at`` counts."""
        return float(self.errors[self.answered_at(coverage) - 1])

    def risk_at(self, coverage: float) -> float:
        """The share of the answers that ``answered_at`` counts that is wrong, 0…1."""
        return float(self.risk[self.answered_at(coverage) - 1])

    def threshold_at(self, coverage: float) -> float:
        """The lowest confidence among the answers that ``answered_at`` counts, 0…1: less would be no answer."""
        return float(self.threshold[self.answered_at(coverage) - 1])

    def answered_from(self, threshold: float) -> int:
        """How many answers are at least so sure: the other way round than ``threshold_at``."""
        return int(np.count_nonzero(self.threshold >= threshold))

    def errors_from(self, threshold: float) -> int:
        """How many mistakes are left among the answers that ``answered_from`` counts: whole, as all equals are in."""
        answered = self.answered_from(threshold)
        return round(float(self.errors[answered - 1])) if answered else 0


def _check_bins(bins: int) -> None:
    if bins < 1:
        raise ValueError(f"calibration needs at least one bin; got {bins}")


def _sums(values: Array) -> Array:
    """``(n + 1,)``: the sums of the first 0, 1 … n values."""
    return np.append(0, np.cumsum(values))


def fit_temperature(logits: Array, labels: Array) -> float:
    """Find the T for which softmax(logits/T) means what it says (Guo et al. 2017, section 4.2).

    T is the one that makes the labels most likely. With z the logits of an image, t its label, β = 1/T and
    p = softmax(βz), the mean over the images of

        loss         log Σⱼ exp(βzⱼ) − βz_t
        derivative   Σⱼ pⱼzⱼ − z_t             (the mean of z under p, less that of the truth)
        second one   Σⱼ pⱼ(zⱼ − Σₖ pₖzₖ)²      (the variance of z under p)

    No variance is negative, so the loss is convex in β, and where its derivative is 0 is its only minimum. Dividing by
    T > 0 keeps the order of the logits: no answer changes, only how sure it is. T > 1 makes the network less sure.

    The images must not be those that the network was trained on, where it is surer than elsewhere; nor those of the
    test set, which chooses nothing.

    Args:
        logits: ``(n, 10)``, any floating point; computed in ``float64``.
        labels: ``(n,)`` integers 0…9.

    Returns:
        T, from 0.05 to 20. If no answer is wrong, surer is always better, and the loss falls all the way to T = 0: then
        it is 0.05, and says only that there are too few images to tell. If the logits know nothing of the labels, or
        less than nothing, T = ∞ is the best: then it is 20.

    Raises:
        DigitsError: if there are no images, or the logits are not finite numbers.
        ValueError: if shapes, dtypes or labels are not such.
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    _check_answers("logits", logits, labels)
    if not np.isfinite(logits).all():
        raise DigitsError(NOT_FINITE)
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)  # adding a constant to a row changes nothing, but loses digits
    low, high = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    if _derivatives(low, logits, labels)[0] >= 0:
        return HIGHEST_TEMPERATURE
    if _derivatives(high, logits, labels)[0] <= 0:
        return LOWEST_TEMPERATURE
    return 1 / _minimum(lambda beta: _derivatives(beta, logits, labels), low, high, start=1.0)


def _derivatives(beta: float, logits: Array, labels: Array) -> tuple[float, float]:
    """The first and second derivative by β of the mean cross-entropy between softmax(β·logits) and the labels."""
    probabilities = softmax(beta * logits)
    means = (probabilities * logits).sum(axis=1)
    variances = (probabilities * (logits - means[:, np.newaxis]) ** 2).sum(axis=1)
    return float((means - logits[np.arange(len(labels)), labels]).mean()), float(variances.mean())


def _minimum(derivatives: Callable[[float], tuple[float, float]], low: float, high: float, start: float) -> float:
    """Where a convex function is least, between a point where it falls and one where it rises.

    Newton's method, each step of which must stay between the two and be at most half as long as the step before; where
    it is not, the interval is halved instead (after Press et al. 2007, section 9.4, ``rtsafe``). Either way something
    halves, so it ends.
    """
    point, step = start, high - low
    while abs(step) > 1e-12 * point:
        slope, curvature = derivatives(point)
        low, high = (point, high) if slope < 0 else (low, point)
        newton = -slope / curvature if curvature > 0 else inf
        trusted = low <= point + newton <= high and abs(newton) <= abs(step) / 2
        step = newton if trusted else (low + high) / 2 - point
        point += step
    return point


def wilson_interval(right: float, count: float) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy, after ``right`` of ``count`` (Wilson 1927).

    Unlike that of the normal approximation it stays within 0…1, and has a width even where all are right.
    """
    z = 1.96  # standard deviations on either side that hold 95 % of a normal distribution
    share = right / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, centre - half), min(1.0, centre + half)
