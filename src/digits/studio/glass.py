"""What the Inside room is told, and how the library's answers are put into it."""

from __future__ import annotations

from math import prod

import numpy as np
from pydantic import BaseModel, Field

from digits.activations import Array, softmax
from digits.gradient_check import STEP, relative_error
from digits.inspection import (
    Check,
    Formula,
    Influence,
    Trace,
    Unit,
    difference_formula,
    formulas,
    influence,
    loss_formulas,
    parameter_name,
    parameter_positions,
    step_formula,
)
from digits.layers import BatchNorm, Dropout, Layer
from digits.neural_network import NeuralNetwork
from digits.studio.images import Digit, EncodedArray, Pixels, Probabilities, encoded
from digits.studio.stepping import Stepped

TERMS = 8  # of a sum are written out


class Source(BaseModel):
    """A formula and the line of this program that computes it."""

    quantity: str = Field(description='"outputs", "inputs", "loss" …, or the parameters whose gradient it is.')
    text: str
    says: str
    file: str
    function: str
    first: int = Field(description="The number of the function's first line.")
    line: int = Field(description="The number of the line that computes it.")
    code: list[str] = Field(description="The lines of the function.")


class LayerValues(BaseModel):
    """A layer and what it makes of the image."""

    index: int
    name: str = Field(description="As in the code, e.g. Dense(128).")
    kind: str
    input_shape: list[int]
    output_shape: list[int]
    parameters: int
    formula: Source
    values: EncodedArray = Field(description="Its outputs, float32.")


class Forward(BaseModel):
    """The way forward."""

    input: EncodedArray = Field(description="What the first layer takes, float32.")
    layers: list[LayerValues]
    logits: list[float]
    probabilities: Probabilities
    answer: Digit
    temperature: float = Field(description="By which the other rooms divide the logits; here they are as in training.")
    loss: list[Source] = Field(description="Softmax, the loss and its gradient.")
    notes: list[str] = Field(description="What differs from training on batches, in this network.")


class WrittenTerm(BaseModel):
    """One term of a sum."""

    index: int = Field(description="Of the input among those seen, or of the output of the next layer.")
    value: float
    weight: float
    product: float


class WrittenSum(BaseModel):
    """A sum of products: its largest terms, and all others in one number."""

    terms: list[WrittenTerm]
    rest: float
    rest_count: int
    rest_zeros: int = Field(description="How many of the rest are exactly 0.")
    bias: float | None
    total: float


class UnitGradients(BaseModel):
    """What one unit is answerable for."""

    output: float = Field(description="∂L/∂y.")
    influence: WrittenSum | None = Field(description="How ∂L/∂y comes from the next layer; null for a logit.")
    weights: EncodedArray | None = Field(description="∂L/∂W of each weight, in the order of those seen, float64.")
    bias: float | None
    parameters: int = Field(description="How many parameters the unit has, to be checked.")


class UnitAnswer(BaseModel):
    """One unit, written out."""

    place: list[int] = Field(description="(unit,) or (channel, row, column).")
    output: float
    seen: EncodedArray
    origin: list[int] | None = Field(description="Row and column where its window begins.")
    weights: EncodedArray | None
    sum: WrittenSum | None
    written: str
    numbers: dict[str, float]
    gradients: UnitGradients | None = Field(description="Where a label was sent.")


class LayerGradients(BaseModel):
    """The gradient of the loss with respect to a layer's outputs, and to its parameters."""

    index: int = Field(description="−1 for the pixels.")
    outputs: EncodedArray = Field(description="float32.")
    largest: float = Field(description="The largest of them by size.")
    parameters_length: float = Field(description="√Σ g² over the layer's parameters.")
    formulas: list[Source] = Field(description="Those of its gradients.")


class State(BaseModel):
    """What the network said, before some step or after the last."""

    probabilities: Probabilities
    answer: Digit
    loss: float = Field(description="For the label that was sent.")


class Backward(BaseModel):
    """The way back."""

    label: Digit
    loss: float
    slope: float = Field(description="|g|²: for a tiny learning rate η a step lowers the loss by η·|g|².")
    layers: list[LayerGradients] = Field(description="The pixels first.")
    states: list[State] = Field(description="Before each step that was taken, and now.")
    step: Source
    difference: Source
    h: float


