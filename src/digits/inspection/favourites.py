"""The images that excite each unit most."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import as_inputs, check_shape
from digits.neural_network import NeuralNetwork


@dataclass(frozen=True, eq=False)
class Favourites:
    """For every unit of one layer the images with its largest outputs. A channel of maps counts as one unit.

    Attributes:
        indices: ``(units, count)``: places among the images, the most exciting first.
        outputs: ``(units, count)``: the unit's outputs for them; of a channel the largest of its map.
    """

    indices: Array
    outputs: Array


def favourite_steps(network: NeuralNetwork, images: Array, count: int = 8) -> Generator[float, None, list[Favourites]]:
    """Send images through the network once, and keep the most exciting ones of every unit of every layer.

    A generator, since it takes seconds: it yields the share of the images that is done.

    Args:
        network: of any kind; computed as a finished network does, so several threads may.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1. Taken in blocks.
        count: how many to keep; at most n.

    Returns:
        One for each layer, as the generator's value.
    """
    check_shape(images, network.input_shape)
    best: list[tuple[Array, Array]] = []
    for start in range(0, len(images), network.inference_batch):
        outputs = as_inputs(images[start : start + network.inference_batch], network.input_shape, network.dtype)
        indices = np.arange(start, start + len(outputs))
        for depth, layer in enumerate(network.layers):
            outputs = layer.infer(outputs)
            units = outputs.max(axis=(2, 3)) if outputs.ndim == 4 else outputs
            if len(best) == depth:
                best.append((np.empty((units.shape[1], 0), indices.dtype), np.empty((units.shape[1], 0), units.dtype)))
            best[depth] = _merge(best[depth], np.broadcast_to(indices, units.T.shape), units.T, count)
        yield min(1.0, (start + len(outputs)) / len(images))
    return [Favourites(indices, outputs) for indices, outputs in best]


def _merge(best: tuple[Array, Array], indices: Array, outputs: Array, count: int) -> tuple[Array, Array]:
    """The largest outputs of each row, of those so far and those that come in; the earlier image first among equals."""
    all_indices = np.concatenate([best[0], indices], axis=1)
    all_outputs = np.concatenate([best[1], outputs], axis=1)
    order = np.argsort(-all_outputs, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(all_indices, order, axis=1), np.take_along_axis(all_outputs, order, axis=1)
