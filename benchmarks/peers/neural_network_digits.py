"""The package neural-network-digits: its own network and its own ``train_step``, with L2 and dropout off.

The batches are made as its ``Trainer`` makes them (it also warps images and measures the network, which is left out):
all images are scaled at the beginning of an epoch, and labels are one-hot. Its step always adds L2 decay, here 0 times
the weights, and always measures its gradients.
"""

from __future__ import annotations

import numpy as np
from nn_digits.neural_net.data import normalize, one_hot
from nn_digits.neural_net.network import NeuralNetwork

from benchmarks import contenders
from benchmarks.contenders import Weights
from benchmarks.work import SIDE


class Trainer(contenders.Trainer):
    """The loop of its ``Trainer.run_epoch``."""

    def prepare(self) -> None:  # noqa: D102
        if self.work.optimizer != "momentum":
            raise ValueError("neural-network-digits has no AdamW")
        self.network = NeuralNetwork(self.work.sizes, "relu")
        self.one_hot = one_hot(self.labels)
        self.pictures = self.images.reshape(-1, SIDE, SIDE)

    def reset(self) -> None:  # noqa: D102
        self.network.weights = [w.copy() for w, _ in self.initial_weights]
        self.network.biases = [b.copy() for _, b in self.initial_weights]
        self.network.weight_velocity = [np.zeros_like(w) for w in self.network.weights]
        self.network.bias_velocity = [np.zeros_like(b) for b in self.network.biases]

    def train(self) -> None:  # noqa: D102
        inputs = normalize(self.pictures)
        self.losses = []
        for chosen in self.indices:
            batch = inputs[chosen], self.one_hot[chosen]
            self.losses.append(self.network.train_step(*batch, self.work.learning_rate, momentum=0.9, l2=0.0))

    def weights(self) -> Weights:  # noqa: D102
        return list(zip(self.network.weights, self.network.biases, strict=True))
