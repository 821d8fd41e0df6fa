"""Layers: each knows how to go forward, how to go backward, and which parameters it has.

One kind a file: ``dense``, ``activation``, ``dropout``, ``convolution``, ``pooling``, ``normalisation``. Begin with
``layer``, which says what all have in common, and ``dense``.
"""

from typing import Any

from digits.layers.activation import Activation, LeakyReLU, ReLU, Sigmoid, Tanh
from digits.layers.convolution import Conv2D
from digits.layers.dense import Dense
from digits.layers.dropout import Dropout
from digits.layers.layer import Layer, Shape, array_shapes, count_parameters
from digits.layers.normalisation import BatchNorm, FrozenBatchNorm
from digits.layers.pooling import AvgPool2D, Flatten, MaxPool2D

LAYERS: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Dense,
        ReLU,
        LeakyReLU,
        Sigmoid,
        Tanh,
        Dropout,
        Conv2D,
        MaxPool2D,
        AvgPool2D,
        Flatten,
        BatchNorm,
    )
}


def layer_from_config(config: dict[str, Any]) -> Layer:
    """Make a layer from what its ``config()`` returned.

    Raises:
        ValueError: if there is no such layer, or its arguments are not what it takes.
    """
    arguments = {name: value for name, value in config.items() if name != "type"}
    layer = LAYERS.get(config.get("type", ""))
    if layer is None:
        raise ValueError(f"there is no layer of type {config.get('type')!r}; there are {', '.join(LAYERS)}")
    try:
        return layer(**arguments)
    except TypeError as error:
        raise ValueError(f"{layer.__name__} does not take {arguments}") from error


__all__ = [
    "LAYERS",
    "Activation",
    "AvgPool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "FrozenBatchNorm",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Shape",
    "Sigmoid",
    "Tanh",
    "array_shapes",
    "count_parameters",
    "layer_from_config",
]
