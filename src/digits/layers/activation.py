"""Activation functions as layers: what bends the sums, so that several layers can do more than one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import ClassVar

import numpy as np

from digits import activations
from digits.activations import Array
from digits.layers.layer import Layer


class Activation(Layer):
    """A function f applied to each number: y = f(x), so ∂L/∂x = ∂L/∂y ⊙ f′(x), with f′ written in terms of y.

    Attributes:
        function, derivative: f of the inputs, and f′ of the *outputs*; both of ``activations.py``, both take ``out=``.
        initialization: how the weights in front of it are drawn.
        kink: whether f bends at x = 0, where it has no derivative.
    """

    initialization: ClassVar[str] = "glorot"
    kink: ClassVar[bool] = False
    function: Callable[..., Array]
    derivative: Callable[..., Array]

    def forward(self, inputs: Array) -> Array:
        """y = f(x)."""
        self.outputs = self.function(inputs, out=self._buffer("outputs", len(inputs), self.output_shape))
        return self.outputs

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """∂L/∂x = ∂L/∂y ⊙ f′(x), into the array it is given."""
        if need_input_gradients:
            slopes = self._buffer("slopes", len(output_gradients), self.output_shape)
            output_gradients *= self.derivative(self.outputs, out=slopes)
        return output_gradients

    def infer(self, inputs: Array) -> Array:
        """y = f(x), in a new array."""
        return self.function(inputs)

    def distance_to_kink(self, inputs: Array) -> float:
        """How near to 0 an input comes, if f has a kink there."""
        return float(np.abs(inputs).min()) if self.kink else inf


class ReLU(Activation):
    """max(0, x)."""

    initialization, kink = "he", True
    function, derivative = staticmethod(activations.relu), staticmethod(activations.relu_derivative)


class LeakyReLU(Activation):
    """x where it is positive, slope·x elsewhere, so that no unit is ever quite dead."""

    arguments = ("slope",)
    initialization, kink = "he", True

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 < slope < 1:
            raise ValueError(f"the slope of LeakyReLU must lie between 0 and 1; got {slope}")
        self.slope = slope
        self.function = partial(activations.leaky_relu, slope=slope)
        self.derivative = partial(activations.leaky_relu_derivative, slope=slope)


class Sigmoid(Activation):
    """1 / (1 + exp(−x))."""

    function, derivative = staticmethod(activations.sigmoid), staticmethod(activations.sigmoid_derivative)


class Tanh(Activation):
    """The hyperbolic tangent."""

    function, derivative = staticmethod(activations.tanh), staticmethod(activations.tanh_derivative)
