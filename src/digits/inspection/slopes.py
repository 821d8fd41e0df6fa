"""Where the gradient of one number comes from: the chain rule, written out for a single unit.

∂L/∂x = Σⱼ ∂yⱼ/∂x · ∂L/∂yⱼ over the outputs yⱼ of the next layer that depend on x. ``backward`` computes that for all
units at once; here are the terms for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from digits.activations import Array
from digits.inspection.trace import Trace
from digits.layers import Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D
from digits.layers.pooling import Pooling

Found = tuple[Array, Array]  # which outputs of the next layer, counted flat, and their slopes


@dataclass(frozen=True, eq=False)
class Influence:
    """What one number does to the loss, by way of the next layer.

    Attributes:
        gradient: ∂L/∂x.
        outputs: ``(n,)``: the outputs y of the next layer that depend on x, counted flat.
        slopes: ``(n,)``: ∂y/∂x of each.
        gradients: ``(n,)``: ∂L/∂y of each; slopes·gradients = gradient.
    """

    gradient: float
    outputs: Array
    slopes: Array
    gradients: Array


def influence(trace: Trace, layer: int, unit: int) -> Influence | None:
    """How an output of a layer reaches the loss through the next layer.

    Args:
        trace: of an image.
        layer: its position in the network; −1 for the pixels.
        unit: which of its outputs, counted flat.

    Returns:
        None for a logit: after it comes the loss.
    """
    following = layer + 1
    if following == len(trace.network.layers):
        return None
    of_layer = trace.network.layers[following]
    inputs, outputs = trace.values[following : following + 2]
    place = tuple(int(index) for index in np.unravel_index(unit, inputs.shape))
    find = next(find for kind, find in _FINDERS.items() if isinstance(of_layer, kind))
    found, slopes = find(of_layer, inputs, outputs, place)
    gradient = float(trace.gradients[following][place])
    return Influence(gradient, found, slopes, trace.gradients[following + 1].reshape(-1)[found])


def _dense(layer: Dense, _: Array, outputs: Array, place: tuple[int, ...]) -> Found:
    return np.arange(outputs.size), layer.weights[place[0]].copy()


def _convolution(layer: Conv2D, _: Array, outputs: Array, place: tuple[int, ...]) -> Found:
    channel, row, column = place
    window = np.arange(layer.size)
    rows, columns = row + layer.padding - window, column + layer.padding - window  # of the windows that see the pixel
    filters, height, width = outputs.shape
    k = np.flatnonzero((rows >= 0) & (rows < height))
    j = np.flatnonzero((columns >= 0) & (columns < width))
    grid = np.ix_(np.arange(filters), rows[k], columns[j])
    slopes = layer.weights[channel][np.ix_(k, j)]  # (rows, columns, filters)
    return np.ravel_multi_index(grid, outputs.shape).reshape(-1), np.moveaxis(slopes, -1, 0).reshape(-1)


def _activation(layer: Activation, _: Array, outputs: Array, place: tuple[int, ...]) -> Found:
    return _same(outputs, place, float(layer.derivative(outputs[place].reshape(1))[0]))


def _pooling(layer: Pooling, inputs: Array, outputs: Array, place: tuple[int, ...]) -> Found:
    channel, row, column = place[0], place[1] // layer.size, place[2] // layer.size
    if row >= outputs.shape[1] or column >= outputs.shape[2]:  # in no window
        return np.empty(0, np.intp), np.empty(0)
    slope = 1 / layer.size**2
    if isinstance(layer, MaxPool2D):
        top, left = row * layer.size, column * layer.size
        window = inputs[channel, top : top + layer.size, left : left + layer.size]
        slope = float(int(window.argmax()) == (place[1] - top) * layer.size + place[2] - left)
    return _same(outputs, (channel, row, column), slope)


def _flatten(_: Flatten, inputs: Array, __: Array, place: tuple[int, ...]) -> Found:
    return np.array([np.ravel_multi_index(place, inputs.shape)]), np.ones(1)


def _normalisation(layer: BatchNorm, _: Array, outputs: Array, place: tuple[int, ...]) -> Found:
    return _same(outputs, place, float(layer.as_linear()[0][place[0]]))


def _dropout(_: Dropout, __: Array, outputs: Array, place: tuple[int, ...]) -> Found:
    return _same(outputs, place, 1.0)


def _same(outputs: Array, place: tuple[int, ...], slope: float) -> Found:
    return np.array([np.ravel_multi_index(place, outputs.shape)]), np.array([slope])


_FINDERS: dict[type[Layer], Callable[[Any, Array, Array, tuple[int, ...]], Found]] = {
    Dense: _dense,
    Conv2D: _convolution,
    Activation: _activation,
    Pooling: _pooling,
    Flatten: _flatten,
    BatchNorm: _normalisation,
    Dropout: _dropout,
}
