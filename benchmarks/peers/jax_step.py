"""JAX: one jitted step, which may reuse the memory of its arguments; batches are gathered by NumPy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import contenders
from benchmarks.contenders import Array, Weights

Tree = Any  # nested lists and tuples of jax arrays


def loss_function(parameters: Tree, pixels: jax.Array, labels: jax.Array) -> jax.Array:
    """The mean cross-entropy; scaling included."""
    x = pixels.astype(jnp.float32) * (1 / 255)
    for weights, biases in parameters[:-1]:
        x = jax.nn.relu(x @ weights + biases)
    weights, biases = parameters[-1]
    log_probabilities = jax.nn.log_softmax(x @ weights + biases)
    return -jnp.mean(jnp.take_along_axis(log_probabilities, labels[:, jnp.newaxis], axis=1))


def momentum(parameters: Tree, state: Tree, gradients: Tree, learning_rate: float) -> tuple[Tree, Tree]:
    """v ← 0.9·v + g, θ ← θ − η·v."""
    velocity = jax.tree.map(lambda v, g: 0.9 * v + g, state["first"], gradients)
    parameters = jax.tree.map(lambda p, v: p - learning_rate * v, parameters, velocity)
    return parameters, state | {"first": velocity}


def adamw(parameters: Tree, state: Tree, gradients: Tree, learning_rate: float) -> tuple[Tree, Tree]:
    """Loshchilov and Hutter 2019, algorithm 2, with PyTorch's defaults."""
    beta1, beta2, epsilon, decay = 0.9, 0.999, 1e-8, 0.01
    step = state["step"] + 1
    mean = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, state["first"], gradients)
    mean_square = jax.tree.map(lambda s, g: beta2 * s + (1 - beta2) * g * g, state["second"], gradients)
    step_size, correction = learning_rate / (1 - beta1**step), jnp.sqrt(1 - beta2**step)
    parameters = jax.tree.map(
        lambda p, m, s: p * (1 - learning_rate * decay) - step_size * m / (jnp.sqrt(s) / correction + epsilon),
        parameters,
        mean,
        mean_square,
    )
    return parameters, {"step": step, "first": mean, "second": mean_square}


class Trainer(contenders.Trainer):
    """Steps are sent off without waiting for the one before; the epoch ends when all are done."""

    def prepare(self) -> None:  # noqa: D102
        self.labels = self.labels.astype(np.int32)
        self.jitted = jax.jit(self.step, donate_argnums=(0, 1))

    def step(self, parameters: Tree, state: Tree, pixels: Array, labels: Array) -> tuple[Tree, Tree, jax.Array]:
        """One step, to be compiled."""
        loss, gradients = jax.value_and_grad(loss_function)(parameters, pixels, labels)
        update = adamw if self.work.optimizer == "adamw" else momentum
        return *update(parameters, state, gradients, self.work.learning_rate), loss

    def reset(self) -> None:  # noqa: D102
        self.parameters = [(jnp.array(w), jnp.array(b)) for w, b in self.initial_weights]
        zeros = [jax.tree.map(jnp.zeros_like, self.parameters) for _ in range(2)]
        self.state = {"step": jnp.zeros(()), "first": zeros[0], "second": zeros[1]}
        jax.block_until_ready((self.parameters, self.state))

    def train(self) -> None:  # noqa: D102
        parameters, state, losses = self.parameters, self.state, []
        for chosen in self.indices:
            pixels, labels = self.images.take(chosen, axis=0), self.labels.take(chosen)
            parameters, state, loss = self.jitted(parameters, state, pixels, labels)
            losses.append(loss)
        self.parameters, self.state, self.losses = jax.block_until_ready((parameters, state, losses))

    def weights(self) -> Weights:  # noqa: D102
        return [(np.asarray(w), np.asarray(b)) for w, b in self.parameters]
