"""scikit-learn: ``MLPClassifier`` with plain momentum, no decay, and the images in the order it is given them.

One ``partial_fit`` on all images is one epoch of batches.
"""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks import contenders
from benchmarks.contenders import Weights
from benchmarks.work import CLASSES


class Trainer(contenders.Trainer):
    """A first, tiny ``partial_fit`` makes the arrays; then they are given the shared weights."""

    def prepare(self) -> None:  # noqa: D102
        if self.work.optimizer != "momentum":
            raise ValueError("MLPClassifier has no AdamW")
        self.order = np.concatenate(self.indices)
        self.model = MLPClassifier(
            self.work.hidden,
            solver="sgd",
            momentum=0.9,
            nesterovs_momentum=False,
            learning_rate_init=self.work.learning_rate,
            batch_size=self.work.batch_size,
            alpha=0,
            shuffle=False,
        )
        tiny = self.work.batch_size
        images = self.images[:tiny].astype(np.float32)
        self.model.partial_fit(images, self.labels[:tiny], classes=np.arange(CLASSES))
        if any(w.dtype != np.float32 for w in self.model.coefs_):
            raise TypeError("this version does not train in float32, as all others do")

    def reset(self) -> None:  # noqa: D102
        self.model.coefs_ = [w.copy() for w, _ in self.initial_weights]
        self.model.intercepts_ = [b.copy() for _, b in self.initial_weights]
        del self.model._optimizer  # its velocity; the next partial_fit makes a new one

    def train(self) -> None:  # noqa: D102
        inputs = self.images.take(self.order, axis=0).astype(np.float32)
        inputs *= np.float32(1 / 255)
        self.model.partial_fit(inputs, self.labels.take(self.order))
        self.losses = [self.model.loss_]  # the mean of the epoch's, the last batch weighted by its length

    def weights(self) -> Weights:  # noqa: D102
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))
