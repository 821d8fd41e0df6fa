"""A batch in parts, computed side by side: data parallelism on the cores of one machine.

The gradient of a batch's loss is the sum of its parts' gradients. So each thread takes a part through a network of its
own, which shares the parameters but has buffers and gradients for itself, and nobody waits for anybody until the sums
are made. All of a step is spread over the cores this way, not the matrix products only; and half a batch takes half the
memory, which the caches thank with more speed even where there is one core.

The result depends on the number of parts, not on the number of cores: whichever thread is faster, the sums are made in
the same order. Batch normalisation takes its means over a part (Hoffer, Hubara and Soudry 2017 call that "ghost batch
normalization" and find that it helps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np

from digits.activations import Array
from digits.neural_network import NeuralNetwork

T = TypeVar("T")


class DataParallel:
    """A network that computes each batch in parts, each in a thread.

    Args:
        network: that is trained. It computes the first part itself, and has the whole batch's gradients afterwards.
        parts: how many.
    """

    def __init__(self, network: NeuralNetwork, parts: int) -> None:
        bits = cast(np.random.PCG64, network.random.bit_generator)
        jumps = (bits.jumped(part) for part in range(1, parts))  # each 2¹²⁷ numbers ahead of the one before
        self.networks = [network, *(network.twin(np.random.Generator(jump)) for jump in jumps)]
        self._threads = ThreadPoolExecutor(parts - 1) if parts > 1 else None

    def forward_backward(self, inputs: Array, labels: Array) -> float:
        """As ``NeuralNetwork.forward_backward``, for the whole batch."""
        count = len(inputs)
        parts = [part for part in cut(count, len(self.networks)) if part.start < part.stop]
        network, *twins = networks = self.networks[: len(parts)]

        def compute(network: NeuralNetwork, part: slice) -> float:
            return network.forward_backward(inputs[part], labels[part], count)

        loss = sum(self._map(compute, networks, parts))
        for twin in twins:
            network.gradients += twin.gradients
        if twins and network.statistics.size:
            network.statistics[...] = np.mean([each.statistics for each in networks], axis=0)
            for twin in self.networks[1:]:
                twin.statistics[...] = network.statistics
        return loss

    def logits(self, network: NeuralNetwork, images: Array) -> Array:
        """``network.logits(images)``, of any network, the parts side by side."""
        parts = cut(len(images), len(self.networks))
        return np.concatenate(list(self._map(lambda part: network.logits(images[part]), parts)))

    def random_states(self) -> list[dict[str, Any]]:
        """The random states of all parts, for a checkpoint."""
        return [dict(network.random.bit_generator.state) for network in self.networks]

    def restore(self, random_states: list[dict[str, Any]], statistics: Array) -> None:
        """Go back to what a checkpoint has."""
        for network, state in zip(self.networks, random_states, strict=True):
            network.random.bit_generator.state = state
            network.statistics[...] = statistics

    def _map(self, function: Callable[..., T], first: list[Any], *others: list[Any]) -> Iterator[T]:
        """``map``, the first call in this thread, the others in theirs."""
        if self._threads is None or len(first) < 2:
            return map(function, first, *others)
        later = [  # in a copy of this thread's context, which holds NumPy's errstate
            self._threads.submit(copy_context().run, function, *arguments)
            for arguments in list(zip(first, *others, strict=True))[1:]
        ]
        now = function(first[0], *(arguments[0] for arguments in others))
        return iter([now, *(call.result() for call in later)])


def cut(count: int, parts: int) -> list[slice]:
    """Cut ``count`` things into parts of equal size, or nearly."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]
