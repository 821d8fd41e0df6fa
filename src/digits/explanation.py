"""Why the network answers what it answers: which pixels speak for the winner and against the runner-up.

The margin between the two largest logits, m = z_winner − z_runner-up, is taken apart into a part for each pixel,
gradient × input (Shrikumar et al. 2016). A network of ReLUs is linear around each image: m(x) = ∇m·x + c, so the
pixels' parts and the biases' share c add up to the margin exactly. With smooth activations c also holds what is not
linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digits.activations import Array, softmax
from digits.data_preprocessing import SIDE, as_inputs
from digits.errors import NOT_FINITE, DigitsError
from digits.layers import Dropout
from digits.neural_network import NeuralNetwork


@dataclass(frozen=True)
class Explanation:
    """The parts of one answer.

    Attributes:
        winner, runner_up: the two most probable digits.
        probabilities: ``(10,)``.
        margin: logit of the winner minus logit of the runner-up.
        contributions: ``(28, 28) float64``: each pixel's part of the margin; positive speaks for the winner.
        bias_share: the rest of the margin, which no pixel accounts for.
    """

    winner: int
    runner_up: int
    probabilities: Array
    margin: float
    contributions: Array
    bias_share: float


def explain(network: NeuralNetwork, image: Array) -> Explanation:
    """Take the network's answer to one image apart, in ``float64``.

    Args:
        network: of any kind; it is left as it is.
        image: ``(28, 28)`` or ``(784,)``; ``uint8`` 0…255 or floating point 0…1.

    Raises:
        DigitsError: if its logits are not finite numbers.
    """
    twin = _without_dropout(network)
    inputs = as_inputs(np.asarray(image)[np.newaxis], twin.input_shape, twin.dtype)
    logits = twin.forward(inputs)[0].copy()
    if not np.isfinite(logits).all():
        raise DigitsError(NOT_FINITE)
    runner_up, winner = (int(digit) for digit in np.argsort(logits)[-2:])
    direction = np.zeros((1, twin.classes))
    direction[0, winner], direction[0, runner_up] = 1, -1
    gradient = twin.backward(direction, need_input_gradients=True)[0]
    contributions = (gradient * inputs[0]).reshape(SIDE, SIDE)
    margin = float(logits[winner] - logits[runner_up])
    return Explanation(
        winner,
        runner_up,
        softmax(logits[np.newaxis])[0],
        margin,
        contributions,
        bias_share=margin - float(contributions.sum()),
    )


def _without_dropout(network: NeuralNetwork) -> NeuralNetwork:
    """Copy the network as it is in inference, in ``float64``. Dropout has no parameters, so the vector fits."""
    kept = [layer.fresh() for layer in network.layers if not isinstance(layer, Dropout)]
    twin = NeuralNetwork(kept, network.input_shape, dtype=np.float64)
    twin.parameters[...] = network.parameters
    return twin
