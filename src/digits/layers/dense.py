"""Fully connected: every output depends on every input."""

from __future__ import annotations

import numpy as np

from digits.activations import Array
from digits.layers.initialization import check_initialization, draw_weights
from digits.layers.layer import Layer, Shape


class Dense(Layer):
    """A fully connected layer: y = x·W + b.

    Args:
        units: how many outputs.
        initialization: "he", "glorot" or "zeros". None chooses by the activation that follows: He et al. 2015
            (equation 10) before ReLU and its kin, Glorot and Bengio 2010 (equation 12) before everything else.
    """

    arguments = ("units", "initialization")
    weights: Array  # (inputs, units), a view into network.parameters
    biases: Array  # (units,), likewise
    weights_gradients: Array  # (inputs, units), a view into network.gradients
    biases_gradients: Array  # (units,)

    def __init__(self, units: int, initialization: str | None = None) -> None:
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"a Dense layer has a whole number of units, at least one; got {units}")
        check_initialization(initialization)
        self.units, self.initialization = units, initialization

    def __repr__(self) -> str:
        return f"Dense({self.units})"

    def _output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ValueError(f"Dense takes vectors; got inputs of shape {input_shape}. Put Flatten() before it")
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """One row of weights per input, one column per unit; one bias per unit."""
        return {"weights": (*input_shape, self.units), "biases": (self.units,)}

    def initialize(self, random: np.random.Generator, usual: str) -> None:
        """Draw the weights so that signals keep their size; the biases are 0."""
        inputs, units = self.weights.shape
        draw_weights(self.weights, inputs, units, self.initialization or usual, random)

    def forward(self, inputs: Array) -> Array:
        """y = x·W + b, (batch, inputs)·(inputs, units) + (units,)."""
        self.inputs = inputs
        outputs = np.dot(inputs, self.weights, out=self._buffer("outputs", len(inputs), self.output_shape))
        outputs += self.biases
        return outputs

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """Follow yⱼ = Σᵢ xᵢ·Wᵢⱼ + bⱼ backward, by the chain rule.

        ∂L/∂Wᵢⱼ = Σ_batch xᵢ·∂L/∂yⱼ   so  ∂L/∂W = xᵀ·∂L/∂y    (inputs, batch)·(batch, units)
        ∂L/∂bⱼ  = Σ_batch ∂L/∂yⱼ      so  ∂L/∂b = the column sums of ∂L/∂y
        ∂L/∂xᵢ  = Σⱼ Wᵢⱼ·∂L/∂yⱼ       so  ∂L/∂x = ∂L/∂y·Wᵀ    (batch, units)·(units, inputs)
        """
        np.dot(self.inputs.T, output_gradients, out=self.weights_gradients)
        np.sum(output_gradients, axis=0, out=self.biases_gradients)
        if not need_input_gradients:
            return output_gradients
        out = self._buffer("input_gradients", len(output_gradients), self.input_shape)
        return np.dot(output_gradients, self.weights.T, out=out)

    def infer(self, inputs: Array) -> Array:
        """y = x·W + b, in a new array."""
        outputs: Array = np.dot(inputs, self.weights)
        outputs += self.biases
        return outputs