class CheckedNumber(BaseModel):
    """One gradient and its central difference."""

    name: str = Field(description='"weights", "biases", "scales", "shifts" or "outputs".')
    index: list[int]
    value: float
    gradient: float
    numeric: float
    difference: float
    verdict: str = Field(description='"agrees", "rounding", "kink" or "differs".')


class Checked(BaseModel):
    """Some gradients of a unit, or a sample of its layer's."""

    checks: list[CheckedNumber]
    relative_error: float = Field(
        description="Of those without a kink: the largest difference by the largest gradient."
    )
    total: int = Field(description="How many there are to be checked.")


class Favourite(BaseModel):
    """A test image that excites a unit."""

    index: int
    label: Digit
    output: float
    pixels: Pixels


class FavouritesProgress(BaseModel):
    """The images that excite a unit most, or how much of the search is done."""

    progress: float = Field(ge=0, le=1)
    images: int = Field(description="Among how many.")
    result: list[Favourite] | None


# -- from the library's answers ------------------------------------------------------------------------------


def source(formula: Formula) -> Source:
    """A formula, ready to be sent."""
    fields = {name: getattr(formula, name) for name in Source.model_fields if name != "code"}
    return Source(**fields, code=list(formula.code))


def forward_answer(network: NeuralNetwork, original: NeuralNetwork, values: list[Array]) -> Forward:
    """The way forward, of a ``frozen`` network and the one that it was made from."""
    probabilities = softmax(values[-1][np.newaxis])[0]
    return Forward(
        input=encoded(values[0].astype(np.float32)),
        layers=[_layer_values(index, layer, values[index + 1], original) for index, layer in enumerate(network.layers)],
        logits=values[-1].tolist(),
        probabilities=probabilities.tolist(),
        answer=int(probabilities.argmax()),
        temperature=network.temperature,
        loss=[source(formula) for formula in loss_formulas()],
        notes=_notes(original),
    )


def _layer_values(index: int, layer: Layer, outputs: Array, original: NeuralNetwork) -> LayerValues:
    as_named = original.layers[index]
    return LayerValues(
        index=index,
        name=repr(as_named),
        kind=type(as_named).__name__,
        input_shape=list(layer.input_shape),
        output_shape=list(layer.output_shape),
        parameters=sum(prod(shape) for shape in layer.parameter_shapes(layer.input_shape).values()),
        formula=source(formulas(layer)[0]),
        values=encoded(outputs.astype(np.float32)),
    )


def _notes(original: NeuralNetwork) -> list[str]:
    notes = []
    if any(isinstance(layer, BatchNorm) for layer in original.layers):
        notes.append(
            "Batch normalisation uses the averages that it kept from training, not those of a batch: a single image is"
            " no batch. They stay fixed in the steps taken here."
        )
    if any(isinstance(layer, Dropout) for layer in original.layers):
        notes.append("Dropout drops nothing here: only training on batches does.")
    return notes


def unit_answer(unit: Unit, gradients: UnitGradients | None) -> UnitAnswer:
    """One unit, and what it is answerable for."""
    return UnitAnswer(
        place=list(unit.place),
        output=unit.output,
        seen=encoded(unit.seen),
        origin=None if unit.origin is None else list(unit.origin),
        weights=None if unit.weights is None else encoded(unit.weights),
        sum=_sum(unit),
        written=unit.written,
        numbers=unit.numbers,
        gradients=gradients,
    )


def _sum(unit: Unit) -> WrittenSum | None:
    if unit.weights is None:
        return None
    terms = [WrittenTerm(index=t.index, value=t.value, weight=t.weight, product=t.product) for t in unit.terms(TERMS)]
    zeros = int((unit.seen * unit.weights == 0).sum()) - sum(term.product == 0 for term in terms)
    rest_count = unit.seen.size - len(terms)
    return WrittenSum(
        terms=terms, rest=unit.rest(TERMS), rest_count=rest_count, rest_zeros=zeros, bias=unit.bias, total=unit.output
    )


