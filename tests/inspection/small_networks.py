"""Small frozen networks in which every kind of layer occurs, and an image for each."""

from __future__ import annotations

import numpy as np

from digits import NeuralNetwork
from digits.activations import Array
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

VECTORS: list[list[Layer]] = [
    [Dense(7), BatchNorm(), ReLU(), Dropout(0.5), Dense(5), LeakyReLU(0.2), Dense(4)],
    [BatchNorm(), Dense(6), Sigmoid(), Dense(5), Tanh(), Dense(4), BatchNorm()],
]
IMAGES: list[list[Layer]] = [
    [Conv2D(3, 3, padding=1), BatchNorm(), MaxPool2D(2), ReLU(), Conv2D(2, 2), Flatten(), Dense(4)],
    [Conv2D(2, 3, padding=2), Tanh(), AvgPool2D(2), Conv2D(3, 2, padding=1), Dropout(0.1), Flatten(), Dense(4)],
    [MaxPool2D(2), BatchNorm(), Flatten(), Dense(4)],
]


def networks() -> list[NeuralNetwork]:
    """In ``float64``, to four classes, with parameters and running averages that are all different."""
    made = []
    for seed, (shape, stack) in enumerate([((6,), v) for v in VECTORS] + [((2, 7, 6), i) for i in IMAGES]):
        network = NeuralNetwork([layer.fresh() for layer in stack], shape, seed=seed, dtype=np.float64)
        random = np.random.default_rng(seed)
        network.parameters += random.normal(0, 0.3, network.parameters.shape)
        network.statistics += random.uniform(0.1, 1, network.statistics.shape)
        made.append(network)
    return made


def image_for(network: NeuralNetwork, seed: int = 0) -> Array:
    """Uniform in 0…1, of the shape that the network takes."""
    return np.random.default_rng(seed).random(network.input_shape)
