"""What every layer is, and in what order its numbers lie in memory.

A network calls ``forward`` on each layer in turn and ``backward`` in reverse. Both write into buffers made for the
largest batch so far: training allocates no arrays, and what they return is overwritten by the next batch. ``infer`` is
the forward pass of a finished network: it keeps nothing, shares nothing, and so is safe in many threads.

Shapes are written (batch, features), and for images (batch, channels, height, width). L is the loss; x a layer's
inputs, y its outputs, and ∂L/∂y the gradient that ``backward`` is given, of y's shape. It returns ∂L/∂x, of x's shape.

Images lie in memory with the batch last: all images' values of one pixel side by side, then the next pixel's. Whatever
a convolution or a pooling layer does, it does to every image of the batch, so its innermost loops are as long as the
batch is large, where a channel or a window would be a handful of numbers. ``batch_last`` and ``batch_first`` turn one
view into the other; neither copies.
"""

from __future__ import annotations

from math import inf, prod
from typing import Any, ClassVar, Self

import numpy as np

from digits.activations import Array
from digits.aligned_arrays import aligned_zeros

Shape = tuple[int, ...]


def batch_last(images: Array) -> Array:
    """``(batch, channels, height, width)`` as ``(channels, height, width, batch)``: the same memory, seen otherwise."""
    return images.transpose(*range(1, images.ndim), 0)  # np.moveaxis does the same, in five times as long


def batch_first(images: Array) -> Array:
    """The way back: ``(channels, height, width, batch)`` as ``(batch, channels, height, width)``."""
    return images.transpose(-1, *range(images.ndim - 1))


class Layer:
    """What every layer is: a shape, parameters if it has any, ``forward``, ``backward`` and ``infer``.

    Attributes:
        input_shape, output_shape: of one image, without the batch; set when a network takes the layer in.
        parameters, gradients: ``(n,)``: all of the layer's parameters, one after the other, and their gradients; views
            into the network's.
        statistics: ``(m,)``, likewise.
        arguments: the names of the constructor's arguments, each stored untouched under the same name.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    input_shape: Shape
    output_shape: Shape
    parameters: Array
    gradients: Array
    statistics: Array

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

    def statistics_shapes(self, input_shape: Shape) -> dict[str, Shape]:  # noqa: ARG002
        """The name and shape of what a layer learns by watching, without gradients; each becomes an attribute."""
        return {}

    def connect(self, input_shape: Shape, dtype: np.dtype[Any], random: np.random.Generator) -> Shape:
        """Take the layer into a network: learn the shapes and the dtype; return the shape of its outputs."""
        if hasattr(self, "input_shape"):
            raise ValueError(f"{self!r} is part of a network already; make a new one for each network")
        self.input_shape, self.dtype, self.random = input_shape, dtype, random
        self.output_shape = self._output_shape(input_shape)
        self._memory: dict[str, Array] = {}
        return self.output_shape

    def initialize(self, random: np.random.Generator, usual: str) -> None:
        """Draw the parameters, if there are any.

        Args:
            random: from which.
            usual: what suits the activation that follows: "he" or "glorot".
        """

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

    def infer_size(self) -> int:
        """How many numbers ``infer`` needs room for, for each image."""
        return prod(self.output_shape)

    def distance_to_kink(self, inputs: Array) -> float:  # noqa: ARG002
        """How far the nearest input is from where the layer has no derivative; infinity where it always has one."""
        return inf

    def _output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def _array(self, name: str, *shape: int, dtype: np.dtype[Any] | None = None) -> Array:
        """A C-contiguous array of this shape, the same memory at every call: made anew only for a larger one."""
        size = prod(shape)
        memory = self._memory.get(name)
        if memory is None or len(memory) < size:
            memory = self._memory[name] = aligned_zeros((size,), dtype or self.dtype)
        return memory[:size].reshape(shape)

    def _buffer(self, name: str, batch_size: int, shape: Shape) -> Array:
        """``(batch_size, *shape)`` in kept memory; images with the batch last."""
        if len(shape) == 1:
            return self._array(name, batch_size, *shape)
        return batch_first(self._array(name, *shape, batch_size))


def count_parameters(layers: list[Layer], input_shape: Shape) -> int:
    """How many parameters a network of these layers has, without making any of them."""
    count = 0
    for layer in layers:
        count += sum(prod(shape) for shape in layer.parameter_shapes(input_shape).values())
        input_shape = layer._output_shape(input_shape)
    return count


def array_shapes(layers: list[Layer], input_shape: Shape) -> dict[str, Shape]:
    """The name and shape of each array of parameters or statistics of such a network, without making any of them."""
    shapes = {}
    for position, layer in enumerate(layers):
        for name, shape in (layer.parameter_shapes(input_shape) | layer.statistics_shapes(input_shape)).items():
            shapes[f"{position}.{name}"] = shape
        input_shape = layer._output_shape(input_shape)
    return shapes
