"""Gradient descent, its relatives, and learning rates over time.

An optimizer works on two flat vectors, the network's ``parameters`` and ``gradients``, and changes the parameters in
place: no loop over layers, and no allocation after the first step. Each has ``learning_rate`` (may be changed between
steps) and ``weight_decay``. θ are the parameters, g the gradients, η the learning rate, λ the weight decay.

``weight_decay`` of SGD, Momentum and Nesterov is L2 decay: it adds λ/2·|θ|² to the loss, so λ·θ to the gradient.
AdamW's is "decoupled" (see there). As in PyTorch, biases decay too.

A step does little arithmetic on much memory: what counts is how often it passes over the vectors. So each optimizer is
written in as few passes as NumPy allows, overwrites the gradients rather than fill a third vector, and goes through the
vectors block by block: all its passes but the first find their block in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any, ClassVar

import numpy as np

from digits.activations import Array
from digits.aligned_arrays import aligned_zeros

BLOCK = (
    65_536  # parameters at once, a quarter of a megabyte a vector; in smaller blocks the calls cost more than they gain
)


class Optimizer:
    """What all have in common: a learning rate, L2 decay, and state vectors as long as the parameters.

    Attributes:
        vectors: the names of the state vectors, made at the first step as zeros; a checkpoint keeps them.
        steps: how many steps were taken.
    """

    vectors: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: float, weight_decay: float = 0.0) -> None:
        if not 0 < learning_rate < float("inf"):
            raise ValueError(f"the learning rate must be a positive number; got {learning_rate}")
        if not 0 <= weight_decay < float("inf"):
            raise ValueError(f"the weight decay must be 0 or a positive number; got {weight_decay}")
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = 0
        self._scratch: Array | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(learning_rate={self.learning_rate})"

    def step(self, parameters: Array, gradients: Array) -> None:
        """Change the parameters, in place, by one step downhill. The gradients are overwritten."""
        if self._scratch is None:
            self._scratch = np.empty_like(parameters[:BLOCK])
        if self.steps == 0:
            for name in self.vectors:
                setattr(self, name, aligned_zeros(parameters.shape, parameters.dtype))
        self.steps += 1
        vectors = (parameters, gradients, *(getattr(self, name) for name in self.vectors))
        for start in range(0, len(parameters), BLOCK):
            self._step(*(vector[start : start + BLOCK] for vector in vectors))

    def _step(self, parameters: Array, gradients: Array, *vectors: Array) -> None:
        """Take the step on one block of each vector."""
        raise NotImplementedError

    def _add_l2_decay(self, parameters: Array, gradients: Array) -> None:
        if self.weight_decay and self._scratch is not None:
            gradients += np.multiply(parameters, self.weight_decay, out=self._scratch[: len(parameters)])

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, besides the constructor's arguments; the arrays are copies."""
        vectors = {name: getattr(self, name).copy() for name in self.vectors} if self.steps else {}
        return {"steps": self.steps, "learning_rate": self.learning_rate, **vectors}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what ``state()`` returned."""
        self.steps, self.learning_rate = state["steps"], state["learning_rate"]
        if self.steps:
            for name in self.vectors:
                vector = aligned_zeros(state[name].shape, state[name].dtype)
                vector[...] = state[name]
                setattr(self, name, vector)


class SGD(Optimizer):
    """Gradient descent, plain: θ ← θ − η·g (Robbins and Monro 1951, on batches)."""

    def _step(self, parameters: Array, gradients: Array, *_: Array) -> None:
        self._add_l2_decay(parameters, gradients)
        parameters -= np.multiply(gradients, self.learning_rate, out=gradients)


class Momentum(Optimizer):
    """A ball that rolls: v ← μ·v + g, θ ← θ − η·v (Polyak 1964; with η outside of v, as PyTorch has it)."""

    vectors = ("velocity",)
    velocity: Array

    def __init__(self, learning_rate: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate, weight_decay)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in 0 ≤ momentum < 1; got {momentum}")
        self.momentum = momentum

    def _step(self, parameters: Array, gradients: Array, *vectors: Array) -> None:
        (velocity,) = vectors
        self._add_l2_decay(parameters, gradients)
        velocity *= self.momentum
        velocity += gradients
        parameters -= np.multiply(velocity, self.learning_rate, out=gradients)


class Nesterov(Momentum):
    """Momentum that looks ahead: v ← μ·v + g, θ ← θ − η·(g + μ·v) (Nesterov 1983; as PyTorch has it)."""

    def _step(self, parameters: Array, gradients: Array, *vectors: Array) -> None:
        (velocity,) = vectors
        self._add_l2_decay(parameters, gradients)
        velocity *= self.momentum
        velocity += gradients
        parameters -= np.multiply(gradients, self.learning_rate, out=gradients)
        parameters -= np.multiply(velocity, self.learning_rate * self.momentum, out=gradients)


class AdamW(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

    With m̂ and v̂ the means of all gradients and of their squares so far, the latest weighing most,

        θ ← θ − η·(m̂ / (√v̂ + ε) + λ·θ)

    A weighted mean is a weighted sum over the sum of the weights. We keep the sums, s ← β₁·s + g and q ← β₂·q + g²,
    whose weights 1, β, β², … add up to (1 − βᵗ)/(1 − β). The paper's m = (1 − β₁)·s needs a pass more, and the same
    correction. The decay goes past the means: it is not scaled by 1/√v̂.
    """

    vectors = ("gradient_sum", "square_sum")
    gradient_sum: Array
    square_sum: Array

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _step(self, parameters: Array, gradients: Array, *vectors: Array) -> None:
        gradient_sum, square_sum = vectors
        gradient_sum *= self.beta1
        gradient_sum += gradients
        gradients *= gradients
        square_sum *= self.beta2
        square_sum += gradients
        # with w₁ and w₂ the sums of the weights, η·m̂ / (√v̂ + ε) = η·√w₂/w₁ · s / (√q + ε·√w₂): scalars, no passes
        weights1 = (1 - self.beta1**self.steps) / (1 - self.beta1)
        weights2_root = ((1 - self.beta2**self.steps) / (1 - self.beta2)) ** 0.5
        update = np.sqrt(square_sum, out=gradients)
        update += self.epsilon * weights2_root
        np.divide(gradient_sum, update, out=update)
        update *= self.learning_rate * weights2_root / weights1
        parameters *= 1 - self.learning_rate * self.weight_decay
        parameters -= update


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "momentum": Momentum, "nesterov": Nesterov, "adamw": AdamW}


