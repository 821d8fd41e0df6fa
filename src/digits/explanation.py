"""Why the network answers what it answers: the pixels that speak for it, what its layers see, and what it resembles.

The margin between the two largest logits, m = z_winner − z_runner-up, is taken apart in two ways, each with a part for
every pixel.

Gradient × input (Shrikumar et al. 2016) asks what the pixels do where the image is. A network of ReLUs is linear around
each image: m(x) = ∇m·x + c, so the pixels' parts and the biases' share c add up to the margin exactly. With smooth
activations c also holds what is not linear. ``margin_parts`` computes the biases' shares too, layer by layer: scale
image and biases together, and the margin of a network of ReLUs grows by the same factor, so by Euler's theorem on
homogeneous functions c = Σ b·∂m/∂b.

Integrated gradients (Sundararajan et al. 2017) ask what they do on the way there, from an image without ink. With that
baseline their equation 1 is xᵢ·∫₀¹ ∂m/∂xᵢ(αx) dα, and the parts add up to m(x) − m(0). No bias is left over.

``activations`` is what a layer makes of many images. From those of the last hidden layer, which is all that the last
layer sees of an image, ``nearest`` finds the training images that look most alike to the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from digits.activations import Array, softmax
from digits.data_preprocessing import SIDE, as_inputs, check_shape
from digits.errors import NOT_FINITE, DigitsError
from digits.layers import Activation, BatchNorm, Conv2D, Dense
from digits.neural_network import NeuralNetwork

FIRST_LAYERS = 2  # whose activations are kept
STEPS = 32  # of the integral at first; also how many images go through the network at once
MOST_STEPS = 4096
TOLERANCE = 0.005  # the residue of the integral, as a share of what it should be


@dataclass(frozen=True, eq=False)
class Explanation:
    """The parts of one answer.

    Attributes:
        winner, runner_up: the two most probable digits.
        probabilities: ``(10,)``.
        margin: logit of the winner minus logit of the runner-up.
        contributions: ``(28, 28) float64``: gradient × input, each pixel's part of the margin; positive speaks for the
            winner.
        bias_share: the biases' part of it.
        rest: what is left; 0, but for rounding, unless an activation is smooth.
        integrated: ``(28, 28) float64``: the same by integrated gradients.
        empty_margin: the margin of the same two digits for an image without ink.
        residue: the rest that the steps of the integral leave, margin − empty_margin − sum of ``integrated``.
        activations: the outputs of the first two activation functions, each with the name of its layers; of shape
            ``(units,)`` or ``(channels, height, width)``.
    """

    winner: int
    runner_up: int
    probabilities: Array
    margin: float
    contributions: Array
    bias_share: float
    rest: float
    integrated: Array
    empty_margin: float
    residue: float
    activations: list[tuple[str, Array]]


@dataclass(frozen=True, eq=False)
class MarginParts:
    """What makes the logit of one digit larger than that of another, by gradient × input.

    Attributes:
        winner, runner_up: the two digits.
        logits: ``(10,)``.
        margin: logit of the winner minus logit of the runner-up.
        pixels: ``(28, 28) float64``: each pixel's part.
        biases: of each layer that has biases, its name and their part.
        rest: what is left; 0, but for rounding, unless an activation is smooth.
    """

    winner: int
    runner_up: int
    logits: Array
    margin: float
    pixels: Array
    biases: list[tuple[str, float]]
    rest: float


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A training image that resembles another one.

    Attributes:
        index: its place in the training set.
        image: ``(28, 28)``, or as it was given.
        label: its digit.
        distance: cosine distance, 0…2; 0 where the activations point the same way.
    """

    index: int
    image: Array
    label: int
    distance: float


