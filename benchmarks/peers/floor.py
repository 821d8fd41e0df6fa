"""What no program in NumPy can do without: the matrix products, into buffers that are kept, and nothing else.

A training step has one product per layer forward and two backward, less one: nobody asks for the gradient of the
images. No batch is gathered, nothing is scaled, added, activated or updated, so nothing is learnt.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import contenders
from benchmarks.contenders import SEED, Array, Weights

ALIGNMENT = 64  # bytes, a cache line: products of arrays that begin there are a few per cent faster


def use_threads(count: int) -> None:
    """Of BLAS."""
    threadpool_limits(count)


def buffer(rows: int, columns: int) -> Array:
    """``(rows, columns) float32``, aligned, filled with numbers like those of a network."""
    raw = np.empty(rows * columns * 4 + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    array = raw[start : start + rows * columns * 4].view(np.float32).reshape(rows, columns)
    array[...] = np.random.default_rng(SEED).normal(0, 0.05, array.shape)
    return array


class Products:
    """The products of one step, for one size of batch."""

    def __init__(self, sizes: tuple[int, ...], batch_size: int) -> None:
        self.weights = [buffer(inputs, units) for inputs, units in pairwise(sizes)]
        self.weights_gradients = [buffer(inputs, units) for inputs, units in pairwise(sizes)]
        self.values = [buffer(batch_size, units) for units in sizes]  # the images, then each layer's outputs
        self.gradients = [buffer(batch_size, units) for units in sizes]
        self.outputs = [buffer(batch_size, units) for units in sizes]  # of products: never read, so they stay small

    def forward(self) -> None:
        """One product per layer."""
        for layer, weights in enumerate(self.weights):
            np.matmul(self.values[layer], weights, out=self.outputs[layer + 1])

    def backward(self) -> None:
        """Two per layer, less the gradient of the images."""
        for layer in reversed(range(len(self.weights))):
            np.matmul(self.values[layer].T, self.gradients[layer + 1], out=self.weights_gradients[layer])
            if layer:
                np.matmul(self.gradients[layer + 1], self.weights[layer].T, out=self.outputs[layer])


class Trainer(contenders.Trainer):
    """The products of an epoch."""

    def prepare(self) -> None:  # noqa: D102
        by_size = {size: Products(self.work.sizes, size) for size in {len(batch) for batch in self.indices}}
        self.steps = [by_size[len(batch)] for batch in self.indices]  # the last batch may be shorter

    def reset(self) -> None:  # noqa: D102
        pass

    def train(self) -> None:  # noqa: D102
        for products in self.steps:
            products.forward()
            products.backward()

    def weights(self) -> Weights:  # noqa: D102
        return []
