"""Backpropagation against central differences: are the gradients right?

A derivative can be had without any calculus: move one number by a small step h either way and see how much
the loss moves, (L(θ + h) − L(θ − h)) / 2h. That costs two forward passes for every number, so nobody trains
with it; but it knows nothing of the chain rule, so it can judge those who claim to. ``check_gradients``
judges one network, ``check_all`` every kind of layer there is.

The networks are in float64. With h = 1e-5 the difference is wrong by about h²·L‴/6 because L is no straight
line, and by about 1e-16·L/h because L is rounded: some 1e-11 each, too little for a mistake in a formula to
hide behind.

ReLU and its kin have a kink at 0. A step across it sees part of two slopes and agrees with neither. No number
is left out for that: ``draw_batch`` redraws the images until all that enters such an activation is further
from 0 than any step moves it. Dropout draws the same masks in every pass, because every pass begins with the
same random state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import as_inputs
from digits.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from digits.losses import SoftmaxCrossEntropy
from digits.neural_network import NeuralNetwork

STEP = 1e-5  # h
MARGIN = 100 * STEP  # from a kink: to cross it, a step would have to grow a hundredfold on its way
LEAST_SCALE = 0.01  # see relative_error
TOLERANCE = 1e-6  # right formulas come out near 1e-9, wrong ones above 1e-3


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """What came out for one network, or for the loss alone.

    Attributes:
        name: what was checked, e.g. "Dense(5) → ReLU() → Dense(4)".
        max_relative_error: the largest ``relative_error`` of its arrays.
    """

    name: str
    max_relative_error: float


def check_all(seed: int = 0) -> list[GradientCheck]:
    """Check the loss, every kind of layer, and networks that mix them.

    Args:
        seed: of parameters, images, labels and dropout.

    Returns:
        One result for the loss and one for each of ``networks_to_check``.
    """
    random = np.random.default_rng(seed)
    checks = [GradientCheck("SoftmaxCrossEntropy", check_loss(SoftmaxCrossEntropy(), random))]
    for network in networks_to_check(seed):
        network.parameters += random.normal(0, 1, network.parameters.shape)  # so that no bias is 0
        errors = check_gradients(network, *draw_batch(network, random))
        name = " → ".join(map(repr, network.layers))
        checks.append(GradientCheck(name, float(np.max(list(errors.values())))))
    return checks


def networks_to_check(seed: int = 0) -> list[NeuralNetwork]:
    """Small networks in float64, to four classes, in which every kind of layer occurs."""
    vectors: list[list[Layer]] = [
        [Dense(4)],
        [Dense(5), ReLU(), Dense(4)],
        [Dense(5), LeakyReLU(0.3), Dense(4)],
        [Dense(5), Sigmoid(), Dense(4)],
        [Dense(5), Tanh(), Dense(4)],
        [Dropout(0.3), Dense(8), Tanh(), Dropout(0.5), Dense(4)],
        [Tanh(), Dense(4), Sigmoid()],  # activations at either end
        [Dense(5), Sigmoid(), Dense(5), Sigmoid(), Dense(5), Sigmoid(), Dense(4)],
        [Dense(9), ReLU(), Dropout(0.2), Dense(8), LeakyReLU(), Dense(7), Tanh(), Dropout(0.2), Dense(4)],
        [BatchNorm(), Dense(5), BatchNorm(), Tanh(), Dense(4), BatchNorm()],
    ]
    images: list[list[Layer]] = [
        [Flatten(), Dense(4)],
        [Conv2D(3, 3), Flatten(), Dense(4)],
        [Conv2D(3, 3, padding=1), Tanh(), Conv2D(2, 2, padding=1), Flatten(), Dense(4)],
        [MaxPool2D(2), Flatten(), Dense(4)],
        [Conv2D(3, 2), AvgPool2D(2), Flatten(), Dense(4)],
        [Conv2D(3, 3, padding=2), BatchNorm(), MaxPool2D(3), ReLU(), Flatten(), Dropout(0.2), Dense(4)],
        [Conv2D(2, 3, padding=1), BatchNorm(), LeakyReLU(), Conv2D(3, 2), AvgPool2D(2), Tanh(), Flatten(), Dense(4)],
    ]
    return [
        NeuralNetwork(layers, input_shape, seed=seed, dtype=np.float64)
        for input_shape, stacks in (((6,), vectors), ((2, 5, 6), images))
        for layers in stacks
    ]


def draw_batch(network: NeuralNetwork, random: np.random.Generator, count: int = 5) -> tuple[Array, Array]:
    """Draw images, uniform in 0…1, that keep ``MARGIN`` away from the kinks of the network; and labels.

    Args:
        network: in ``float64``.
        random: where the numbers come from.
        count: images.

    Returns:
        ``(count, *input_shape)`` images of dtype ``float64`` and ``(count,)`` labels.

    Raises:
        ValueError: if a thousand draws brought no such images.
    """
    labels = random.integers(network.classes, size=count)
    for _ in range(1000):
        images = random.random((count, *network.input_shape))
        if distance_to_kinks(network, images) > MARGIN:
            return images, labels
    raise ValueError(f"found no images that keep {MARGIN:g} away from the kinks of {network!r}")


def distance_to_kinks(network: NeuralNetwork, inputs: Array) -> float:
    """How near anything comes to where a layer has no derivative; infinity where all have one everywhere."""
    state = network.random.bit_generator.state
    nearest = np.inf
    for layer in network.layers:
        nearest = min(nearest, layer.distance_to_kink(inputs))
        inputs = layer.forward(inputs)
    network.random.bit_generator.state = state  # the check shall draw the masks that were drawn here
    return nearest


def check_gradients(network: NeuralNetwork, images: Array, labels: Array) -> dict[str, float]:
    """Compare the gradients of one network with central differences, number by number.

    Parameters, statistics and random state are afterwards as they were; ``network.gradients`` holds the gradients.

    Args:
        network: in ``float64``.
        images: as ``loss_and_gradients`` takes them; ``draw_batch`` finds some away from the kinks.
        labels: likewise.

    Returns:
        The ``relative_error`` of each parameter array by its name, e.g. "0.weights", and of "inputs".

    Raises:
        ValueError: if the network is not ``float64``, or the batch is none.
    """
    if network.dtype != np.float64:
        raise ValueError(f"gradients can be checked in float64 only; the network is {network.dtype}")
    inputs = np.array(as_inputs(images, network.input_shape, network.dtype))  # a copy, to be moved about
    state = network.random.bit_generator.state
    statistics = network.statistics.copy()

    def loss_and_logit_gradients() -> tuple[float, Array]:
        network.random.bit_generator.state = state
        return network.loss(network.forward(inputs), labels)

    def loss() -> float:
        return loss_and_logit_gradients()[0]

    network.loss_and_gradients(images, labels)
    least_scale = LEAST_SCALE * float(np.abs(network.gradients).max())
    errors = {}
    start = 0
    for name, parameters in network.named_parameters():
        gradients = network.gradients[start : start + parameters.size].reshape(parameters.shape)
        errors[name] = relative_error(gradients, central_differences(loss, parameters), least_scale)
        start += parameters.size

    _, logit_gradients = loss_and_logit_gradients()
    input_gradients = network.backward(logit_gradients, need_input_gradients=True).copy()
    errors["inputs"] = relative_error(input_gradients, central_differences(loss, inputs), least_scale)
    network.random.bit_generator.state = state
    network.statistics[...] = statistics
    return errors


def check_loss(loss: SoftmaxCrossEntropy, random: np.random.Generator) -> float:
    """The ``relative_error`` of a loss's own gradient, for random logits."""
    logits, labels = random.normal(0, 2, (5, 4)), random.integers(4, size=5)
    _, gradients = loss(logits.copy(), labels)
    return relative_error(gradients, central_differences(lambda: loss(logits.copy(), labels)[0], logits))


