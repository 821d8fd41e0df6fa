"""Batch normalisation: each unit's numbers brought to mean 0 and variance 1 over the batch, then to taste."""

from __future__ import annotations

from math import prod

import numpy as np

from digits.activations import Array
from digits.layers.layer import Layer, Shape, batch_first

BLOCK = 65_536  # numbers at once, a quarter of a megabyte


class BatchNorm(Layer):
    """y = γ·x̂ + β with x̂ = (x − μ) / √(σ² + ε), for each unit, or each channel of images, by itself.

    μ and σ² are the mean and the variance over the batch; of images, over all their pixels too (Ioffe and Szegedy 2015,
    algorithm 1). A finished network must not depend on what else is in the batch: it uses running averages of both,
    kept while training, and so is linear in x. ``NeuralNetwork.folded`` puts that into the layer before.

    Args:
        decay: how much of the running averages stays at each step.
        epsilon: keeps the root away from 0.
    """

    arguments = ("decay", "epsilon")
    scales: Array  # (channels,): γ, a view into network.parameters
    shifts: Array  # (channels,): β
    scales_gradients: Array  # (channels,), a view into network.gradients
    shifts_gradients: Array  # (channels,)
    running_means: Array  # (channels,), a view into network.statistics
    running_variances: Array  # (channels,)

    def __init__(self, decay: float = 0.9, epsilon: float = 1e-5) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of BatchNorm must lie in 0 ≤ decay < 1; got {decay}")
        if not 0 < epsilon < float("inf"):
            raise ValueError(f"the epsilon of BatchNorm must be a number above 0; got {epsilon}")
        self.decay, self.epsilon = decay, epsilon

    def __repr__(self) -> str:
        return "BatchNorm()"

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """A scale γ and a shift β for each unit or channel."""
        return {"scales": input_shape[:1], "shifts": input_shape[:1]}

    def statistics_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """The running averages of μ and σ²."""
        return {"running_means": input_shape[:1], "running_variances": input_shape[:1]}

    def initialize(self, random: np.random.Generator, usual: str) -> None:  # noqa: ARG002
        """γ = 1, β = 0: at first only normalise."""
        self.scales[...] = 1
        self.running_variances[...] = 1

    def forward(self, inputs: Array) -> Array:
        """Normalise by the batch's own means and variances; move the running averages towards them."""
        outputs = self._buffer("outputs", len(inputs), self.output_shape)
        centred = self._buffer("centred", len(inputs), self.output_shape)
        means, variances = np.empty((2, *self.scales.shape), self.dtype)
        self.centred = by_channel(centred)
        x, y = by_channel(inputs), by_channel(outputs)
        for block in blocks(x):
            means[block] = x[block].mean(axis=1)
            deviations = np.subtract(x[block], means[block, np.newaxis], out=self.centred[block])
            variances[block] = np.vecdot(deviations, deviations) / x.shape[1]
            scales = self.scales[block] / np.sqrt(variances[block] + self.epsilon)
            np.multiply(deviations, scales[:, np.newaxis], out=y[block])
            y[block] += self.shifts[block, np.newaxis]
        self.variances = variances
        unbiased = variances * (x.shape[1] / max(x.shape[1] - 1, 1))
        self.running_means += (1 - self.decay) * (means - self.running_means)
        self.running_variances += (1 - self.decay) * (unbiased - self.running_variances)
        return outputs

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """Follow y = γ·x̂ + β backward, and x̂ through μ and σ², which depend on every x (Ioffe and Szegedy, section 3).

        ∂L/∂γ = Σ ∂L/∂y·x̂        ∂L/∂β = Σ ∂L/∂y        the sums over the m numbers of a channel
        ∂L/∂x = γ/√(σ² + ε) · (∂L/∂y − (∂L/∂β + x̂·∂L/∂γ) / m)
        """
        gradients = by_channel(output_gradients)
        count = gradients.shape[1]
        roots = 1 / np.sqrt(self.variances + self.epsilon)
        for block in blocks(gradients):
            of_block, centred = gradients[block], self.centred[block]  # x̂ = centred·roots
            self.scales_gradients[block] = np.vecdot(of_block, centred) * roots[block]
            self.shifts_gradients[block] = of_block.sum(axis=1)
            if need_input_gradients:
                centred *= (self.scales_gradients[block] * roots[block] / count)[:, np.newaxis]
                of_block -= centred
                of_block -= (self.shifts_gradients[block] / count)[:, np.newaxis]
                of_block *= (self.scales[block] * roots[block])[:, np.newaxis]
        return batch_first(gradients.reshape(*output_gradients.shape[1:], len(output_gradients)))

    def infer(self, inputs: Array) -> Array:
        """γ·(x − running mean) / √(running variance + ε) + β, in a new array."""
        scales, shifts = self.as_linear()
        y = by_channel(inputs) * scales[:, np.newaxis]
        y += shifts[:, np.newaxis]
        return batch_first(y.reshape(*inputs.shape[1:], len(inputs)))

    def as_linear(self) -> tuple[Array, Array]:
        """What a finished network does, as y = scale·x + shift: both ``(channels,)``."""
        scales = self.scales / np.sqrt(self.running_variances + self.epsilon)
        return scales, self.shifts - scales * self.running_means


class FrozenBatchNorm(BatchNorm):
    """Batch normalisation of a finished network that is trained no further on batches, only on single images.

    The running averages μ and σ² stay what they are, so y = γ·x̂ + β is linear in x, and the gradient of one image is
    its own affair. ``NeuralNetwork.frozen`` puts it in the place of ``BatchNorm``; no file holds one.
    """

    def forward(self, inputs: Array) -> Array:
        """What ``infer`` computes, and x̂ for ``backward``."""
        roots = np.sqrt(self.running_variances + self.epsilon)[:, np.newaxis]
        self.normalised = (by_channel(inputs) - self.running_means[:, np.newaxis]) / roots
        return self.infer(inputs)

    def backward(self, output_gradients: Array, need_input_gradients: bool = True) -> Array:
        """Follow y = γ·x̂ + β backward, with μ and σ² constants.

        ∂L/∂γ = Σ ∂L/∂y·x̂        ∂L/∂β = Σ ∂L/∂y        the sums over the numbers of a channel
        ∂L/∂x = γ/√(σ² + ε) · ∂L/∂y
        """
        gradients = by_channel(output_gradients)
        np.vecdot(gradients, self.normalised, out=self.scales_gradients)
        np.sum(gradients, axis=1, out=self.shifts_gradients)
        if not need_input_gradients:
            return output_gradients
        slopes, _ = self.as_linear()
        input_gradients = gradients * slopes[:, np.newaxis]
        return batch_first(input_gradients.reshape(*output_gradients.shape[1:], len(output_gradients)))


def by_channel(batch: Array) -> Array:
    """``(batch, channels, …)`` as ``(channels, numbers of the channel)``: a view, if images have the batch last."""
    rows = batch.transpose(*range(1, batch.ndim), 0)
    return rows.reshape(len(rows), prod(rows.shape[1:]))


def blocks(rows: Array) -> list[slice]:
    """Cut rows into blocks that stay in the cache while several passes are made over them."""
    step = max(1, BLOCK // rows.shape[1])
    return [slice(start, start + step) for start in range(0, len(rows), step)]