def explain(network: NeuralNetwork, image: Array) -> Explanation:
    """Take the network's answer to one image apart, in ``float64``.

    Args:
        network: of any kind; it is left as it is.
        image: ``(28, 28)`` or ``(784,)``; ``uint8`` 0…255 or floating point 0…1.

    Raises:
        DigitsError: if its logits are not finite numbers, or batch normalisation cannot be folded into its weights.
    """
    twin = differentiable(network)
    parts = margin_parts(twin, image)
    inputs = as_inputs(np.asarray(image)[np.newaxis], twin.input_shape, twin.dtype)
    direction = _direction(twin, parts.winner, parts.runner_up)
    empty_margin = float(direction @ twin.forward(np.zeros_like(inputs))[0])
    integrated = _integrated_gradients(twin, inputs, direction, parts.margin - empty_margin)
    return Explanation(
        parts.winner,
        parts.runner_up,
        softmax(parts.logits[np.newaxis] / twin.temperature)[0],
        parts.margin,
        parts.pixels,
        sum(share for _, share in parts.biases),
        parts.rest,
        integrated.reshape(SIDE, SIDE),
        empty_margin,
        parts.margin - empty_margin - float(integrated.sum()),
        _first_activations(twin, inputs),
    )


def differentiable(network: NeuralNetwork) -> NeuralNetwork:
    """A copy of a network for taking its answers apart: in ``float64``, folded.

    Raises:
        DigitsError: if batch normalisation cannot be folded into its weights.
    """
    twin = network.folded(np.float64)
    if any(isinstance(layer, BatchNorm) for layer in twin.layers):  # forward would normalise by the one image
        raise DigitsError("a network can be explained if its batch normalisation directly follows layers with weights.")
    return twin


def margin_parts(
    twin: NeuralNetwork, image: Array, winner: int | None = None, runner_up: int | None = None
) -> MarginParts:
    """Take the margin of one digit over another apart, into the pixels' parts and the biases'.

    Args:
        twin: as ``differentiable`` made it; its gradients and buffers are overwritten.
        image: ``(28, 28)`` or ``(784,)``; ``uint8`` 0…255 or floating point 0…1.
        winner: by default the likeliest digit.
        runner_up: by default the likeliest but for the winner.

    Raises:
        DigitsError: if the logits are not finite numbers, or both digits are the same.
    """
    inputs = as_inputs(np.asarray(image)[np.newaxis], twin.input_shape, twin.dtype)
    logits = _finite_logits(twin, inputs)
    ranked = np.argsort(-logits, kind="stable").tolist()
    winner = ranked[0] if winner is None else winner
    runner_up = next(digit for digit in ranked if digit != winner) if runner_up is None else runner_up
    if winner == runner_up:
        raise DigitsError("a margin is that of one digit over another; choose two.")
    direction = _direction(twin, winner, runner_up)
    pixels = (inputs[0] * _gradients(twin, inputs, direction)[0]).reshape(SIDE, SIDE)
    biases = [
        (repr(layer), float(layer.biases.ravel() @ layer.biases_gradients.ravel()))
        for layer in twin.layers
        if isinstance(layer, Dense | Conv2D)
    ]
    margin = float(direction @ logits)
    rest = margin - float(pixels.sum()) - sum(share for _, share in biases)
    return MarginParts(winner, runner_up, logits, margin, pixels, biases, rest)


def _direction(twin: NeuralNetwork, winner: int, runner_up: int) -> Array:
    """``(classes,)``: what the logits are multiplied by to give the margin."""
    direction = np.zeros(twin.classes)
    direction[winner], direction[runner_up] = 1, -1
    return direction


def _finite_logits(twin: NeuralNetwork, inputs: Array) -> Array:
    logits: Array = twin.forward(inputs)[0].copy()
    if not np.isfinite(logits).all():
        raise DigitsError(NOT_FINITE)
    return logits


def _gradients(twin: NeuralNetwork, inputs: Array, direction: Array) -> Array:
    """``(n, *input_shape)``: the gradient of direction·logits at each of the inputs. The next call overwrites it."""
    twin.forward(inputs)
    return twin.backward(np.tile(direction, (len(inputs), 1)), need_input_gradients=True)


