"""One step of gradient descent on one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import as_inputs
from digits.neural_network import NeuralNetwork
from digits.optimizers import SGD


@dataclass(frozen=True)
class Step:
    """What a step was expected to do.

    Attributes:
        loss: before the step.
        slope: |g|², the sum of the squares of all gradients: for a tiny learning rate η the loss falls by η·|g|².
    """

    loss: float
    slope: float


def take_step(network: NeuralNetwork, image: Array, label: int, learning_rate: float) -> Step:
    """Move all parameters one step of plain SGD downhill: θ ← θ − η·g.

    Args:
        network: ``frozen``, so that one image has a gradient of its own; its parameters are changed.
        image: ``(784,)`` or ``(28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        label: the digit that it should have been.
        learning_rate: η, above 0.

    Raises:
        ValueError: if image, label or learning rate are not such.
    """
    optimizer = SGD(learning_rate)
    inputs = as_inputs(np.asarray(image)[np.newaxis], network.input_shape, network.dtype)
    loss = network.loss_and_gradients(inputs, np.array([label]))
    slope = float(network.gradients @ network.gradients)
    optimizer.step(network.parameters, network.gradients)
    return Step(loss, slope)
