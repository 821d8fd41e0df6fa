"""JAX with no Python between steps: the whole epoch is one compiled program, gathering included.

The steps are the same; what a user gives up is to look at anything before the epoch's end.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import jax_step
from benchmarks.peers.jax_step import Tree


class Trainer(jax_step.Trainer):
    """``lax.scan`` over the full batches, then the last, shorter one."""

    def prepare(self) -> None:  # noqa: D102
        super().prepare()
        full = [batch for batch in self.indices if len(batch) == len(self.indices[0])]
        self.device_images, self.device_labels = jnp.array(self.images), jnp.array(self.labels)
        self.full, self.short = jnp.array(np.stack(full)), [jnp.array(batch) for batch in self.indices[len(full) :]]

    @partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
    def epoch(
        self, parameters: Tree, state: Tree, images: jax.Array, labels: jax.Array, full: jax.Array, short: Tree
    ) -> tuple[Tree, Tree, jax.Array]:
        """All steps, to be compiled."""

        def one(carry: tuple[Tree, Tree], chosen: jax.Array) -> tuple[tuple[Tree, Tree], jax.Array]:
            parameters, state, loss = self.step(*carry, images[chosen], labels[chosen])
            return (parameters, state), loss

        carry, losses = jax.lax.scan(one, (parameters, state), full)
        for chosen in short:
            carry, loss = one(carry, chosen)
            losses = jnp.append(losses, loss)
        return *carry, losses

    def train(self) -> None:  # noqa: D102
        arguments = (self.device_images, self.device_labels, self.full, self.short)
        learnt = self.epoch(self.parameters, self.state, *arguments)
        self.parameters, self.state, self.losses = jax.block_until_ready(learnt)
