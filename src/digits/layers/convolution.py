"""Convolution: the same small filter at every place of an image.

A filter is a dense layer that looks through a window: it sees ``size × size`` pixels of every channel, and answers with
one number. The window moves over the image, one pixel a step, and the answers make a new image, the filter's map.

To let it move is to write the windows side by side. ``im2col`` lays out the patch under each window as a column of a
matrix; then all filters at all places of all images are a single matrix product, which is what a computer does best
(Chellapilla, Puri and Simard 2006, "High Performance Convolutional Neural Networks for Document Processing").
"""

from __future__ import annotations

from math import prod

import numpy as np

from digits.activations import Array
from digits.layers.initialization import check_initialization, draw_weights
from digits.layers.layer import Layer, Shape, batch_first, batch_last


class Conv2D(Layer):
    """A convolution: y[f, i, j] = b[f] + Σ over c, k, l of x[c, i + k, j + l] · W[c, k, l, f].

    (As in all of the field, what is called convolution is correlation: the filter is not turned by 180°.)

    Args:
        filters: how many, each with a map of its own.
        size: pixels along each side of the window.
        padding: rows and columns of zeros put around the image first; (size − 1)/2 keep its height and width.
        initialization: as in ``Dense``; each sum has channels·size² terms.
    """

    arguments = ("filters", "size", "padding", "initialization")
    weights: Array  # (channels, size, size, filters), a view into network.parameters; as in Dense, the outputs are last
    biases: Array  # (filters,), likewise
    weights_gradients: Array  # (channels, size, size, filters), a view into network.gradients
    biases_gradients: Array  # (filters,)

    def __init__(self, filters: int, size: int, padding: int = 0, initialization: str | None = None) -> None:
        if not isinstance(filters, int) or filters < 1:
            raise ValueError(f"Conv2D has a whole number of filters, at least one; got {filters}")
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"the size of a filter is a whole number of pixels, at least 1; got {size}")
        if not isinstance(padding, int) or not 0 <= padding < size:
            raise ValueError(f"the padding is a whole number from 0 to size − 1; got {padding}")
        check_initialization(initialization)
        self.filters, self.size, self.padding, self.initialization = filters, size, padding, initialization

    def __repr__(self) -> str:
        padding = f", padding={self.padding}" if self.padding else ""
        return f"Conv2D({self.filters}, {self.size}{padding})"

    def _output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"Conv2D takes images of shape (channels, height, width); got inputs of {input_shape}")
        height, width = (side + 2 * self.padding - self.size + 1 for side in input_shape[1:])
        if min(height, width) < 1:
            raise ValueError(f"a window of {self.size} × {self.size} does not fit into images of shape {input_shape}")
        return (self.filters, height, width)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """One weight per channel, pixel of the window and filter; one bias per filter."""
        return {"weights": (input_shape[0], self.size, self.size, self.filters), "biases": (self.filters,)}

    def initialize(self, random: np.random.Generator, usual: str) -> None:
        """Draw the weights so that signals keep their size; the biases are 0."""
        channels, window = len(self.weights), self.size**2
        draw_weights(self.weights, channels * window, self.filters * window, self.initialization or usual, random)

    def forward(self, inputs: Array) -> Array:
        """Y = Wᵀ·X + b, with X the patches, as one product: (filters, patch + 1)·(patch + 1, places).

        ``patch`` counts the channels·size² pixels under a window, ``places`` the height·width·batch windows. Below each
        patch stands a 1, and the biases are its weights: they follow the others in the flat vector.
        """
        channels, height, width = self.input_shape
        count, border = len(inputs), 2 * self.padding
        padded = self._array("padded", channels, height + border, width + border, count)
        self.columns = self._array("columns", *self._columns_shape(count))
        self.patches = self._patches(self.columns)
        im2col(pad(inputs, self.padding, padded), self.patches)
        return self._answers(self.columns, self._array("outputs", self.filters, self.columns.shape[1]))

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """Follow the matrix product backward, as in ``Dense``, and each patch to the pixels that it was taken from.

        ∂L/∂W = X·(∂L/∂Y)ᵀ    (patch, places)·(places, filters)
        ∂L/∂b = the row sums of ∂L/∂Y, which is what the same product makes of the row of ones below X
        ∂L/∂X = W·∂L/∂Y       (patch, filters)·(filters, places); ∂L/∂x adds up, for each pixel, all its places in X
        """
        gradients = batch_last(output_gradients).reshape(self.filters, -1)
        np.matmul(self.columns, gradients.T, out=self.gradients.reshape(-1, self.filters))
        if not need_input_gradients:
            return output_gradients
        weights = self.weights.reshape(-1, self.filters)
        np.matmul(weights, gradients, out=self.columns[:-1])  # the patches themselves are needed no more
        count, (channels, height, _) = len(output_gradients), self.input_shape
        input_gradients = self._buffer("input_gradients", count, self.input_shape)
        of_rows = self._array("row_gradients", channels, self.size, height, self.output_shape[2], count)
        col2im(self.patches, self.padding, batch_last(input_gradients), of_rows)
        return input_gradients

    def infer(self, inputs: Array) -> Array:
        """Y = Wᵀ·X + b, in new arrays."""
        channels, height, width = self.input_shape
        border = 2 * self.padding
        padded = np.empty((channels, height + border, width + border, len(inputs)), self.dtype)
        columns = np.empty(self._columns_shape(len(inputs)), self.dtype)
        im2col(pad(inputs, self.padding, padded), self._patches(columns))
        return self._answers(columns, np.empty((self.filters, columns.shape[1]), self.dtype))

    def infer_size(self) -> int:
        """The numbers in an image's patches, and the ones below them."""
        return prod(self._columns_shape(1))

    def _columns_shape(self, count: int) -> Shape:
        """(patch + 1, places)."""
        return (self.input_shape[0] * self.size**2 + 1, prod(self.output_shape[1:]) * count)

    def _patches(self, columns: Array) -> Array:
        """All but the last row, as (channels, size, size, height, width, batch); a view."""
        return columns[:-1].reshape(self.input_shape[0], self.size, self.size, *self.output_shape[1:], -1)

    def _answers(self, columns: Array, out: Array) -> Array:
        """All filters at all places; ``out`` is (filters, places)."""
        columns[-1] = 1
        np.matmul(self.parameters.reshape(-1, self.filters).T, columns, out=out)
        return batch_first(out.reshape(*self.output_shape, -1))