def unit_gradients(trace: Trace, layer: int, unit: int, seen_shape: tuple[int, ...]) -> UnitGradients:
    """What one unit is answerable for: of the pixels (layer −1) too."""
    positions = parameter_positions(trace.network, layer, unit) if layer >= 0 else np.empty(0, np.intp)
    gradients = trace.network.gradients[positions]
    has_weights = layer >= 0 and len(positions) == prod(seen_shape) + 1
    found = influence(trace, layer, unit)
    return UnitGradients(
        output=float(trace.gradients[layer + 1].reshape(-1)[unit]),
        influence=None if found is None else _influence_sum(found),
        weights=encoded(gradients[:-1].reshape(seen_shape)) if has_weights else None,
        bias=float(gradients[-1]) if has_weights else None,
        parameters=len(positions),
    )


def _influence_sum(found: Influence) -> WrittenSum:
    products = found.slopes * found.gradients
    order = np.argsort(-np.abs(products), kind="stable")
    terms = [
        WrittenTerm(
            index=int(found.outputs[n]),
            value=float(found.gradients[n]),
            weight=float(found.slopes[n]),
            product=float(products[n]),
        )
        for n in order[:TERMS]
    ]
    rest = products[order[TERMS:]]
    return WrittenSum(
        terms=terms,
        rest=float(rest.sum()),
        rest_count=len(rest),
        rest_zeros=int((rest == 0).sum()),
        bias=None,
        total=found.gradient,
    )


def backward_answer(trace: Trace, stepped: Stepped) -> Backward:
    """The way back, and what the network said before each step."""
    network = trace.network
    gradients = network.gradients
    return Backward(
        label=trace.label,
        loss=trace.loss,
        slope=float(gradients @ gradients),
        layers=[_layer_gradients(trace, index) for index in range(-1, len(network.layers))],
        states=[_state(network, logits, trace.label) for logits in stepped.logits],
        step=source(step_formula()),
        difference=source(difference_formula()),
        h=STEP,
    )


def _layer_gradients(trace: Trace, index: int) -> LayerGradients:
    outputs = trace.gradients[index + 1]
    squares, sources = 0.0, []
    if index >= 0:
        layer = trace.network.layers[index]
        names = layer.parameter_shapes(layer.input_shape)
        squares = sum(float(np.square(getattr(layer, f"{name}_gradients")).sum()) for name in names)
        sources = [source(formula) for formula in formulas(layer) if formula.quantity != "outputs"]
    return LayerGradients(
        index=index,
        outputs=encoded(outputs.astype(np.float32)),
        largest=float(np.abs(outputs).max()),
        parameters_length=squares**0.5,
        formulas=sources,
    )


def _state(network: NeuralNetwork, logits: Array, label: int) -> State:
    loss, _ = network.loss(logits[np.newaxis].copy(), np.array([label]))
    probabilities = softmax(logits[np.newaxis])[0]
    return State(probabilities=probabilities.tolist(), answer=int(probabilities.argmax()), loss=loss)


def checked_parameters(network: NeuralNetwork, layer: int, checks: list[Check]) -> list[CheckedNumber]:
    """Checks of parameters, by their names."""
    return [_checked(*parameter_name(network, layer, check.position), check) for check in checks]


def checked_output(place: tuple[int, ...], check: Check) -> CheckedNumber:
    """The check of a unit's output."""
    return _checked("outputs", place, check)


def _checked(name: str, index: tuple[int, ...], check: Check) -> CheckedNumber:
    return CheckedNumber(
        name=name,
        index=list(index),
        value=check.value,
        gradient=check.gradient,
        numeric=check.numeric,
        difference=check.numeric - check.gradient,
        verdict=check.verdict,
    )


def error_of(checks: list[CheckedNumber], least_scale: float) -> float:
    """The relative error of those that cross no kink."""
    smooth = [check for check in checks if check.verdict != "kink"]
    if not smooth:
        return 0.0
    gradients, numeric = (np.array([getattr(check, name) for check in smooth]) for name in ("gradient", "numeric"))
    return relative_error(gradients, numeric, least_scale)
