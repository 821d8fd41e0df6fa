"""Training as an iterator of events.

    for event in train(network, dataset, recipe):
        ...

Nothing here prints or writes files: a progress bar, a notebook, a test and a chart all consume the same events. To
pause is not to ask for the next one. Between two events ``training.checkpoint()`` holds all that the next one depends
on, so a resumed run gives, bit for bit, the weights of one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from digits.activations import Array, softmax
from digits.blas_threads import blas_threads
from digits.data_parallel import DataParallel
from digits.data_preprocessing import SIDE, Batches, check_labels, validation_size
from digits.datasets import Dataset
from digits.errors import DigitsError
from digits.foreign_digits import draw_foreign_digits
from digits.neural_network import NeuralNetwork
from digits.non_digits import draw_non_digits
from digits.optimizers import SCHEDULES, WeightAverage
from digits.recipes import Recipe

LARGE_PRODUCT = 100_000_000  # multiplications in a step's largest matrix product, from which threads pay always
PARTS = 2  # of a batch, if the network has convolutions or a teacher
MOST_THREADS = 64
TEACHER_TEMPERATURE = 2.0  # a teacher's logits are divided by it, so that its doubts are large enough to learn from

TRAIN_SAMPLE = 2_500  # training images that an epoch's end is measured on: enough to see overfitting by


class TrainingDiverged(DigitsError):
    """The loss stopped being a finite number."""


class WorkerFailed(DigitsError):
    """Another process that training needs is gone, or could not be started. A checkpoint is as good as before."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of gradient descent was taken.

    Attributes:
        epoch: 1 in the first.
        step: of the whole run, 1 for the first.
        loss: of the batch, before the step, in nats.
        learning_rate: of the step.
    """

    epoch: int
    step: int
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """An epoch is over, and the network was measured.

    Attributes:
        epoch: 1 for the first.
        loss: mean over the epoch's batches, as they were met (dropout active, weights still changing).
        train_accuracy: on the first ``TRAIN_SAMPLE`` training images, measured as the validation images are.
        validation_loss, validation_accuracy: on the held-out images; None where none are held out.
        images_per_second: trained, in this epoch.
        seconds: since training began, pauses and interruptions left out.
    """

    epoch: int
    loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    images_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Training is over; where the recipe averages weights, the network now has the averaged ones.

    Attributes:
        epochs, steps: how many were made.
        seconds: as in ``EpochEnd``.
        validation_accuracy: of the finished network; None where no images are held out.
    """

    epochs: int
    steps: int
    seconds: float
    validation_accuracy: float | None


Event = Step | EpochEnd | Finished


@contextmanager
def _workers_watched(hint: str = "") -> Iterator[None]:
    """Tell in a sentence what went wrong with the other processes."""
    try:
        yield
    except OSError as error:
        raise WorkerFailed(f"training in several processes failed: {error}{hint}.") from error


def train(
    network: NeuralNetwork,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    resume_from: dict[str, Any] | None = None,
    threads: int | None = None,
    teacher: NeuralNetwork | None = None,
) -> Training:
    """Train a network; see ``Training``, which is the iterator that this returns."""
    return Training(network, dataset, recipe, seed=seed, resume_from=resume_from, threads=threads, teacher=teacher)


