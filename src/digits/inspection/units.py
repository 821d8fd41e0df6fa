"""What one unit computes from what it sees, written out with its numbers.

A unit is one output of a layer, counted flat: of maps ``(channels, height, width)`` it is one place of one map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import fsum, prod
from typing import Any

import numpy as np

from digits.activations import Array
from digits.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    ReLU,
    Sigmoid,
)
from digits.layers.pooling import Pooling
from digits.neural_network import NeuralNetwork


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a sum: an input times its weight.

    Attributes:
        index: of the input among those that the unit sees, counted flat.
        value, weight, product: the three numbers.
    """

    index: int
    value: float
    weight: float
    product: float


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit and its numbers for one image.

    Attributes:
        place: ``(unit,)``, or ``(channel, row, column)``.
        output: y.
        seen: the inputs that it depends on: all of a dense layer's, ``(channels, size, size)`` under the window of a
            filter (zeros on the padding), ``(size, size)`` of a pooling window, one number elsewhere.
        origin: where the window begins in the layer's inputs, ``(row, column)``; negative on the padding. None without
            a window.
        weights: one for each of ``seen``; None where the layer has none.
        bias: None likewise.
        numbers: symbol → value, what the formula speaks of.
        written: the formula with the numbers put in; empty for a sum of weighted inputs, which has ``terms``.
    """

    place: tuple[int, ...]
    output: float
    seen: Array
    origin: tuple[int, int] | None = None
    weights: Array | None = None
    bias: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    written: str = ""

    def terms(self, count: int) -> list[Term]:
        """The largest terms of the sum by size, at most ``count``; none where there are no weights."""
        if self.weights is None:
            return []
        products, order = self._products()
        seen, weights = self.seen.reshape(-1), self.weights.reshape(-1)
        return [Term(int(n), float(seen[n]), float(weights[n]), float(products[n])) for n in order[:count]]

    def rest(self, count: int) -> float:
        """The sum of all terms but those."""
        if self.weights is None:
            return 0.0
        products, order = self._products()
        return fsum(products[order[count:]])

    def _products(self) -> tuple[Array, Array]:
        """Inputs times weights, flat, and their order by size."""
        products = (self.seen * self.weights).reshape(-1)
        return products, np.argsort(-np.abs(products), kind="stable")


def describe(network: NeuralNetwork, values: list[Array], layer: int, unit: int) -> Unit:
    """Write out what one unit computes.

    Args:
        network: ``frozen``.
        values: what ``trace.values`` found.
        layer: its position in the network; −1 for the pixels.
        unit: which of the layer's outputs, counted flat.

    Raises:
        ValueError: if there is no such layer or unit.
    """
    place = unit_place(network, layer, unit)
    if layer < 0:
        x = float(values[0][place])
        return Unit(place, x, values[0][place].reshape(1), written=f"{number(255 * x)} / 255 = {number(x)}")
    of_layer = network.layers[layer]
    output = float(values[layer + 1].reshape(-1)[unit])
    for kind, write in _WRITERS.items():
        if isinstance(of_layer, kind):
            return Unit(place, output, **write(of_layer, values[layer], place, output))
    raise ValueError(f"no words for {of_layer!r}")


def unit_place(network: NeuralNetwork, layer: int, unit: int) -> tuple[int, ...]:
    """``(unit,)`` or ``(channel, row, column)`` of a unit that is counted flat; layer −1 is the pixels."""
    if not -1 <= layer < len(network.layers):
        raise ValueError(f"the network has layers 0…{len(network.layers) - 1}; got {layer}")
    shape = network.input_shape if layer < 0 else network.layers[layer].output_shape
    if not 0 <= unit < prod(shape):
        raise ValueError(f"layer {layer} has units 0…{prod(shape) - 1}; got {unit}")
    return tuple(int(index) for index in np.unravel_index(unit, shape))


# -- parameters ----------------------------------------------------------------------------------------------


def parameter_range(network: NeuralNetwork, layer: int) -> tuple[int, int]:
    """Where a layer's parameters begin and end in ``network.parameters``."""
    sizes = [sum(prod(shape) for shape in one.parameter_shapes(one.input_shape).values()) for one in network.layers]
    return sum(sizes[:layer]), sum(sizes[: layer + 1])


def parameter_positions(network: NeuralNetwork, layer: int, unit: int) -> Array:
    """Where a unit's parameters lie in ``network.parameters``: its weights in the order of ``seen``, then its bias.

    All places of a map share the filter's parameters. A layer without parameters has none: an empty array.
    """
    channel = unit_place(network, layer, unit)[0]
    of_layer = network.layers[layer]
    start, _ = parameter_range(network, layer)
    found = [np.empty(0, np.intp)]
    for shape in of_layer.parameter_shapes(of_layer.input_shape).values():
        found.append(start + np.arange(prod(shape)).reshape(shape)[..., channel].reshape(-1))
        start += prod(shape)
    return np.concatenate(found)