def central_differences(function: Callable[[], float], variables: Array) -> Array:
    """(f(x + h) − f(x − h)) / 2h for each x of an array that the function reads.

    Args:
        function: called without arguments, twice for each variable.
        variables: ``float64`` of any shape; moved in place, and put back.

    Returns:
        The derivatives, in the shape of the variables.
    """
    derivatives = np.empty_like(variables)
    for index, value in np.ndenumerate(variables.copy()):
        variables[index] = value + STEP
        above = function()
        variables[index] = value - STEP
        below = function()
        variables[index] = value
        derivatives[index] = (above - below) / (2 * STEP)
    return derivatives


def relative_error(analytic: Array, numeric: Array, least_scale: float = 0.0) -> float:
    """How far two arrays are apart: max |a − n| / max(max |a|, max |n|, least_scale).

    The largest number of the array is the measure for all of it. Number by number, a derivative that is
    nearly 0 would be compared with the rounding errors of its difference, and a right gradient would look
    wrong.

    For the same reason no array of a network is measured by less than ``LEAST_SCALE`` of the network's largest
    gradient.

    Two arrays of zeros agree: 0. If only one is all zeros, the error is 1, however small the other is, unless it is
    smaller than ``least_scale``.
    """
    scale = np.max([np.abs(analytic).max(), np.abs(numeric).max(), least_scale])
    return 0.0 if scale == 0 else float(np.abs(analytic - numeric).max() / scale)