def _integrated_gradients(twin: NeuralNetwork, inputs: Array, direction: Array, difference: float) -> Array:
    """Integrate by midpoints, with twice as many until the parts add up to the difference, or nearly so.

    Midpoints, since the gradient of a network of ReLUs jumps along the way: a rule of higher order would gain nothing.
    """
    steps = STEPS
    while True:
        midpoints = (np.arange(steps) + 0.5) / steps
        total = np.zeros_like(inputs[0])
        for some in np.split(midpoints, steps // STEPS):
            total += _gradients(twin, np.multiply.outer(some, inputs[0]), direction).sum(axis=0)
        parts: Array = inputs[0] * total / steps
        if abs(difference - parts.sum()) <= TOLERANCE * abs(difference) or steps >= MOST_STEPS:
            return parts
        steps *= 2


def _first_activations(twin: NeuralNetwork, inputs: Array) -> list[tuple[str, Array]]:
    """The outputs of the first activation functions for one image, and the name of what computes them."""
    found: list[tuple[str, Array]] = []
    before = ""
    for layer in twin.layers:
        inputs = layer.infer(inputs)
        if isinstance(layer, Activation):
            found.append((f"{before}{layer!r}", inputs[0].copy()))
        elif "weights" in layer.parameter_shapes(layer.input_shape):
            before = f"{layer!r} → "
        if len(found) == FIRST_LAYERS:
            break
    return found


# -- what a layer makes of many images -----------------------------------------------------------------------


def activations(network: NeuralNetwork, images: Array, depth: int) -> Array:
    """What the first ``depth`` layers make of images.

    Args:
        network: of any kind.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1. At least one.
        depth: how many layers, 0 to all of them; 0 gives the images as the network takes them. Or what
            ``last_hidden`` returns.

    Returns:
        ``(n, *shape)`` of the network's dtype: the outputs of that layer, computed as a finished network does.

    Raises:
        ValueError: if there are no images, or they have another shape or range, or there are not so many layers.
    """
    return np.concatenate(list(_activation_blocks(network, images, depth)))


def last_hidden(network: NeuralNetwork) -> int:
    """How many layers come before the last one that has weights: the depth of the last hidden layer."""
    return max(n for n, layer in enumerate(network.layers) if "weights" in layer.parameter_shapes(layer.input_shape))


def nearest(
    network: NeuralNetwork, image: Array, train_images: Array, train_labels: Array, count: int = 8
) -> list[Neighbour]:
    """Find the training images that are most alike to an image in the last hidden layer.

    Alike is who points the same way, by cosine distance 1 − a·b/|a||b|, as in Papernot and McDaniel 2018: how far
    activations reach depends on how much ink there is and moves all logits alike, their direction decides which is
    the largest. It also means the same in every network.

    Args:
        network: of any kind.
        image: ``(28, 28)`` or ``(784,)``; ``uint8`` 0…255 or floating point 0…1.
        train_images: ``(n, 28, 28)`` or ``(n, 784)``. They are taken in blocks: what is kept is a number for each.
        train_labels: ``(n,)`` integers.
        count: how many, the nearest first; at most n.
    """
    depth = last_hidden(network)
    wanted = activations(network, np.asarray(image)[np.newaxis], depth)
    blocks = _activation_blocks(network, train_images, depth)
    distances = np.concatenate([_cosine_distances(block, wanted) for block in blocks])
    order = np.argsort(distances, kind="stable")[:count]
    return [Neighbour(int(n), train_images[n], int(train_labels[n]), float(distances[n])) for n in order]


def _activation_blocks(network: NeuralNetwork, images: Array, depth: int) -> Iterator[Array]:
    """The same as ``activations``, a block of images at a time: all at once may not fit into memory."""
    if not 0 <= depth <= len(network.layers):
        raise ValueError(f"the network has {len(network.layers)} layers; got a depth of {depth}")
    images = np.asarray(images)
    check_shape(images, network.input_shape)
    for start in range(0, len(images), network.inference_batch):
        outputs = as_inputs(images[start : start + network.inference_batch], network.input_shape, network.dtype)
        for layer in network.layers[:depth]:
            outputs = layer.infer(outputs)
        yield outputs


def _cosine_distances(block: Array, wanted: Array) -> Array:
    """``(n,)``: of each row from the only row wanted. Where nothing is active there is no direction: 1."""
    block, vector = block.reshape(len(block), -1), wanted.ravel()
    lengths = np.sqrt(np.einsum("nd,nd->n", block, block)) * np.sqrt(vector @ vector)
    cosines = np.divide(block @ vector, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    distances: Array = np.clip(1 - cosines, 0, 2)
    return distances
