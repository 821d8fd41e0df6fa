"""``digits`` itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks import contenders
from benchmarks.contenders import SEED, Array, Evidence, Weights
from benchmarks.machine import cores
from benchmarks.work import CLASSES, PIXELS, Training
from digits import NeuralNetwork
from digits.data_preprocessing import Batches
from digits.layers import Dense, Layer, ReLU
from digits.optimizers import AdamW, Momentum, Optimizer

TRIALS, TRIAL_STEPS = 5, 60


def use_threads(count: int) -> None:
    """Of BLAS."""
    threadpool_limits(count)


def choose_threads(train: Callable[[], None]) -> None:
    """Take one thread of BLAS or as many as there are, whichever trains faster now.

    Two are faster where the cores are two. Where they are halves of one core, or another program wants one, the thread
    that waits for the next product slows down the one that does the rest. ``digits train`` takes one for the small
    network, so as not to depend on it, and ``--threads 2`` for who knows better.
    """
    if threadpool_info()[0]["num_threads"] == 1:
        return
    times: dict[int, list[float]] = {}
    for _ in range(TRIALS):
        for threads in (1, threadpool_info()[0]["num_threads"]):
            with threadpool_limits(threads):
                began = perf_counter()
                train()
                times.setdefault(threads, []).append(perf_counter() - began)
    threadpool_limits(min(times, key=lambda threads: median(times[threads])))


def make_network(hidden: tuple[int, ...]) -> NeuralNetwork:
    """784-…-10 with ReLU."""
    layers: list[Layer] = []
    for units in hidden:
        layers += [Dense(units), ReLU()]
    return NeuralNetwork([*layers, Dense(CLASSES)], input_shape=(PIXELS,), seed=SEED)


def make_optimizer(training: Training) -> Optimizer:
    """What the work asks for."""
    if training.optimizer == "adamw":
        return AdamW(training.learning_rate, weight_decay=0.01)
    return Momentum(training.learning_rate, momentum=0.9)


def training_step(network: NeuralNetwork, optimizer: Optimizer, inputs: Array, labels: Array) -> float:
    """One step, as ``digits.training`` takes it."""
    loss = network.forward_backward(inputs, labels)
    optimizer.step(network.parameters, network.gradients)
    return loss


def dense_layers(network: NeuralNetwork) -> list[Dense]:
    """Those with parameters."""
    return [layer for layer in network.layers if isinstance(layer, Dense)]


def set_weights(network: NeuralNetwork, weights: Weights) -> None:
    """Copy weights into a network."""
    for layer, (w, b) in zip(dense_layers(network), weights, strict=True):
        layer.weights[...], layer.biases[...] = w, b


class Trainer(contenders.Trainer):
    """The loop of ``digits.training``, without its events."""

    def prepare(self) -> None:  # noqa: D102
        self.network = make_network(self.work.hidden)
        self.batches = Batches(self.images, self.labels, self.work.batch_size, SEED)
        self.chosen = False

    def repeat(self) -> tuple[float, Evidence]:  # noqa: D102
        if not self.chosen:  # in the warm-up: the others stand still by now
            self.reset()
            choose_threads(lambda: self.train(TRIAL_STEPS))
            self.chosen = True
        return super().repeat()

    def reset(self) -> None:  # noqa: D102
        set_weights(self.network, self.initial_weights)
        self.optimizer = make_optimizer(self.work)

    def train(self, steps: int | None = None) -> None:  # noqa: D102
        batches = islice(self.batches.epoch(0), steps or self.work.steps)
        self.losses = [training_step(self.network, self.optimizer, inputs, labels) for inputs, labels in batches]

    def weights(self) -> Weights:  # noqa: D102
        return [(layer.weights, layer.biases) for layer in dense_layers(self.network)]


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
