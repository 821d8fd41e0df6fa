"""Looking at a network while it is trained: how well it reads, how it learns, and what its first layer looks like."""

from __future__ import annotations

from math import isfinite

import numpy as np

from digits.activations import Array, softmax
from digits.evaluation import Evaluation
from digits.layers import Conv2D
from digits.neural_network import NeuralNetwork
from digits.studio.images import as_image, encoded
from digits.studio.run_record import Measure, View
from digits.training import Training
from digits.vital_signs import vital_signs

SAMPLE = 500  # training images that accuracy is measured on
SIGNS_SAMPLE = 100  # of them, for gradients and dead units
MOST_UNITS = 64  # of the first layer, shown
MOSTLY = 0.995  # of the weights are shown as they are; the largest ones as large as these, or they would pale the rest


class Observer:
    """Measures one training, without changing a bit of it.

    Args:
        training: that is observed, between two of its events.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        images, labels = training.batches.images, training.batches.labels
        every = slice(None, None, max(1, len(images) // SAMPLE))  # of all, since they may be sorted by digit
        self.sample = images[every][:SAMPLE], labels[every][:SAMPLE]
        few = slice(None, None, max(1, len(self.sample[0]) // SIGNS_SAMPLE))
        self.few = self.sample[0][few][:SIGNS_SAMPLE], self.sample[1][few][:SIGNS_SAMPLE]
        self.twin = training.network.astype(training.network.dtype)
        self.confusion: list[list[int]] | None = None

    @property
    def epoch(self) -> float:
        """How many epochs are over, and what share of the one under way."""
        return self.training.epoch + self.training.batch / len(self.training.batches)

    def measure(
        self, specimen: list[int] | None, batch_loss: float | None = None, images_per_second: float | None = None
    ) -> Measure:
        """Measure the network as it is now.

        Args:
            specimen: 784 pixels of the digit that is watched, or None.
            batch_loss: the mean loss of the batches since the last measure.
            images_per_second: likewise.
        """
        training = self.training
        self.twin.parameters[...] = training.network.parameters
        self.twin.statistics[...] = training.network.statistics
        with np.errstate(over="ignore", invalid="ignore"):
            signs = vital_signs(self.twin, *self.few)
            loss, accuracy, _ = self._judge(*self.sample)
            validation_loss, validation_accuracy, self.confusion = self._judge(*training.validation)
            answer = answer_to(training.measured, specimen)
        return Measure(
            step=training.steps,
            epoch=self.epoch,
            batch_loss=_finite(batch_loss),
            learning_rate=training.optimizer.learning_rate,
            images_per_second=_finite(images_per_second),
            loss=loss,
            accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            gradients=[_finite(size) for size in signs.gradients],
            dead=signs.dead,
            answer=answer,
        )

    def view(self, measure: Measure) -> View:
        """What to show of the network beside its measure, which was made just now."""
        pictures, units = first_layer(self.training.measured)
        limit = _finite(float(np.quantile(np.abs(pictures), MOSTLY))) or 1.0
        shades = np.nan_to_num(np.clip(pictures / limit, -1, 1) * 127).round().astype(np.int8)
        return View(
            step=measure.step,
            epoch=measure.epoch,
            measure=measure,
            confusion=self.confusion,
            weights=encoded(shades),
            limit=limit,
            units=units,
        )

    def _judge(self, images: Array, labels: Array) -> tuple[float | None, float | None, list[list[int]] | None]:
        """Mean loss, accuracy and confusion on labelled images; None where an answer is not finite."""
        logits = self.training.measured.logits(images)
        if not np.isfinite(logits).all():
            return None, None, None
        evaluation = Evaluation(softmax(logits), labels)
        loss, _ = self.training.network.loss(logits, labels)
        return _finite(loss), evaluation.accuracy, evaluation.confusion.tolist()


def answer_to(network: NeuralNetwork, specimen: list[int] | None) -> list[float] | None:
    """The ten probabilities for a digit of 784 pixels; None without one, or where they are not finite."""
    if specimen is None:
        return None
    probabilities = network.predict_proba(as_image(specimen)[np.newaxis])[0]
    return probabilities.tolist() if np.isfinite(probabilities).all() else None


def first_layer(network: NeuralNetwork) -> tuple[Array, int]:
    """The weights of the first layer as pictures, ``(units, height, width)``, and how many units there are in all."""
    layer = network.layers[0]
    weights: Array = getattr(layer, "weights")  # noqa: B009  (channels, size, size, filters) or (784, units)
    units = weights.shape[-1]
    side = layer.size if isinstance(layer, Conv2D) else 28
    pictures = weights.reshape(-1, units)[: side * side].T[:MOST_UNITS]
    return pictures.reshape(-1, side, side), units


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None