def parameter_name(network: NeuralNetwork, layer: int, position: int) -> tuple[str, tuple[int, ...]]:
    """The array and the index of a parameter of a layer, e.g. ``("weights", (402, 17))``."""
    of_layer = network.layers[layer]
    start, _ = parameter_range(network, layer)
    for name, shape in of_layer.parameter_shapes(of_layer.input_shape).items():
        if start <= position < start + prod(shape):
            return name, tuple(int(index) for index in np.unravel_index(position - start, shape))
        start += prod(shape)
    raise ValueError(f"layer {layer} has no parameter at {position}")


# -- one kind of layer each ----------------------------------------------------------------------------------


def _dense(layer: Dense, inputs: Array, place: tuple[int, ...], _: float) -> dict[str, Any]:
    weights = layer.weights[:, place[0]]
    return {"seen": inputs, "weights": weights.copy(), "bias": float(layer.biases[place[0]])}


def _convolution(layer: Conv2D, inputs: Array, place: tuple[int, ...], _: float) -> dict[str, Any]:
    channel, row, column = place
    padding, size = layer.padding, layer.size
    padded = np.pad(inputs, ((0, 0), (padding, padding), (padding, padding)))
    return {
        "seen": padded[:, row : row + size, column : column + size],
        "origin": (row - padding, column - padding),
        "weights": layer.weights[..., channel].copy(),
        "bias": float(layer.biases[channel]),
    }


def _activation(layer: Activation, inputs: Array, place: tuple[int, ...], y: float) -> dict[str, Any]:
    x = float(inputs[place])
    if isinstance(layer, ReLU):
        written = f"max(0, {number(x)}) = {number(y)}"
    elif isinstance(layer, LeakyReLU):
        written = f"{number(x)} = {number(y)}" if x > 0 else f"{layer.slope:g} · {number(x)} = {number(y)}"
    elif isinstance(layer, Sigmoid):
        written = f"1 / (1 + exp(−({number(x)}))) = {number(y)}"
    else:
        written = f"{type(layer).__name__.lower()}({number(x)}) = {number(y)}"
    return {"seen": inputs[place].reshape(1), "numbers": {"x": x, "y": y}, "written": written}


def _pooling(layer: Pooling, inputs: Array, place: tuple[int, ...], y: float) -> dict[str, Any]:
    channel, row, column = place[0], place[1] * layer.size, place[2] * layer.size
    window = inputs[channel, row : row + layer.size, column : column + layer.size]
    listed = ", ".join(number(value) for value in window.reshape(-1))
    if isinstance(layer, AvgPool2D):
        written = f"({listed.replace(', ', ' + ')}) / {layer.size**2} = {number(y)}"
    else:
        written = f"max({listed}) = {number(y)}"
    return {"seen": window.copy(), "origin": (row, column), "numbers": {"y": y}, "written": written}


def _normalisation(layer: BatchNorm, inputs: Array, place: tuple[int, ...], y: float) -> dict[str, Any]:
    x, channel = float(inputs[place]), place[0]
    numbers = {
        "x": x,
        "μ": float(layer.running_means[channel]),
        "σ²": float(layer.running_variances[channel]),
        "ε": layer.epsilon,
        "γ": float(layer.scales[channel]),
        "β": float(layer.shifts[channel]),
        "y": y,
    }
    mean, variance, scale, shift = (number(numbers[symbol]) for symbol in ("μ", "σ²", "γ", "β"))
    root = f"√({variance} + {layer.epsilon:g})"
    written = f"{scale} · ({number(x)} − ({mean})) / {root} + ({shift}) = {number(y)}"
    return {"seen": inputs[place].reshape(1), "numbers": numbers, "written": written}


def _dropout(_: Dropout, inputs: Array, place: tuple[int, ...], y: float) -> dict[str, Any]:
    return {"seen": inputs[place].reshape(1), "numbers": {"x": y, "y": y}, "written": f"{number(y)} = {number(y)}"}


def _flatten(layer: Flatten, inputs: Array, place: tuple[int, ...], y: float) -> dict[str, Any]:
    source = tuple(int(index) for index in np.unravel_index(place[0], layer.input_shape))
    index = ", ".join(map(str, source))
    return {"seen": inputs[source].reshape(1), "numbers": {"y": y}, "written": f"x[{index}] = {number(y)}"}


_WRITERS: dict[type[Layer], Callable[[Any, Array, tuple[int, ...], float], dict[str, Any]]] = {
    Dense: _dense,
    Conv2D: _convolution,
    Activation: _activation,
    Pooling: _pooling,
    BatchNorm: _normalisation,
    Dropout: _dropout,
    Flatten: _flatten,
}


def number(value: float) -> str:
    """Four significant digits, with a minus sign."""
    return f"{value:.4g}".replace("-", "−")
