"""``digits`` itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import contenders
from benchmarks.contenders import SEED, Array, Evidence, Weights
from benchmarks.machine import cores
from benchmarks.work import CLASSES, PIXELS, POOL, SIDE, WINDOW, Training
from digits import NeuralNetwork, layers
from digits.data_preprocessing import Batches
from digits.optimizers import AdamW, Momentum, Optimizer

if TYPE_CHECKING:
    from digits.data_parallel import DataParallel

TRIALS, TRIAL_STEPS = 5, 60


def use_threads(count: int) -> None:
    """Of BLAS, or parts of a batch."""
    threadpool_limits(count)
    Trainer.most_threads = count


def make_network(hidden: tuple[int, ...], filters: tuple[int, ...] = ()) -> NeuralNetwork:
    """784-…-10 with ReLU, or the same behind convolutions with max-pooling."""
    sequence: list[layers.Layer] = []
    for count in filters:
        sequence += [layers.Conv2D(count, WINDOW), layers.MaxPool2D(POOL), layers.ReLU()]
    if filters:
        sequence.append(layers.Flatten())
    for units in hidden:
        sequence += [layers.Dense(units), layers.ReLU()]
    sequence.append(layers.Dense(CLASSES))
    return NeuralNetwork(sequence, input_shape=(1, SIDE, SIDE) if filters else (PIXELS,), seed=SEED)


def make_optimizer(training: Training) -> Optimizer:
    """What the work asks for."""
    if training.optimizer == "adamw":
        return AdamW(training.learning_rate, weight_decay=0.01)
    return Momentum(training.learning_rate, momentum=0.9)


def training_step(parallel: DataParallel, optimizer: Optimizer, inputs: Array, labels: Array) -> float:
    """One step, as ``digits.training`` takes it."""
    network = parallel.network
    loss = parallel.forward_backward(inputs, labels)
    optimizer.step(network.parameters, network.gradients)
    return loss


def layers_with_weights(network: NeuralNetwork) -> list[Any]:
    """In their order."""
    return [layer for layer in network.layers if hasattr(layer, "weights")]


def set_weights(network: NeuralNetwork, weights: Weights) -> None:
    """Copy weights into a network."""
    for layer, (w, b) in zip(layers_with_weights(network), weights, strict=True):
        layer.weights[...], layer.biases[...] = w, b


class Trainer(contenders.Trainer):
    """The loop of ``digits.training``, without its events.

    Convolutional networks are computed in parts, a process each, others with threads of BLAS. How many is found out in
    the warm-up: one or two, whichever trains faster now. Two are faster where the cores are two and idle. Where they
    are halves of one core, or another program wants one, one may be. ``digits train`` takes one for a small dense
    network, so as not to depend on it, and ``--threads 2`` for who knows better.
    """

    most_threads: ClassVar[int] = min(cores(), 2)

    def prepare(self) -> None:  # noqa: D102
        from digits.data_parallel import DataParallel  # here: the profile also runs with versions that have none

        self.network = make_network(self.work.hidden, self.work.filters)
        self.batches = Batches(self.images, self.labels, self.work.batch_size, SEED)
        counts = range(1, self.most_threads + 1)
        if self.work.filters:
            self.candidates = [(1, DataParallel(self.network, parts, self.work.batch_size)) for parts in counts]
        else:
            self.candidates = [(blas, DataParallel(self.network, 1, self.work.batch_size)) for blas in counts]

    def repeat(self) -> tuple[float, Evidence]:  # noqa: D102
        if len(self.candidates) > 1:  # in the warm-up: the others stand still by now
            self.candidates = [self.fastest()]
        return super().repeat()

    def fastest(self) -> tuple[int, DataParallel]:
        """The candidate that takes the least time for some steps: the median of trials in turns."""
        times: list[list[float]] = [[] for _ in self.candidates]
        self.reset()
        for _ in range(TRIALS):
            for candidate, of_candidate in zip(self.candidates, times, strict=True):
                began = perf_counter()
                self.take_steps(*candidate, TRIAL_STEPS)
                of_candidate.append(perf_counter() - began)
        return self.candidates[int(np.argmin([median(of_candidate) for of_candidate in times]))]

    def reset(self) -> None:  # noqa: D102
        set_weights(self.network, self.initial_weights)
        self.optimizer = make_optimizer(self.work)

    def take_steps(self, blas: int, parallel: DataParallel, steps: int | None) -> list[float]:
        """The first steps of the epoch, or all; their losses."""
        threadpool_limits(blas)
        batches = islice(self.batches.epoch(0), steps)
        return [training_step(parallel, self.optimizer, inputs, labels) for inputs, labels in batches]

    def train(self) -> None:  # noqa: D102
        self.losses = self.take_steps(*self.candidates[0], self.work.steps)

    def weights(self) -> Weights:  # noqa: D102
        return [(layer.weights, layer.biases) for layer in layers_with_weights(self.network)]


class Predictor(contenders.Predictor):
    """``predict_proba``."""

    def prepare(self) -> None:  # noqa: D102
        self.network = make_network(self.work.hidden)
        set_weights(self.network, self.weights)

    def probabilities(self, images: Array) -> Array:  # noqa: D102
        return self.network.predict_proba(images)


class Warper(contenders.Warper):
    """``Augmentation`` on batches, in as many threads as there are cores: NumPy lets go of the interpreter."""

    def prepare(self) -> None:  # noqa: D102
        from digits.augmentation import Augmentation  # here: the profile also runs with versions that have none

        settings = self.work
        self.augmentation = Augmentation(
            rotation=settings.rotation,
            scale=settings.scale,
            shear=settings.shear,
            shift=settings.shift,
            elastic=settings.elastic,
            smoothness=settings.smoothness,
        )
        self.threads = ThreadPoolExecutor(cores())

    def warp(self, images: Array) -> Array:  # noqa: D102
        size = self.work.batch_size
        warped = np.empty(images.shape, np.float32)

        def warp_batch(start: int) -> None:
            batch = slice(start, start + size)
            self.augmentation(images[batch], np.random.default_rng([SEED, start]), out=warped[batch])

        list(self.threads.map(warp_batch, range(0, len(images), size)))
        return warped
