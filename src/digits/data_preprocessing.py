"""Between images as they are stored and numbers as the network wants them: scaling, splitting, batches.

Images stay ``uint8`` until their batch is taken; a training batch is gathered and scaled straight into buffers that are
made once, and where it is augmented, ahead of time, in other threads.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from digits.activations import Array
from digits.aligned_arrays import aligned_zeros
from digits.augmentation import Augmentation

Buffer = tuple[Array, Array, Array]  # room for a batch: its pixels, its inputs, its labels

CLASSES = 10  # digits
SIDE = 28  # pixels along each side of an MNIST image
AHEAD = min(os.cpu_count() or 1, 4)  # batches augmented at once, each in a thread; more would wait for each other


def as_inputs(images: Array, input_shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Bring images into the shape and dtype that a network takes, copying only where needed.

    Args:
        images: ``(n, 784)``, ``(n, 28, 28)`` or ``(n, *input_shape)``; ``uint8`` 0…255 or floating point 0…1.
        input_shape: of one image, as the network's first layer wants it.
        dtype: of the network.

    Returns:
        ``(n, *input_shape)`` of that dtype, 0…1.

    Raises:
        ValueError: if shape, dtype or range are others.
    """
    images = np.asarray(images)
    check_shape(images, input_shape)
    if images.shape[1:] != input_shape:
        images = images.reshape(len(images), *input_shape)
    if images.dtype == np.uint8:
        inputs = images.astype(dtype)
        inputs /= 255
        return inputs
    if images.dtype.kind != "f":
        raise ValueError(f"images must be uint8 0…255 or floating point 0…1; got {images.dtype}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"floating-point images must lie in 0…1; got {images.min():g}…{images.max():g}."
            " Divide by 255, or pass uint8"
        )
    return images.astype(dtype, copy=False)


def check_labels(labels: Array, count: int, classes: int) -> Array:
    """Raise a ``ValueError`` unless ``labels`` are ``count`` integers, at least one, from 0 to ``classes`` − 1."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be {count} integers, one for each image; got shape {labels.shape}, {labels.dtype}"
        )
    if count == 0:
        raise ValueError("the batch is empty: its mean loss would be 0/0")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must lie in 0…{classes - 1}; got {labels.min()}…{labels.max()}")
    return labels


def check_shape(images: Array, input_shape: tuple[int, ...]) -> None:
    """Raise a ``ValueError`` that names both shapes unless ``images`` is a batch of such inputs."""
    if images.ndim < 2 or prod(images.shape[1:]) != prod(input_shape):
        wanted = "(n, 784) or (n, 28, 28)" if prod(input_shape) == SIDE * SIDE else f"(n, *{input_shape})"
        raise ValueError(f"images must have shape {wanted}; got {images.shape}")


def validation_size(count: int, wanted: int) -> int:
    """How many of the last images of a training set to hold out: as many as wanted, but never over a sixth of them."""
    return min(wanted, count // 6)


class Batches:
    """The batches of one training set, epoch by epoch, each image once an epoch, in an order drawn anew.

    The order of an epoch depends on the seed and the epoch's number only, and what an augmentation draws for a batch on
    these and the batch's number. So training can be resumed in its middle, and batches can be made ahead in threads of
    their own, while BLAS computes, in whatever order they come to be finished: the numbers are the same.

    Args:
        images: ``(n, 28, 28)`` or ``(n, 784)`` ``uint8``.
        labels: ``(n,)`` integers.
        batch_size: images a batch; the last one of an epoch may be shorter.
        seed: of the order and of the augmentation.
        shuffle: False keeps the order of the file, a famous mistake.
        augmentation: warps the images at random, anew in each epoch; by default not at all.

    Raises:
        ValueError: if the images are not ``uint8``, or there is not one label for each.
    """

    def __init__(
        self,
        images: Array,
        labels: Array,
        batch_size: int,
        seed: int,
        *,
        shuffle: bool = True,
        augmentation: Augmentation | None = None,
    ) -> None:
        if images.dtype != np.uint8 or labels.shape != (len(images),):
            raise ValueError(
                f"batches need uint8 images and a label for each; got {images.dtype}, {len(images)} images,"
                f" labels of shape {labels.shape}"
            )
        self.images = images.reshape(len(images), -1)
        self.labels = labels.astype(np.intp)  # the type of indices: the loss need not convert them in each step
        self.batch_size = min(batch_size, len(images))
        self.seed = seed
        self.shuffle = shuffle
        self.augmentation = augmentation

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.images) // self.batch_size)

    def epoch(self, number: int, start: int = 0, strength: float = 1.0) -> Iterator[tuple[Array, Array]]:
        """The batches of an epoch, from batch ``start`` on, the augmentation so much as strong as it may be.

        Yields:
            ``(n, 784) float32`` 0…1 and ``(n,)`` labels, in buffers that the next batch overwrites.
        """
        order = np.arange(len(self.images))
        if self.shuffle:
            np.random.default_rng([self.seed, number]).shuffle(order)
        augmentation = self.augmentation.scaled(strength) if self.augmentation else None
        buffers = [self._buffer() for _ in range(AHEAD + 1 if augmentation else 1)]
        make = partial(self._make, buffers, order, number, augmentation)
        return _ahead(make, range(start, len(self))) if augmentation else map(make, range(start, len(self)))

    def _make(
        self, buffers: list[Buffer], order: Array, epoch: int, augmentation: Augmentation | None, batch: int
    ) -> tuple[Array, Array]:
        """Make one batch of an epoch, in its buffer. May be called from several threads at once."""
        chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
        pixels, inputs, labels = (array[: len(chosen)] for array in buffers[batch % len(buffers)])
        self.images.take(chosen, axis=0, out=pixels, mode="clip")
        self.labels.take(chosen, out=labels, mode="clip")
        if augmentation:
            augmentation(pixels, np.random.default_rng([self.seed, epoch, batch]), out=inputs)
        else:
            np.divide(pixels, 255, out=inputs, dtype=np.float32)
        return inputs, labels

    def _buffer(self) -> Buffer:
        """Room for one batch: its pixels, its inputs, its labels."""
        pixels = np.empty((self.batch_size, self.images.shape[1]), np.uint8)
        return pixels, aligned_zeros(pixels.shape, np.dtype(np.float32)), np.empty(self.batch_size, np.intp)


def _ahead(make: Callable[[int], tuple[Array, Array]], numbers: range) -> Iterator[tuple[Array, Array]]:
    """``map(make, numbers)``, but made in threads, up to ``AHEAD`` batches before they are asked for."""
    from concurrent.futures import ThreadPoolExecutor  # only where something is made ahead

    threads = ThreadPoolExecutor(max_workers=AHEAD)
    try:
        waiting = deque(threads.submit(make, number) for number in numbers[:AHEAD])
        for number in numbers:
            if number + AHEAD < numbers.stop:
                waiting.append(threads.submit(make, number + AHEAD))
            yield waiting.popleft().result()
    finally:  # of an epoch that was given up, the garbage collector may do this in any thread: it must wait for none
        threads.shutdown(wait=False, cancel_futures=True)
