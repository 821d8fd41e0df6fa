"""Layers: each knows how to go forward, how to go backward, and which parameters it has.

A network calls ``forward`` on each layer in turn and ``backward`` in reverse. Both write into buffers made for the
largest batch so far: training allocates no arrays, and what they return is overwritten by the next batch. ``infer`` is
the forward pass of a finished network: it keeps nothing, shares nothing, and so is safe in many threads.

Shapes are written (batch, features). L is the loss; x a layer's inputs, y its outputs, and ∂L/∂y the gradient that
``backward`` is given: (batch, outputs). It returns ∂L/∂x: (batch, inputs).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from digits import activations
from digits.activations import Array
from digits.aligned_arrays import aligned_zeros

Shape = tuple[int, ...]


class Layer:
    """What every layer is: a shape, parameters if it has any, ``forward``, ``backward`` and ``infer``.

    Attributes:
        input_shape, output_shape: of one image, without the batch; set when a network takes the layer in.
        arguments: the names of the constructor's arguments, each stored untouched under the same name.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    input_shape: Shape
    output_shape: Shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(getattr(self, name)) for name in self.arguments)})"

    def fresh(self) -> Self:
        """Make the same layer again, part of no network yet."""
        return type(self)(**{name: getattr(self, name) for name in self.arguments})

    def config(self) -> dict[str, Any]:
        """What a file needs to make the layer again, as plain strings and numbers."""
        return {"type": type(self).__name__, **{name: getattr(self, name) for name in self.arguments}}

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:  # noqa: ARG002
        """The name and shape of each parameter array; each becomes an attribute, ``NAME_gradients`` its gradient."""
        return {}

    def connect(self, input_shape: Shape, dtype: np.dtype[Any], random: np.random.Generator) -> Shape:
        """Take the layer into a network: learn the shapes and the dtype; return the shape of its outputs."""
        if hasattr(self, "input_shape"):
            raise ValueError(f"{self!r} is part of a network already; make a new one for each network")
        self.input_shape, self.dtype, self.random = input_shape, dtype, random
        self.output_shape = self._output_shape(input_shape)
        self._buffers: dict[str, Array] = {}
        return self.output_shape

    def initialize(self, random: np.random.Generator, activation: Activation | None) -> None:
        """Draw the parameters, if there are any; the activation that follows, if any, may choose how."""

    def forward(self, inputs: Array) -> Array:
        """Compute the outputs of a training batch and keep what ``backward`` needs."""
        raise NotImplementedError

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """Take ∂L/∂y, fill the parameters' gradients, return ∂L/∂x. May overwrite what it is given.

        The first layer is not asked for ∂L/∂x unless somebody wants the gradient of the images: that product is a third
        of a step of 784-1024-512-10. What it returns then means nothing.
        """
        raise NotImplementedError

    def infer(self, inputs: Array) -> Array:
        """Compute the outputs as a finished network does. Touches nothing but its result."""
        raise NotImplementedError

    def _output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def _buffer(self, name: str, batch_size: int, shape: Shape) -> Array:
        """``(batch_size, *shape)``, the same memory at every call: made once, for the largest batch seen."""
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < batch_size:
            buffer = self._buffers[name] = aligned_zeros((batch_size, *shape), self.dtype)
        return buffer[:batch_size]


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
        if initialization not in (None, "he", "glorot", "zeros"):
            raise ValueError(f"initialization must be 'he', 'glorot' or 'zeros'; got {initialization!r}")
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

    def initialize(self, random: np.random.Generator, activation: Activation | None) -> None:
        """Draw the weights from a normal distribution that keeps signals the same size; the biases are 0."""
        inputs, units = self.weights.shape
        method = self.initialization or (activation.initialization if activation else "glorot")
        variance = {"he": 2 / inputs, "glorot": 2 / (inputs + units), "zeros": 0.0}[method]
        if variance:
            self.weights[...] = random.normal(0, np.sqrt(variance), self.weights.shape)

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


class Activation(Layer):
    """A function f applied to each number: y = f(x), so ∂L/∂x = ∂L/∂y ⊙ f′(x), with f′ written in terms of y.

    Attributes:
        function, derivative: f of the inputs, and f′ of the *outputs*; both of ``activations.py``, both take ``out=``.
        initialization: how the weights in front of it are drawn.
        kink: whether f bends at x = 0, where it has no derivative; a gradient check keeps away from there.
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
        self.mask = self._buffer("mask", len(inputs), self.output_shape)
        np.greater_equal(self.random.random(out=self.mask, dtype=self.dtype), self.rate, out=self.mask)
        self.mask *= 1 / (1 - self.rate)
        return np.multiply(inputs, self.mask, out=self._buffer("outputs", len(inputs), self.output_shape))

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """∂L/∂x = ∂L/∂y ⊙ m: what was dropped gets no gradient."""
        if need_input_gradients:
            output_gradients *= self.mask
        return output_gradients

    def infer(self, inputs: Array) -> Array:
        """y = x."""
        return inputs


LAYERS = {layer.__name__: layer for layer in (Dense, ReLU, LeakyReLU, Sigmoid, Tanh, Dropout)}


def count_parameters(layers: list[Layer], input_shape: Shape) -> int:
    """How many parameters a network of these layers has, without making any of them."""
    count = 0
    for layer in layers:
        count += sum(prod(shape) for shape in layer.parameter_shapes(input_shape).values())
        input_shape = layer._output_shape(input_shape)
    return count