class WeightAverage:
    """An exponential moving average of the parameters, which generalises better than the last step's.

    a ← a + (1 − d)·(θ − a), with d = min(decay, (1 + t) / (10 + t)) after t steps, so that the random start is soon
    forgotten (Polyak and Juditsky 1992; the ramp is TensorFlow's ``ExponentialMovingAverage``).

    Args:
        average: the vector a, changed in place; it starts as the parameters do.
        decay: d, between 0 and 1.
    """

    def __init__(self, average: Array, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"the decay of a weight average must lie between 0 and 1; got {decay}")
        self.decay = decay
        self.average = average
        self.steps = 0
        self._scratch = np.empty_like(average[:BLOCK])

    def update(self, parameters: Array) -> None:
        """Move the average towards the parameters."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for start in range(0, len(parameters), BLOCK):
            average = self.average[start : start + BLOCK]
            difference = np.subtract(parameters[start : start + BLOCK], average, out=self._scratch[: len(average)])
            difference *= 1 - decay
            average += difference


# Schedules: how far training has come (0…1) → a factor on the learning rate.


def constant(progress: float) -> float:  # noqa: ARG001
    """The learning rate stays."""
    return 1.0


def step(progress: float) -> float:
    """A tenth after half of training, a hundredth after three quarters (as He et al. 2016 do for CIFAR-10)."""
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


def cosine(progress: float) -> float:
    """Half a cosine from 1 down to 0 (Loshchilov and Hutter 2017, equation 5, without restarts)."""
    return (1 + cos(pi * progress)) / 2


def one_cycle(progress: float) -> float:
    """Up to 1 over the first fifth, then half a cosine down to 0 (after Smith and Topin 2018)."""
    warm_up = 0.2
    if progress < warm_up:
        return 0.04 + 0.96 * progress / warm_up
    return cosine((progress - warm_up) / (1 - warm_up))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "one-cycle": one_cycle,
}
