"""What all contenders share: the data, the start, one repetition, and how it is known that two did the same.

For each kind of work there is a base class, ``Trainer``, ``Predictor`` and ``Warper``. It says what a contender has to
be able to do, and does one repetition: seconds, and evidence, which are numbers that must be the same on both sides
(the loss after an epoch, say).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import prod
from statistics import median
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks.work import CLASSES, PIXELS, POOL, SIDE, Inference, Training, Warping

SEED = 0
AT_ONCE = 500  # images; of more, the windows of a convolution would take gigabytes
AFTER, DURING = "loss after the epoch", "mean loss of the epoch's steps"
Array = NDArray[Any]
# of each layer: weights, (inputs, units) or (channels, height, width, filters), and biases, (units,) or (filters,)
Weights = list[tuple[Array, Array]]
Evidence = dict[str, float]


def training_images(count: int) -> tuple[Array, Array]:
    """``(count, 784) uint8`` and ``(count,) int64``: MNIST, cut off or continued with warps of it; new arrays."""
    from digits import load_mnist

    train_set, _ = load_mnist()
    pixels = train_set.images.reshape(-1, PIXELS)
    images = np.empty((count, PIXELS), np.uint8)
    for start in range(0, count, len(pixels)):
        part = images[start : start + len(pixels)]
        part[...] = warped(pixels[: len(part)], start) if start else pixels[: len(part)]
    return images, train_set.labels[np.arange(count) % len(pixels)].astype(np.int64)


def warped(pixels: Array, seed: int) -> Array:
    """``(n, 784) uint8``, as ``digits train --augment`` warps them."""
    from digits.recipes import USUAL_WARPS

    return np.rint(255 * USUAL_WARPS(pixels, np.random.default_rng(seed))).astype(np.uint8)


def test_images() -> tuple[Array, Array]:
    """``(10000, 784) uint8`` and ``(10000,) int64``."""
    from digits import load_mnist

    _, test_set = load_mnist()
    return np.array(test_set.images.reshape(-1, PIXELS)), test_set.labels.astype(np.int64)


def batch_indices(work: Training) -> list[Array]:
    """The indices of each batch of the epoch, in the order in which ``digits`` takes them.

    Asked of ``digits`` itself: batches of images that are numbered instead of labelled. The others get the order
    ready made; ``digits`` draws it within the time that is measured (0.6 ms for 60,000 images).
    """
    from digits.data_preprocessing import Batches

    numbers = np.arange(work.images)
    batches = Batches(np.zeros((work.images, 1), np.uint8), numbers, work.batch_size, SEED)
    return [indices.copy() for _, indices in batches.epoch(0)][: work.steps]


def initial_weights(shapes: Iterable[tuple[int, ...]]) -> Weights:
    """The same start for all: He et al. 2015, biases 0."""
    random = np.random.default_rng(SEED)
    return [
        (
            random.normal(0, np.sqrt(2 / prod(inputs)), (*inputs, outputs)).astype(np.float32),
            np.zeros(outputs, np.float32),
        )
        for *inputs, outputs in shapes
    ]


def cross_entropy(probabilities: Array, labels: Array) -> float:
    """The mean loss in nats."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-30)).mean())