def pad(images: Array, padding: int, out: Array) -> Array:
    """Copy images into the middle of zeros. Without padding, what lies in the right order is taken as it is.

    Args:
        images: ``(batch, channels, height, width)``, in any order of memory.
        padding: rows and columns of zeros on each side.
        out: ``(channels, height + 2·padding, width + 2·padding, batch)``.

    Returns:
        The padded images, of ``out``'s shape.
    """
    height, width = images.shape[2:]
    if padding:
        out[...] = 0
    elif batch_last(images).flags.c_contiguous:
        return batch_last(images)
    out[:, padding : padding + height, padding : padding + width] = batch_last(images)
    return out


def im2col(images: Array, out: Array) -> None:
    """Write out the patch under each window.

    Args:
        images: ``(channels, height, width, batch)``, C-contiguous.
        out: ``(channels, size, size, rows, columns, batch)``; ``out[c, k, l, i, j, n]`` becomes
            ``images[c, i + k, j + l, n]``. Reshaped to ``(channels·size², rows·columns·batch)``, its columns are the
            patches.
    """
    channel, row, column, image = images.strides
    windows = np.ndarray(out.shape, images.dtype, images, strides=(channel, row, column, row, column, image))  # a view
    np.copyto(out, windows)


def col2im(patches: Array, padding: int, out: Array, of_rows: Array | None = None) -> None:
    """Add up each pixel's values over all patches that it is in: what ``pad`` and ``im2col`` do, backward.

    First over the rows of the window, then over its columns: 2·size additions of long arrays, where size² of shorter
    ones would do the same in up to twice the time.

    Args:
        patches: ``(channels, size, size, rows, columns, batch)``.
        padding: as ``pad`` had it; what falls on the padding is left out.
        out: ``(channels, height, width, batch)``.
        of_rows: ``(channels, size, height, columns, batch)``, room for the sums over the rows, if there is any.
    """
    channels, size, _, rows, columns, count = patches.shape
    height, width = out.shape[1:3]
    of_rows = np.empty((channels, size, height, columns, count), out.dtype) if of_rows is None else of_rows
    of_rows[...] = 0
    for k in range(size):
        to, there = _overlap(k - padding, rows, height)
        of_rows[:, :, to] += patches[:, k, :, there]
    out[...] = 0
    for j in range(size):
        to, there = _overlap(j - padding, columns, width)
        out[:, :, to] += of_rows[:, j, :, there]


def _overlap(start: int, count: int, size: int) -> tuple[slice, slice]:
    """Where ``count`` numbers that begin at ``start`` meet the numbers 0 to ``size``: there, and among the count."""
    first, last = min(max(start, 0), size), min(max(start + count, 0), size)
    return slice(first, last), slice(first - start, last - start)