class Training(Iterator[Event]):
    """A run of training: an iterator of events with a learning rate that may be changed and a checkpoint.

    Args:
        network: trained in place.
        dataset: the training set; its last ``recipe.validation`` images (a sixth at most) are held out.
        recipe: how. Its network settings are not used here: the network is given.
        seed: of the order of the images.
        resume_from: what ``checkpoint()`` returned, of a run with the same network, data, recipe and seed.
        threads: how many compute. In a network with convolutions, or with a teacher, these are processes, and each
            takes a part of every batch (see ``DataParallel``): two by default, however many cores there are. In others
            they are threads and share out the matrix products: one by default, and all there are for large networks.
            Two take a fifth off the time of a small network on idle cores, but wait for each other when other programs
            want the cores too, up to a hundred times as long. The last bits of the weights depend on it, with batch
            normalisation more than these.
        teacher: the trained network that the recipe names, where it has a teacher.

    Attributes:
        learning_rate: the highest of the schedule; may be changed between events.
        history: an ``EpochEnd`` for each epoch so far.

    Raises:
        DigitsError: if the data have no labels or too few images, the checkpoint is of another run, or no process can
            be started (``WorkerFailed``; also from the iterator, and from ``checkpoint``, if one of them is gone).
        ValueError: if a network with layers that are not of ``digits.layers`` is to be computed in parts.
        TrainingDiverged: from the iterator, when the loss is no longer finite.
    """

    def __init__(
        self,
        network: NeuralNetwork,
        dataset: Dataset,
        recipe: Recipe,
        *,
        seed: int = 0,
        resume_from: dict[str, Any] | None = None,
        threads: int | None = None,
        teacher: NeuralNetwork | None = None,
    ) -> None:
        if bool(recipe.teacher) != (teacher is not None):
            raise ValueError(f"the recipe's teacher is {recipe.teacher!r}, and the network of just this one is needed")
        images, labels = dataset.images, dataset.labels
        held_out = validation_size(len(images), recipe.validation)
        end = len(images) - held_out
        if end < 1:
            raise DigitsError(f"{dataset.source} has no images to train on.")
        self.network = network
        self.recipe = recipe
        self.seed = seed
        self.fingerprint = dataset.fingerprint
        self.validation = images[end:], labels[end:]
        self.sample = images[: min(end, TRAIN_SAMPLE)], labels[: min(end, TRAIN_SAMPLE)]
        check_labels(labels, len(images), network.classes)
        images, labels = images[:end], labels[:end]
        if count := round(recipe.non_digits * end):
            shapes = draw_non_digits(count, images.reshape(end, SIDE, SIDE), seed)
            images = np.concatenate([images, shapes.reshape(count, *images.shape[1:])])
            labels = np.concatenate([labels, np.full(count, network.classes, labels.dtype)])
        if count := round(recipe.foreign_digits * end):
            shapes, meant = draw_foreign_digits(count, seed)
            images = np.concatenate([images, shapes.reshape(count, *images.shape[1:])])
            labels = np.concatenate([labels, meant.astype(labels.dtype)])
        self.batches = Batches(images, labels, recipe.batch_size, seed, augmentation=recipe.augmentation)
        self.threads: int | None
        self.blas: int | None
        convolutional = any(len(layer.output_shape) > 1 for layer in network.layers)
        if convolutional or teacher is not None:  # half of a convolution is copying and adding
            self.threads = parts = threads or PARTS
            self.blas = 1
        else:
            largest = max(array.size for _, array in network.named_parameters()) * self.batches.batch_size
            self.threads = self.blas = threads or (None if largest >= LARGE_PRODUCT else 1)
            parts = 1
        with _workers_watched("" if resume_from else "; --threads 1 does without"):
            self.parallel = DataParallel(network, parts, self.batches.batch_size)
        self.teacher = teacher
        self.optimizer = recipe.make_optimizer()
        self.learning_rate = recipe.learning_rate
        self.schedule = SCHEDULES[recipe.schedule]
        self.averages: list[WeightAverage] = []
        self.measured = network
        if recipe.weight_average:
            self.measured = network.astype(network.dtype)  # a second network, all of whose numbers are averages
            vectors = self.measured.parameters, self.measured.statistics
            self.averages = [WeightAverage(vector, recipe.weight_average) for vector in vectors]
        self.epoch = 0  # finished epochs
        self.batch = 0  # finished batches of the epoch under way
        self.seconds = 0.0
        self.epoch_seconds = 0.0
        self.loss_sum = 0.0
        self.history: list[EpochEnd] = []
        if resume_from is not None:
            try:
                with _workers_watched():
                    self._restore(resume_from)
            except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise DigitsError("the checkpoint is damaged.") from error
        self._events = self._run()

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self.epoch * len(self.batches) + self.batch

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.epochs * len(self.batches)

    def __next__(self) -> Event:
        """The next event. What passes until it is asked for is no training time."""
        self._began = perf_counter()
        quiet = np.errstate(over="ignore", invalid="ignore")  # a loss that overflows is reported in words
        of_blas = blas_threads(self.blas) if self.blas else nullcontext()
        with of_blas, quiet, _workers_watched():
            return next(self._events)

    def _run(self) -> Iterator[Event]:
        while self.epoch < self.recipe.epochs:
            strength = self.recipe.strength(self.epoch / self.recipe.epochs)
            for inputs, labels in self.batches.epoch(self.epoch, self.batch, strength):
                yield self._step(inputs, labels)
            yield self._end_epoch()
        self.network.parameters[...] = self.measured.parameters
        self.network.statistics[...] = self.measured.statistics
        self.parallel.close()
        accuracy = self.history[-1].validation_accuracy
        yield Finished(self.recipe.epochs, self.steps, self.seconds, accuracy)

    def _step(self, inputs: Array, labels: Array) -> Step:
        """One step of gradient descent: loss and gradients, update."""
        self.optimizer.learning_rate = self.learning_rate * self.schedule(self.steps / self.total_steps)
        targets = self._targets(inputs, labels)
        loss = self.parallel.forward_backward(inputs, targets)
        self._require_finite(loss)
        self.optimizer.step(self.network.parameters, self.network.gradients)
        for average, vector in zip(self.averages, (self.network.parameters, self.network.statistics), strict=False):
            average.update(vector)
        self.batch += 1
        self.loss_sum += loss
        self.epoch_seconds += perf_counter() - self._began
        return Step(self.epoch + 1, self.steps, loss, self.optimizer.learning_rate)

    def _targets(self, inputs: Array, labels: Array) -> Array:
        """What the network is to answer: the labels, or what its teacher answers about the very same images."""
        if self.teacher is None:
            return labels
        return softmax(self.parallel.logits(self.teacher, inputs) / TEACHER_TEMPERATURE)

    def _require_finite(self, loss: float) -> None:
        if not isfinite(loss):
            raise TrainingDiverged(
                f"the loss is no longer a finite number (epoch {self.epoch + 1}, step {self.steps + 1}): the learning"
                f" rate of {self.learning_rate:g} is too high. Try a tenth of it: {self.learning_rate / 10:g}."
            )

    def _end_epoch(self) -> EpochEnd:
        """Measure the network and go on to the next epoch."""
        sample_loss, train_accuracy = self._measure(*self.sample)
        self._require_finite(sample_loss)  # the last step's update has met no loss yet
        validation_loss = validation_accuracy = None
        if len(self.validation[0]):
            validation_loss, validation_accuracy = self._measure(*self.validation)
        self.seconds += self.epoch_seconds + perf_counter() - self._began
        event = EpochEnd(
            self.epoch + 1,
            self.loss_sum / len(self.batches),
            train_accuracy,
            validation_loss,
            validation_accuracy,
            len(self.batches.images) / max(self.epoch_seconds, 1e-9),  # clocks may be coarse
            self.seconds,
        )
        self.history.append(event)
        self.epoch += 1
        self.batch = 0
        self.loss_sum = self.epoch_seconds = 0.0
        return event

    def _measure(self, images: Array, labels: Array) -> tuple[float, float]:
        """The mean loss (in nats) and the accuracy (0…1) of the measured network on labelled images."""
        logits = self.parallel.logits(self.measured, images)
        accuracy = float(np.mean(logits.argmax(axis=1) == labels))
        loss, _ = self.network.loss(logits, labels)
        return loss, accuracy

    def checkpoint(self) -> dict[str, Any]:
        """All that the next event depends on, as plain arrays, lists, strings and numbers; nothing is shared."""
        with _workers_watched():
            random_states = self.parallel.random_states()
        return {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "data": self.fingerprint,
            "threads": self.threads,
            "network": self.network.config(),
            "parameters": self.network.parameters.copy(),
            "statistics": self.network.statistics.copy(),
            "random": random_states,
            "optimizer": self.optimizer.state(),
            "averages": [average.average.copy() for average in self.averages],
            "learning_rate": self.learning_rate,
            "epoch": self.epoch,
            "batch": self.batch,
            "loss_sum": self.loss_sum,
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
            "history": [asdict(epoch) for epoch in self.history],
        }

    def _restore(self, saved: dict[str, Any]) -> None:
        """Go on where a checkpoint was made. It may come from a file, so everything in it is checked."""
        same = {
            "seed": self.seed,
            "data": self.fingerprint,
            "network": self.network.config(),
            "threads": self.threads,
        }
        other = [name for name, value in same.items() if saved[name] != value]
        if not self.recipe.same_settings(Recipe.from_dict(saved["recipe"])):
            other.insert(0, "recipe")
        if other:
            raise DigitsError(f"the checkpoint was made with other settings ({', '.join(other)}).")
        vectors = [
            saved["parameters"],
            *(value for value in saved["optimizer"].values() if isinstance(value, np.ndarray)),
        ]
        statistics = [saved["statistics"]]
        if self.averages:
            vectors.append(saved["averages"][0])
            statistics.append(saved["averages"][1])
        if any(vector.shape != self.network.parameters.shape for vector in vectors):
            raise ValueError("vectors of another length than the parameters")
        if any(vector.shape != self.network.statistics.shape for vector in statistics):
            raise ValueError("vectors of another length than the statistics")
        epoch, batch = saved["epoch"], saved["batch"]
        batches = len(self.batches) if epoch < self.recipe.epochs else 0
        if not (0 <= epoch <= self.recipe.epochs and 0 <= batch <= batches and len(saved["history"]) == epoch):
            raise ValueError("a place that the run never comes to")
        self.network.parameters[...] = saved["parameters"]
        self.parallel.restore(saved["random"], saved["statistics"])
        self.optimizer.restore(saved["optimizer"])
        for average, vector in zip(self.averages, saved["averages"], strict=True):
            average.average[...] = vector
            average.steps = saved["optimizer"]["steps"]
        self.learning_rate = float(saved["learning_rate"])
        self.epoch, self.batch = int(epoch), int(batch)
        self.loss_sum, self.seconds = float(saved["loss_sum"]), float(saved["seconds"])
        self.epoch_seconds = float(saved["epoch_seconds"])
        self.history = [EpochEnd(**of_epoch) for of_epoch in saved["history"]]