def loss_of(weights: Weights, images: Array, labels: Array) -> float:
    """The loss of a network on ``(n, 784) uint8``, by the same few lines whoever trained it."""
    parts = np.array_split(images, -(-len(images) // AT_ONCE))
    logits = np.concatenate([logits_of(weights, part) for part in parts]).astype(np.float64)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    return cross_entropy(probabilities / probabilities.sum(axis=1, keepdims=True), labels)


def logits_of(weights: Weights, images: Array) -> Array:
    """``(n, 784) uint8`` → ``(n, classes)``: convolutions first, dense layers after them."""
    x: Array = (images.astype(np.float32) / np.float32(255)).reshape(-1, 1, SIDE, SIDE)
    convolutions, dense = (
        [pair for pair in weights if pair[0].ndim == 4],
        [pair for pair in weights if pair[0].ndim == 2],
    )
    for w, b in convolutions:
        x = np.maximum(max_pooled(convolved(x, w, b)), 0)
    x = x.reshape(len(x), -1)
    for w, b in dense[:-1]:
        x = np.maximum(x @ w + b, 0)
    w, b = dense[-1]
    logits: Array = x @ w + b
    return logits


def convolved(images: Array, w: Array, b: Array) -> Array:
    """``(n, channels, height, width)`` → ``(n, filters, height', width')``: each filter at each place, no padding."""
    windows = sliding_window_view(images, w.shape[1:3], axis=(2, 3))  # (n, channels, height', width', window, window)
    maps = np.tensordot(windows, w, axes=((1, 4, 5), (0, 1, 2))) + b
    return np.moveaxis(maps, -1, 1)


def max_pooled(images: Array) -> Array:
    """``(n, channels, height, width)`` → half of the height and the width."""
    *others, height, width = images.shape
    pooled: Array = images.reshape(*others, height // POOL, POOL, width // POOL, POOL).max(axis=(-3, -1))
    return pooled


class Contender(ABC):
    """One side of a comparison. It prepares when it is made and works when ``repeat`` is called."""

    @abstractmethod
    def repeat(self) -> tuple[float, Evidence]:
        """Do the work once: seconds, and what the other side must have, too."""


class Trainer(Contender):
    """Trains for one epoch, always from the same weights."""

    def __init__(self, work: Training) -> None:
        self.work = work
        self.images, self.labels = training_images(work.images)
        self.indices = batch_indices(work)
        self.initial_weights = initial_weights(work.weight_shapes)
        self.test_set = test_images()
        self.prepare()

    losses: Sequence[Any] = ()  # of the steps of the last ``train``, as each library returns them

    @abstractmethod
    def prepare(self) -> None:
        """Make the network and the optimizer."""

    @abstractmethod
    def reset(self) -> None:
        """Back to ``initial_weights`` and a fresh optimizer. Takes no measured time."""

    @abstractmethod
    def train(self) -> None:
        """The epoch; keeps the ``losses``. Whoever computes behind the scenes has to wait for it."""

    @abstractmethod
    def weights(self) -> Weights:
        """What was learnt; nothing if nothing is learnt."""

    def repeat(self) -> tuple[float, Evidence]:
        """One epoch. The evidence is the loss on the test images after it, and the mean loss of its steps.

        The mean is the finer test of two programs for the same work. Rounding errors grow while a network learns:
        with AdamW, an epoch from weights that differ by 1e-7 ends in losses that differ by 4 % and more, while the
        mean of the steps moves by 0.3 % at most. With convolutions, it is 8 % and 0.6 %, whoever trains.
        """
        self.reset()
        began = perf_counter()
        self.train()
        seconds = perf_counter() - began
        weights = self.weights()
        if not weights:
            return seconds, {}
        mean = float(np.mean([float(loss) for loss in self.losses]))
        return seconds, {AFTER: loss_of(weights, *self.test_set), DURING: mean}


class Predictor(Contender):
    """Answers with probabilities: ``(n, 784) uint8``, as images are stored, in; ``(n, 10)`` NumPy numbers out.

    Scaling to 0…1 and softmax are part of it, done wherever it is fastest.
    """

    def __init__(self, work: Inference) -> None:
        self.work = work
        self.weights = initial_weights(pairwise((PIXELS, *work.hidden, CLASSES)))
        images, self.labels = test_images()
        whole = len(images) // work.images
        self.batches = np.split(images[: whole * work.images], whole)
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Make the network, with ``weights``."""

    @abstractmethod
    def probabilities(self, images: Array) -> Array:
        """``(n, 784) uint8`` → ``(n, 10)``."""

    def repeat(self) -> tuple[float, Evidence]:
        """The median of all calls. The evidence is the loss of what they answered."""
        for call in range(self.work.calls // 10):  # the caches are cold after the others' turns
            self.probabilities(self.batches[call % len(self.batches)])
        seconds, losses = [], []
        for call in range(self.work.calls):
            number = call % len(self.batches)
            began = perf_counter()
            answer = self.probabilities(self.batches[number])
            seconds.append(perf_counter() - began)
            if call < len(self.batches):
                first = number * self.work.images
                losses.append(cross_entropy(answer, self.labels[first : first + self.work.images]))
        return median(seconds), {"loss of the answers": float(np.mean(losses))}


class Warper(Contender):
    """Warps images. The evidence is statistical: each side draws random numbers of its own."""

    SAMPLE = 2048  # images that the evidence is taken from
    MOST: ClassVar[int | None] = None  # images in one repetition; the slow ones take fewer
    CENTRE = slice(8, 20)  # rows and columns that no warp takes from outside of the image

    def __init__(self, work: Warping) -> None:
        self.work = work
        images, _ = training_images(max(work.images, self.SAMPLE))
        self.images = images.reshape(-1, SIDE, SIDE)
        self._evidence: Evidence = {}
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Make what can be made ahead."""

    @abstractmethod
    def warp(self, images: Array) -> Array:
        """``(n, 28, 28) uint8`` → ``(n, 28, 28) float32`` 0…1; the same warps for the same n at every call."""

    def repeat(self) -> tuple[float, Evidence]:
        """Seconds for one image."""
        images = self.images[: min(self.work.images, self.MOST or self.work.images)]
        began = perf_counter()
        self.warp(images)
        seconds = (perf_counter() - began) / len(images)
        self._evidence = self._evidence or self._measure()  # after the first: the warps are the same at every call
        return seconds, self._evidence

    def _measure(self) -> Evidence:
        """How bright warped images are, and how far pixels have come.

        A warped image says nothing of where its pixels come from, unless each pixel's brightness is its own column or
        row. Bilinear interpolation is exact for such ramps, so a warped ramp shows the coordinates.
        """
        images = self.images[: self.SAMPLE]
        ramp = np.broadcast_to(np.arange(SIDE, dtype=np.uint8) * 9, images.shape)
        columns = self.warp(np.ascontiguousarray(ramp)) * (255 / 9)
        rows = self.warp(np.ascontiguousarray(ramp.swapaxes(1, 2))) * (255 / 9)
        there = np.arange(SIDE)
        distances = np.hypot(columns - there, rows - there[:, np.newaxis])[:, self.CENTRE, self.CENTRE]
        inside = self.warp(images).mean()
        return {"mean brightness": float(inside), "mean displacement": float(distances.mean())}
