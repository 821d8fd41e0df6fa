"""Dropout: noise in training, so that no unit can rely on a single other one."""

from __future__ import annotations

import numpy as np

from digits.activations import Array
from digits.layers.layer import Layer


class Dropout(Layer):
    """In training, set each input to 0 with probability ``rate`` and scale the others by 1/(1 − rate).

    So the expected input stays the same, and in inference the layer does nothing (Srivastava et al. 2014, in the
    "inverted" form of their section 10). The masks come from the network's own generator, ``network.random``.
    """

    arguments = ("rate",)

    def __init__(self, rate: float) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"the rate of Dropout must lie in 0 ≤ rate < 1; got {rate}")
        self.rate = rate

    def forward(self, inputs: Array) -> Array:
        """y = x ⊙ m, each mᵢ being 0 with probability ``rate``, else 1/(1 − rate)."""
        numbers = self._array("mask", inputs.size)
        np.greater_equal(self.random.random(out=numbers, dtype=self.dtype), self.rate, out=numbers)
        numbers *= 1 / (1 - self.rate)
        self.mask = self._buffer("mask", len(inputs), self.output_shape)  # the same memory, in the layer's shape
        return np.multiply(inputs, self.mask, out=self._buffer("outputs", len(inputs), self.output_shape))

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """∂L/∂x = ∂L/∂y ⊙ m: what was dropped gets no gradient."""
        if need_input_gradients:
            output_gradients *= self.mask
        return output_gradients

    def infer(self, inputs: Array) -> Array:
        """y = x."""
        return inputs
