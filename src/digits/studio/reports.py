"""What the Test room shows of an evaluation, of corruptions, of a map and of a comparison, as they are sent."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, Field

from digits.activations import Array
from digits.comparison import Comparison
from digits.datasets import Dataset
from digits.evaluation import Evaluation, wilson_interval
from digits.studio.images import EncodedArray, Probabilities, encoded

CURVE_POINTS = 100  # of the curve of risk over coverage, evenly, and as many again that crowd where all is answered
THRESHOLDS = 1 - 10 ** -np.arange(0, 6.05, 0.05)  # of confidence: 0 … 0.9 … 0.99 … 0.999999
BINS = 10


class Share(BaseModel):
    """How many of how many, with the 95 % interval of the share (Wilson 1927)."""

    count: int
    of: int
    low: float
    high: float


class Confused(BaseModel):
    """A kind of mistake."""

    truth: int
    read: int
    count: int


class Bin(BaseModel):
    """Images of like confidence."""

    confidence: float = Field(description="Their mean confidence, 0…1.")
    accuracy: float = Field(description="The share of them that is read right, 0…1.")
    count: int


class CurvePoint(BaseModel):
    """What is left of the mistakes if only the surest answers are given."""

    coverage: float
    risk: float


class Threshold(BaseModel):
    """What is answered, and what of it is wrong, if an answer must be at least so sure."""

    threshold: float
    answered: int
    errors: int


class Report(BaseModel):
    """What a model does with the test set."""

    source: str = Field(description="The images it was measured on.")
    right: Share
    wrong_by_digit: list[Share]
    confusion: list[list[int]] = Field(description="How many images of digit [row] were read as digit [column].")
    most_confused: list[Confused]
    mean_confidence: float
    negative_log_likelihood: float
    brier_score: float
    calibration_error: float = Field(description="With bins of equally many images, 0…1.")
    reliability: list[Bin]
    risk_coverage: list[CurvePoint]
    thresholds: list[Threshold]


class GalleryImage(BaseModel):
    """A test image and what a model reads."""

    index: int
    truth: int
    read: int
    confidence: float


class Gallery(BaseModel):
    """Some test images."""

    total: int = Field(description="How many there are, of which the first are sent.")
    images: list[GalleryImage]
    pixels: EncodedArray = Field(description="(n, 28, 28) uint8.")


class ImageAnswer(BaseModel):
    """All that a model answers to a test image."""

    index: int
    truth: int
    probabilities: Probabilities


class Spoilt(BaseModel):
    """Images before and after a corruption, and what a model reads in them."""

    before: list[GalleryImage]
    after: list[GalleryImage]
    before_pixels: EncodedArray = Field(description="(n, 28, 28) uint8.")
    after_pixels: EncodedArray = Field(description="(n, 28, 28) uint8.")


class CorruptionError(BaseModel):
    """How many images of one kind are misread."""

    name: str
    wrong: Share


class MapPoints(BaseModel):
    """Test images, laid out in a plane: what lies together looks alike to the model."""

    total: int = Field(description="How many images the test set has.")
    index: list[int]
    truth: list[int]
    read: list[int]
    x: list[float] = Field(description="From −1 to 1; one unit is as long as of y.")
    y: list[float]


class Compared(BaseModel):
    """How many images two models read right and wrong, together and alone."""

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p_value: float = Field(description="McNemar's exact test: how likely so uneven a split is by chance.")


class ComparedImage(BaseModel):
    """A test image, and what each of two models reads."""

    index: int
    truth: int
    first_read: int
    first_confidence: float
    second_read: int
    second_confidence: float


class ComparedImages(BaseModel):
    """Some of the images on which two models differ, or both fail."""

    total: int
    images: list[ComparedImage]
    pixels: EncodedArray = Field(description="(n, 28, 28) uint8.")


def share(count: int, of: int) -> Share:
    """A share and its interval; of nothing, anything may be true."""
    low, high = wilson_interval(count, of) if of else (0.0, 1.0)
    return Share(count=count, of=of, low=low, high=high)


def report(evaluation: Evaluation, source: str) -> Report:
    """All the measures of an evaluation."""
    curve = evaluation.risk_coverage()
    sizes = evaluation.confusion.sum(axis=1)
    wrongs = sizes - evaluation.confusion.diagonal()
    bins = evaluation.adaptive_calibration(BINS)
    last = evaluation.count - 1
    crowded = last + 1 - np.geomspace(1, last + 1, CURVE_POINTS)
    places = np.unique(np.concatenate([np.linspace(0, last, CURVE_POINTS), crowded]).round().astype(int))
    return Report(
        source=source,
        right=share(evaluation.count - evaluation.mistake_count, evaluation.count),
        wrong_by_digit=[share(int(wrong), int(size)) for wrong, size in zip(wrongs, sizes, strict=True)],
        confusion=evaluation.confusion.tolist(),
        most_confused=[
            Confused(truth=truth, read=read, count=count) for truth, read, count in evaluation.most_confused(5)
        ],
        mean_confidence=float(evaluation.confidences.mean(dtype=np.float64)),
        negative_log_likelihood=evaluation.negative_log_likelihood,
        brier_score=evaluation.brier_score,
        calibration_error=evaluation.adaptive_calibration().expected_error,
        reliability=[
            Bin(confidence=float(confidence), accuracy=float(accuracy), count=int(count))
            for confidence, accuracy, count in zip(bins.confidence, bins.accuracy, bins.counts, strict=True)
        ],
        risk_coverage=[
            CurvePoint(coverage=float(curve.coverage[place]), risk=float(curve.risk[place])) for place in places
        ],
        thresholds=[
            Threshold(threshold=least, answered=curve.answered_from(least), errors=curve.errors_from(least))
            for least in THRESHOLDS.tolist()
        ],
    )


def gallery_images(evaluation: Evaluation, indices: Array, places: Array) -> list[GalleryImage]:
    """Images that an evaluation has at these places, called by these indices of the test set."""
    return [
        GalleryImage(
            index=int(index),
            truth=int(evaluation.labels[place]),
            read=int(evaluation.predictions[place]),
            confidence=float(evaluation.confidences[place]),
        )
        for index, place in zip(indices, places, strict=True)
    ]


def gallery(evaluation: Evaluation, test_set: Dataset, found: Array, limit: int) -> Gallery:
    """The first of the images that were found, with what was read in them."""
    shown = found[:limit]
    return Gallery(
        total=len(found),
        images=gallery_images(evaluation, shown, shown),
        pixels=encoded(test_set.images[shown]),
    )


def map_points(evaluation: Evaluation, chosen: Array, places: Array) -> MapPoints:
    """Points ``(n, 2)`` of the images that were chosen, moved and scaled into the square from −1 to 1."""
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = (places - (low + high) / 2) / max(float((high - low).max()) / 2, np.finfo(float).tiny)
    return MapPoints(
        total=evaluation.count,
        index=chosen.tolist(),
        truth=evaluation.labels[chosen].tolist(),
        read=evaluation.predictions[chosen].tolist(),
        x=scaled[:, 0].round(4).tolist(),
        y=scaled[:, 1].round(4).tolist(),
    )


def compared(comparison: Comparison) -> Compared:
    """The sizes of the four groups."""
    return Compared(
        both_right=len(comparison.both_right),
        only_first=len(comparison.only_first),
        only_second=len(comparison.only_second),
        both_wrong=len(comparison.both_wrong),
        p_value=comparison.p_value,
    )


def compared_images(comparison: Comparison, test_set: Dataset, found: Array, limit: int) -> ComparedImages:
    """The first of the images that were found, with what each model read in them."""
    shown = found[:limit]
    firsts = gallery_images(comparison.first, shown, shown)
    seconds = gallery_images(comparison.second, shown, shown)
    return ComparedImages(
        total=len(found),
        images=[
            ComparedImage(
                index=first.index,
                truth=first.truth,
                first_read=first.read,
                first_confidence=first.confidence,
                second_read=second.read,
                second_confidence=second.confidence,
            )
            for first, second in zip(firsts, seconds, strict=True)
        ],
        pixels=encoded(test_set.images[shown]),
    )
