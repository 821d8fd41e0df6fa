"""Pooling: smaller images, and answers that do not mind where exactly something was."""

from __future__ import annotations

from itertools import product
from math import inf, prod

import numpy as np

from digits.activations import Array
from digits.layers.layer import Layer, Shape, batch_first, batch_last


class Pooling(Layer):
    """One number for each window of ``size × size`` pixels, in each channel by itself. The windows do not overlap.

    Rows and columns at the end that fill no window are left out.

    Args:
        size: pixels along each side of the window.
    """

    arguments = ("size",)

    def __init__(self, size: int = 2) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"the size of a window is a whole number of pixels, at least 1; got {size}")
        self.size = size

    def _output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(
                f"{type(self).__name__} takes images of shape (channels, height, width); got {input_shape}"
            )
        channels, height, width = input_shape
        if min(height, width) < self.size:
            raise ValueError(f"a window of {self.size} × {self.size} does not fit into images of shape {input_shape}")
        return (channels, height // self.size, width // self.size)

    def _positions(self, images: Array) -> list[Array]:
        """For each position in a window, a view ``(batch, channels, rows, columns)`` of that pixel in all windows."""
        rows, columns = (self.size * side for side in self.output_shape[1:])
        return [
            images[:, :, row : rows : self.size, column : columns : self.size]
            for row, column in product(range(self.size), repeat=2)
        ]

    def _input_gradients(self, count: int) -> Array:
        """Room for ∂L/∂x, with zeros where there is no window."""
        gradients = self._buffer("input_gradients", count, self.input_shape)
        rows, columns = (self.size * side for side in self.output_shape[1:])
        gradients[:, :, rows:] = 0
        gradients[:, :, :, columns:] = 0
        return gradients


class MaxPool2D(Pooling):
    """The largest number of each window: y = max over the window of x."""

    def forward(self, inputs: Array) -> Array:
        """Go through the positions of a window, keep the largest so far, and note who beat it."""
        outputs = self._buffer("outputs", len(inputs), self.output_shape)
        first, *others = self._positions(inputs)
        flags = self._array("beaten", len(others), *self.output_shape, len(inputs), dtype=np.dtype(bool))
        self.beaten = [batch_first(of_position) for of_position in flags]
        outputs[...] = first
        for pixels, beaten in zip(others, self.beaten, strict=True):
            np.greater(pixels, outputs, out=beaten)
            np.maximum(pixels, outputs, out=outputs)
        return outputs

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """∂L/∂x is ∂L/∂y at the pixel that was the largest, and 0 at the others: those did not matter.

        From the last position to the first: who beat all before it, takes all that is left. Where several are equally
        large, as in blank corners, that is the first of them.
        """
        if not need_input_gradients:
            return output_gradients
        input_gradients = self._input_gradients(len(output_gradients))
        first, *others = self._positions(input_gradients)
        for gradients, beaten in zip(reversed(others), reversed(self.beaten), strict=True):
            np.multiply(output_gradients, beaten, out=gradients)
            output_gradients -= gradients
        first[...] = output_gradients
        return input_gradients

    def infer(self, inputs: Array) -> Array:
        """The largest of each window, in a new array."""
        first, *others = self._positions(inputs)
        largest = first.copy("K")
        for pixels in others:
            np.maximum(largest, pixels, out=largest)
        return largest

    def distance_to_kink(self, inputs: Array) -> float:
        """By how much the largest of a window leads, at the closest: where two are equal, the slope is no number."""
        windows = np.sort(np.stack(self._positions(inputs)), axis=0)
        return float((windows[-1] - windows[-2]).min()) if self.size > 1 else inf


class AvgPool2D(Pooling):
    """The mean of each window: y = Σ over the window of x, over size²."""

    def forward(self, inputs: Array) -> Array:
        """Take the mean of each window."""
        return self._means(inputs, self._buffer("outputs", len(inputs), self.output_shape))

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """∂L/∂x = ∂L/∂y / size² at each pixel of the window: all had the same share in the mean."""
        if not need_input_gradients:
            return output_gradients
        output_gradients /= self.size**2
        input_gradients = self._input_gradients(len(output_gradients))
        for gradients in self._positions(input_gradients):
            gradients[...] = output_gradients
        return input_gradients

    def infer(self, inputs: Array) -> Array:
        """The mean of each window, in a new array."""
        return self._means(inputs, np.empty_like(self._positions(inputs)[0]))

    def _means(self, images: Array, out: Array) -> Array:
        first, *others = self._positions(images)
        out[...] = first
        for pixels in others:
            out += pixels
        out /= self.size**2
        return out


class Flatten(Layer):
    """Images as vectors: channel by channel, row by row. Between convolutions and dense layers."""

    def _output_shape(self, input_shape: Shape) -> Shape:
        return (prod(input_shape),)

    def forward(self, inputs: Array) -> Array:
        """The same numbers as (batch, channels·height·width): a view."""
        return self.infer(inputs)

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """The gradients of the vectors are those of the images; they are brought into the images' order of memory."""
        if not need_input_gradients:
            return output_gradients
        gradients = self._buffer("input_gradients", len(output_gradients), self.input_shape)
        gradients[...] = output_gradients.reshape(gradients.shape)
        return gradients

    def infer(self, inputs: Array) -> Array:
        """The same numbers as (batch, channels·height·width)."""
        images = batch_last(inputs)
        if images.flags.c_contiguous:
            return images.reshape(*self.output_shape, len(inputs)).T
        return inputs.reshape(len(inputs), *self.output_shape)
