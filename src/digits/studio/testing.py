"""``/api/test``: how good a model is on the test set, where it fails, and whether it knows.

What takes seconds is a measurement: its answer has a ``progress`` and, once that is 1, a ``result``; until then the
page asks again.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import numpy as np
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from digits.activations import Array
from digits.comparison import Comparison
from digits.data_preprocessing import CLASSES
from digits.embedding import STEPS, images_to_embed, layer_points, principal_components, tsne_steps
from digits.evaluation import Evaluation, evaluate, finite_probabilities
from digits.explanation import last_hidden
from digits.studio import reports
from digits.studio.failures import NotThere, failures
from digits.studio.images import MOST_IMAGES, Digit, encoded, mnist_test
from digits.studio.measurements import Measurement, Measurements, Steps
from digits.studio.models import ModelName
from digits.studio.networks import Loaded
from digits.studio.state import TheMeasurements, TheNetworks

BLOCK = 1000  # images that are answered between two reports of progress
SAMPLE_STEP = 10  # corruptions are measured on every 10th test image
SEVERITY_STEPS = 20  # so many severities above 0 can be measured

router = APIRouter(prefix="/api/test", tags=["test"], responses=failures())

Value = TypeVar("Value")
Limit = Annotated[int, Query(ge=1, le=MOST_IMAGES, description="How many images to send at most.")]
Severity = Annotated[float, Query(ge=0, le=1, description="0: the images as they are; 1: as strong as in MNIST-C.")]
Layer = Literal["pixels", "hidden"]
Method = Literal["pca", "tsne"]
Group = Literal["only_first", "only_second", "both_wrong"]


class ReportProgress(BaseModel):
    """The report, or how much of it is done."""

    progress: float = Field(ge=0, le=1)
    result: reports.Report | None


class CorruptionsProgress(BaseModel):
    """The errors on spoilt images, "clean" first, or how much of them is done."""

    progress: float = Field(ge=0, le=1)
    images: int = Field(description="On how many images each kind is measured.")
    result: list[reports.CorruptionError] | None


class MapProgress(BaseModel):
    """The map, or how much of it is done."""

    progress: float = Field(ge=0, le=1)
    result: reports.MapPoints | None


class ComparisonProgress(BaseModel):
    """The comparison, or how much of it is done."""

    progress: float = Field(ge=0, le=1)
    result: reports.Compared | None


class Kind(BaseModel):
    """A way to spoil images."""

    name: str
    description: str


# -- the whole test set ------------------------------------------------------------------------------------


@router.get("/report")
def read_report(networks: TheNetworks, measurements: TheMeasurements, model: ModelName = None) -> ReportProgress:
    """Accuracy, errors by digit, confusion, confidence and coverage of a model on the test set."""
    measured = _evaluation(measurements, networks.get(model))
    if measured.result is None:
        return ReportProgress(progress=measured.progress, result=None)
    return ReportProgress(progress=1, result=reports.report(measured.result, mnist_test().source))


@router.get("/mistakes")
def list_mistakes(
    networks: TheNetworks, measurements: TheMeasurements, model: ModelName = None, limit: Limit = 60
) -> reports.Gallery:
    """The misread images, those with most confidence in the wrong answer first. It waits for the evaluation."""
    evaluation = _evaluation(measurements, networks.get(model)).wait()
    return reports.gallery(evaluation, mnist_test(), evaluation.mistakes(), limit)


@router.get("/cell")
def list_cell(
    truth: Annotated[Digit, Query()],
    read: Annotated[Digit, Query()],
    networks: TheNetworks,
    measurements: TheMeasurements,
    model: ModelName = None,
    limit: Limit = 60,
) -> reports.Gallery:
    """The images of a cell of the confusion matrix, the most surprising first. It waits for the evaluation."""
    evaluation = _evaluation(measurements, networks.get(model)).wait()
    return reports.gallery(evaluation, mnist_test(), evaluation.cell(truth, read), limit)


@router.get("/answers/{index}")
def read_answer(
    index: Annotated[int, Path(ge=0, le=10**9)], networks: TheNetworks, model: ModelName = None
) -> reports.ImageAnswer:
    """All that a model answers to one test image."""
    test_set = mnist_test()
    if index >= len(test_set):
        raise NotThere(f"there is no test image {index}; they go from 0 to {len(test_set) - 1}.")
    probabilities = finite_probabilities(networks.get(model).network, test_set.images[index : index + 1])[0]
    return reports.ImageAnswer(index=index, truth=int(test_set.labels[index]), probabilities=probabilities.tolist())


# -- corruptions -------------------------------------------------------------------------------------------


@router.get("/corruptions")
def list_corruptions() -> list[Kind]:
    """The fifteen ways to spoil images."""
    from digits.corruptions import CORRUPTIONS  # SciPy and scikit-image take a second to import

    return [Kind(name=name, description=_first_line(kind.__doc__)) for name, kind in CORRUPTIONS.items()]


@router.get("/corruptions/errors")
def read_corruption_errors(
    networks: TheNetworks, measurements: TheMeasurements, severity: Severity = 1.0, model: ModelName = None
) -> CorruptionsProgress:
    """How many of every tenth test image a model misreads, clean and spoilt in each way, to steps of 0.05."""
    loaded, test_set = networks.get(model), mnist_test()
    images, labels = test_set.images[::SAMPLE_STEP], test_set.labels[::SAMPLE_STEP]
    step = round(severity * SEVERITY_STEPS)

    def measure() -> Steps[list[reports.CorruptionError]]:
        from digits.corruptions import CORRUPTIONS, corruption_errors

        errors = []
        for name, percent in corruption_errors(loaded.network, images, labels, severity=step / SEVERITY_STEPS):
            wrong = reports.share(round(percent * len(images) / 100), len(images))
            errors.append(reports.CorruptionError(name=name, wrong=wrong))
            yield len(errors) / (1 + len(CORRUPTIONS))
        return errors

    measured = measurements.ask(("corruptions", loaded, step), measure)
    return CorruptionsProgress(progress=measured.progress, images=len(images), result=measured.result)


@router.get("/corruptions/{name}")
def read_corrupted(
    name: Annotated[str, Path(max_length=40)],
    networks: TheNetworks,
    severity: Severity = 1.0,
    draw: Annotated[int, Query(ge=0, le=99, description="Which image of each digit, and the seed.")] = 0,
    model: ModelName = None,
) -> reports.Spoilt:
    """One image of each digit before and after a corruption, and what a model reads in them."""
    from digits.corruptions import CORRUPTIONS, corrupt

    if name not in CORRUPTIONS:
        raise NotThere(f"there is no corruption {name}; there are {', '.join(CORRUPTIONS)}.")
    network, test_set = networks.get(model).network, mnist_test()
    chosen = np.array([np.flatnonzero(test_set.labels == digit)[draw] for digit in range(CLASSES)])
    clean, labels = test_set.images[chosen], test_set.labels[chosen]
    spoilt = corrupt(clean, name, seed=draw, severity=severity)
    places = np.arange(CLASSES)
    return reports.Spoilt(
        before=reports.gallery_images(evaluate(network, clean, labels), chosen, places),
        after=reports.gallery_images(evaluate(network, spoilt, labels), chosen, places),
        before_pixels=encoded(clean),
        after_pixels=encoded(spoilt),
    )


# -- the map -----------------------------------------------------------------------------------------------


@router.get("/map")
def read_map(
    networks: TheNetworks,
    measurements: TheMeasurements,
    layer: Layer = "hidden",
    method: Method = "tsne",
    model: ModelName = None,
) -> MapProgress:
    """Some test images, laid out so that what is alike lies together: by their pixels, or by the last hidden layer."""
    loaded = networks.get(model)
    evaluated = _evaluation(measurements, loaded)
    if evaluated.result is None:
        return MapProgress(progress=0, result=None)
    evaluation = evaluated.result

    def measure() -> Steps[reports.MapPoints]:
        chosen = images_to_embed(evaluation)
        depth = last_hidden(loaded.network) if layer == "hidden" else 0
        points = layer_points(loaded.network, mnist_test().images[chosen], depth)
        if method == "pca":
            return reports.map_points(evaluation, chosen, principal_components(points, 2))
        for step, places in enumerate(tsne_steps(points)):  # noqa: B007  the last are wanted
            yield step / (1 + STEPS)
        return reports.map_points(evaluation, chosen, places)

    measured = measurements.ask(("map", loaded, layer, method), measure)
    return MapProgress(progress=measured.progress, result=measured.result)


# -- two models --------------------------------------------------------------------------------------------


@router.get("/comparison")
def read_comparison(
    other: Annotated[str, Query(min_length=1, max_length=100)],
    networks: TheNetworks,
    measurements: TheMeasurements,
    model: ModelName = None,
) -> ComparisonProgress:
    """How many test images two models read right and wrong, together and alone."""
    first = _evaluation(measurements, networks.get(model))
    second = _evaluation(measurements, networks.get(other))
    if first.result is None or second.result is None:
        return ComparisonProgress(progress=(first.progress + second.progress) / 2, result=None)
    return ComparisonProgress(progress=1, result=reports.compared(Comparison(first.result, second.result)))


@router.get("/comparison/images")
def list_compared(
    other: Annotated[str, Query(min_length=1, max_length=100)],
    group: Group,
    networks: TheNetworks,
    measurements: TheMeasurements,
    model: ModelName = None,
    limit: Limit = 60,
) -> reports.ComparedImages:
    """The images that only one of two models reads right, or neither. It waits for the evaluations."""
    first = _evaluation(measurements, networks.get(model)).wait()
    second = _evaluation(measurements, networks.get(other)).wait()  # asked now: what waits too long is forgotten
    comparison = Comparison(first, second)
    found: dict[Group, Array] = {
        "only_first": comparison.only_first,
        "only_second": comparison.only_second,
        "both_wrong": comparison.both_wrong,
    }
    return reports.compared_images(comparison, mnist_test(), found[group], limit)


def _evaluation(measurements: Measurements, loaded: Loaded) -> Measurement[Evaluation]:
    """What a model answers to the test set."""
    test_set = mnist_test()

    def measure() -> Steps[Evaluation]:
        answers: list[Array] = []
        for start in range(0, len(test_set), BLOCK):
            answers.append(finite_probabilities(loaded.network, test_set.images[start : start + BLOCK]))
            yield start / len(test_set)
        return Evaluation(np.concatenate(answers), test_set.labels)

    return measurements.ask(("evaluation", loaded), measure)


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().splitlines()[0]
