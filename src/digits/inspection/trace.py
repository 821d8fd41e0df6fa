"""One image forward through a network and its loss backward, with every number kept.

A network in training overwrites what it needs no more. Here the values between the layers and their gradients are
copied as they pass, in ``float64``, from the same ``forward`` and ``backward`` that train.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digits.activations import Array, softmax
from digits.data_preprocessing import as_inputs
from digits.neural_network import NeuralNetwork


@dataclass(frozen=True, eq=False)
class Trace:
    """What passed through a network, from the pixels (0) to the logits (-1), and back.

    Attributes:
        network: the one that was traced; its ``gradients`` are those of ``loss``.
        label: the digit that it should have been.
        values: for each layer its inputs x, without a batch; at the end the logits.
        gradients: ∂L/∂ each of ``values``, in the same shapes.
        probabilities: ``(classes,)``: softmax of the logits.
        loss: L = −log of the label's probability, in nats.
    """

    network: NeuralNetwork
    label: int
    values: list[Array]
    gradients: list[Array]
    probabilities: Array
    loss: float


def values(network: NeuralNetwork, image: Array) -> list[Array]:
    """Each layer's inputs for one image, and at the end the logits.

    Args:
        network: ``frozen``, so that ``forward`` computes what inference does.
        image: ``(784,)`` or ``(28, 28)``; ``uint8`` 0…255 or floating point 0…1.

    Returns:
        One array per layer and one more, each without a batch: ``[0]`` the pixels as the first layer takes them,
        ``[n]`` the outputs of layer n − 1. Copies.
    """
    batch = as_inputs(np.asarray(image)[np.newaxis], network.input_shape, network.dtype)
    found = [batch[0].copy()]
    for layer in network.layers:
        batch = layer.forward(batch)
        found.append(batch[0].copy())
    return found


def trace(network: NeuralNetwork, image: Array, label: int) -> Trace:
    """Take one image forward and its loss backward; fill ``network.gradients``.

    Args:
        network: ``frozen``, in ``float64``.
        image: as ``values`` takes it.
        label: the digit that it should have been, 0 to classes − 1.

    Raises:
        ValueError: if image or label are not such.
    """
    if not 0 <= label < network.classes:
        raise ValueError(f"the label must lie in 0…{network.classes - 1}; got {label}")
    found = values(network, image)
    logits = found[-1][np.newaxis]
    loss, gradients = network.loss(logits.copy(), np.array([label]))
    backward = [gradients[0].copy()]
    for layer in reversed(network.layers):
        gradients = layer.backward(gradients)
        backward.append(gradients[0].copy())
    return Trace(network, label, found, backward[::-1], softmax(logits)[0], loss)
