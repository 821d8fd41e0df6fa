"""``/api/inside``: what a network does with one image, number by number: forward, backward, and one step.

Every request names the model, the image and the steps that were taken on it; see ``stepping``.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from digits.activations import Array
from digits.gradient_check import LEAST_SCALE
from digits.inspection import (
    Trace,
    check_output,
    check_parameters,
    describe,
    favourite_steps,
    parameter_positions,
    parameter_range,
    trace,
    unit_place,
    values,
)
from digits.neural_network import NeuralNetwork
from digits.studio.failures import NotThere, failures
from digits.studio.glass import (
    Backward,
    Checked,
    Favourite,
    FavouritesProgress,
    Forward,
    UnitAnswer,
    backward_answer,
    checked_output,
    checked_parameters,
    error_of,
    forward_answer,
    unit_answer,
    unit_gradients,
)
from digits.studio.images import Digit, Pixels, as_image, as_pixels, mnist_test
from digits.studio.models import ModelName
from digits.studio.state import TheMeasurements, TheNetworks, TheWorkbench
from digits.studio.stepping import Stepped

MOST_STEPS = 200
MOST_CHECKS = 100  # in one request: each goes through the network twice
SAMPLE = 12  # parameters of each layer, besides the unit's own
FAVOURITES = 8

router = APIRouter(prefix="/api/inside", tags=["inside"], responses=failures())

LayerIndex = Annotated[int, Field(ge=-1, lt=1000, description="Its position in the network; −1 for the pixels.")]
UnitIndex = Annotated[int, Field(ge=0, lt=10**7, description="Which of the layer's outputs, counted flat.")]


class StepTaken(BaseModel):
    """One step of plain SGD on the image."""

    learning_rate: float = Field(gt=0, le=100)
    label: Digit


class Look(BaseModel):
    """A model, the image that it looks at, and the steps that were taken on it."""

    model: ModelName = None
    pixels: Pixels
    steps: Annotated[list[StepTaken], Field(max_length=MOST_STEPS)] = []


class LabelledLook(Look):
    """The same, and which digit it should have been."""

    label: Digit


class UnitLook(Look):
    """The same, and which unit; with a label its gradients come too."""

    layer: LayerIndex
    unit: UnitIndex
    label: Digit | None = None


class CheckLook(LabelledLook):
    """Which gradients to check."""

    layer: LayerIndex
    unit: UnitIndex | None = Field(description="Null: a sample of all the layer's parameters.")
    start: Annotated[int, Field(ge=0, lt=10**7)] = 0
    count: Annotated[int, Field(ge=1, le=MOST_CHECKS)] = MOST_CHECKS


@router.post("/forward")
def look_forward(look: Look, networks: TheNetworks, workbench: TheWorkbench) -> Forward:
    """The layers, and what each makes of the image."""
    loaded = networks.get(look.model)
    network = _stepped(look, networks, workbench).copy()
    return forward_answer(network, loaded.model.stored, values(network, as_image(look.pixels)))


@router.post("/backward")
def look_backward(look: LabelledLook, networks: TheNetworks, workbench: TheWorkbench) -> Backward:
    """The loss, the gradients of every layer, and what the network said before each step."""
    stepped = _stepped(look, networks, workbench)
    return backward_answer(trace(stepped.copy(), as_image(look.pixels), look.label), stepped)


@router.post("/unit")
def look_at_unit(look: UnitLook, networks: TheNetworks, workbench: TheWorkbench) -> UnitAnswer:
    """One unit: what it sees, its weights, its sum written out; and its gradients."""
    network, image = _stepped(look, networks, workbench).copy(), as_image(look.pixels)
    _require_unit(network, look.layer, look.unit)
    if look.label is None:
        return unit_answer(describe(network, values(network, image), look.layer, look.unit), None)
    traced = trace(network, image, look.label)
    unit = describe(network, traced.values, look.layer, look.unit)
    return unit_answer(unit, unit_gradients(traced, look.layer, look.unit, unit.seen.shape))


@router.post("/check")
def check_gradients(look: CheckLook, networks: TheNetworks, workbench: TheWorkbench) -> Checked:
    """Gradients beside their central differences, computed now: of a unit, or of a sample of a layer."""
    network = _stepped(look, networks, workbench).copy()
    _require_unit(network, look.layer, look.unit or 0)
    traced = trace(network, as_image(look.pixels), look.label)
    positions = _positions(network, look)
    some = positions[look.start : look.start + look.count]
    checks = checked_parameters(network, look.layer, check_parameters(traced, some)) if some.size else []
    if look.unit is not None and look.start == 0:
        place = unit_place(network, look.layer, look.unit)
        checks.insert(0, checked_output(place, check_output(traced, look.layer, look.unit)))
    least_scale = LEAST_SCALE * _largest_gradient(traced)
    return Checked(checks=checks, relative_error=error_of(checks, least_scale), total=len(positions))


@router.get("/favourites")
def find_favourites(
    networks: TheNetworks,
    measurements: TheMeasurements,
    layer: Annotated[int, Query(ge=0, lt=1000)],
    unit: Annotated[int, Query(ge=0, lt=10**7)],
    model: ModelName = None,
) -> FavouritesProgress:
    """The test images that excite a unit most, before any step; of a map's place, the whole map's."""
    loaded = networks.get(model)
    _require_unit(loaded.model.stored, layer, unit)
    images = mnist_test()
    measured = measurements.ask(
        ("favourites", loaded), lambda: favourite_steps(loaded.model.stored, images.images, FAVOURITES)
    )
    if measured.result is None:
        return FavouritesProgress(progress=measured.progress, images=len(images), result=None)
    of_layer, channel = measured.result[layer], unit_place(loaded.model.stored, layer, unit)[0]
    found = [
        Favourite(
            index=int(index),
            label=int(images.labels[index]),
            output=float(output),
            pixels=as_pixels(images.images[index]),
        )
        for index, output in zip(of_layer.indices[channel], of_layer.outputs[channel], strict=True)
    ]
    return FavouritesProgress(progress=1, images=len(images), result=found)


def _stepped(look: Look, networks: TheNetworks, workbench: TheWorkbench) -> Stepped:
    steps = tuple((step.learning_rate, step.label) for step in look.steps)
    return workbench.after(networks.get(look.model), as_image(look.pixels), steps)


def _require_unit(network: NeuralNetwork, layer: int, unit: int) -> None:
    try:
        unit_place(network, layer, unit)
    except ValueError as error:
        raise NotThere(f"{error}.") from None


def _positions(network: NeuralNetwork, look: CheckLook) -> Array:
    """The parameters to check: a unit's, those with the largest gradients first, or a sample of the layer's."""
    if look.layer < 0:
        return np.empty(0, np.intp)
    if look.unit is not None:
        positions = parameter_positions(network, look.layer, look.unit)
        return positions[np.argsort(-np.abs(network.gradients[positions]), kind="stable")]
    start, end = parameter_range(network, look.layer)
    sample = np.random.default_rng(look.layer).choice(end - start, min(SAMPLE, end - start), replace=False)
    return start + np.sort(sample)


def _largest_gradient(trace: Trace) -> float:
    return float(np.abs(trace.network.gradients).max())
