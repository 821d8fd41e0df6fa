"""Signs by which one sees, while a network is trained, whether its layers learn: gradients and dead units.

Where gradients shrink from layer to layer on the way back, the first layers learn next to nothing (Hochreiter 1991;
Glorot and Bengio 2010). A unit is dead where no image lets a gradient through it: its weights never change again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import as_inputs
from digits.layers import Activation
from digits.neural_network import NeuralNetwork

FLAT = 1e-3  # a smaller slope lets no gradient through that counts: sigmoid's beyond ±6.9, tanh's beyond ±4.1


@dataclass(frozen=True)
class VitalSigns:
    """What was measured on a few images.

    Attributes:
        gradients: for each layer with weights, in order, the root mean square of ∂loss/∂weights.
        weights: for each of them, the root mean square of the weights.
        dead: for each activation function, in order, the share (0…1) of its units that are dead: whose slope is below
            ``FLAT`` for all of the images. Where it follows a convolution, a unit is a channel.
    """

    gradients: list[float]
    weights: list[float]
    dead: list[float]


def vital_signs(network: NeuralNetwork, images: Array, labels: Array) -> VitalSigns:
    """Measure gradients, weights and dead units.

    Args:
        network: its gradients are filled, dropout draws, and batch normalisation's averages move, as in a step of
            training; so give a copy of one that is being trained.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers.

    Raises:
        ValueError: if the shapes, dtypes or labels are not such.
    """
    dead = dead_shares(network, images)
    network.loss_and_gradients(images, labels)
    with_weights = [layer for layer in network.layers if "weights" in layer.parameter_shapes(layer.input_shape)]
    return VitalSigns(
        gradients=[_root_mean_square(getattr(layer, "weights_gradients")) for layer in with_weights],  # noqa: B009
        weights=[_root_mean_square(getattr(layer, "weights")) for layer in with_weights],  # noqa: B009
        dead=dead,
    )


def dead_shares(network: NeuralNetwork, images: Array) -> list[float]:
    """For each activation function, the share (0…1) of its units that let no gradient through for any image."""
    shares = []
    outputs = as_inputs(images, network.input_shape, network.dtype)
    for layer in network.layers:
        outputs = layer.infer(outputs)
        if isinstance(layer, Activation):
            steep = layer.derivative(outputs) > FLAT
            others = tuple(axis for axis in range(steep.ndim) if axis != 1)
            shares.append(float(np.mean(~steep.any(axis=others))))
    return shares


def _root_mean_square(array: Array) -> float:
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))
