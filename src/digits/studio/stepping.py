"""Networks after steps on one image: nothing is kept for a visitor, only remembered for a while.

Every request says from which model and by which steps its weights came. So a page can be reloaded, copied to somebody
else, or go back, and the studio may forget what it likes: it takes the steps again. The last few results are kept,
since the next request mostly asks for the same, or for one step more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from digits.activations import Array
from digits.errors import DigitsError
from digits.inspection import take_step
from digits.neural_network import NeuralNetwork
from digits.studio.networks import Loaded

KEPT = 12  # networks in float64, some megabytes each

Steps = tuple[tuple[float, int], ...]  # learning rate and label of each


@dataclass(frozen=True, eq=False)
class Stepped:
    """A network after some steps, and what it said on the way.

    Attributes:
        network: in ``float64``, ``frozen``. Shared by requests: copy it before anything else than reading.
        logits: ``(steps + 1, classes)``: before each step, and after the last.
        slopes: ``(steps,)``: |g|² at each step.
    """

    network: NeuralNetwork
    logits: Array
    slopes: Array

    def copy(self) -> NeuralNetwork:
        """A network of one's own, to go forward and backward with."""
        return self.network.astype(np.float64)


class Workbench:
    """Takes steps, and remembers the last results. Safe to use from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Loaded, bytes, Steps], Stepped] = OrderedDict()

    def after(self, loaded: Loaded, image: Array, steps: Steps) -> Stepped:
        """The model's network after steps of gradient descent on one image.

        Args:
            loaded: the model; it is left as it is.
            image: ``(28, 28) uint8``.
            steps: learning rate and label of each.

        Raises:
            DigitsError: if the weights leave the numbers, as too large a learning rate makes them.
        """
        pixels = image.tobytes()
        done = len(steps)
        while (stepped := self._find((loaded, pixels, steps[:done]))) is None and done:
            done -= 1
        if stepped is None:
            network = loaded.model.stored.frozen(np.float64)
            stepped = self._keep((loaded, pixels, ()), Stepped(network, _logits(network, image), np.empty(0)))
        if done < len(steps):
            stepped = self._keep((loaded, pixels, steps), _further(stepped, image, steps[done:]))
        return stepped

    def _find(self, key: tuple[Loaded, bytes, Steps]) -> Stepped | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: tuple[Loaded, bytes, Steps], stepped: Stepped) -> Stepped:
        with self._lock:
            self._kept[key] = stepped
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return stepped


def _further(stepped: Stepped, image: Array, steps: Steps) -> Stepped:
    network = stepped.copy()
    logits, slopes = [stepped.logits], [stepped.slopes]
    with np.errstate(all="ignore"):  # what overflows is not finite, and is refused below
        for learning_rate, label in steps:
            slopes.append(np.array([take_step(network, image, label, learning_rate).slope]))
            logits.append(_logits(network, image))
    found = Stepped(network, np.concatenate(logits), np.concatenate(slopes))
    if not (np.isfinite(found.logits).all() and np.isfinite(found.slopes).all()):
        raise DigitsError(
            "the step was so large that the weights left the numbers; undo it, or lower the learning rate."
        )
    return found


def _logits(network: NeuralNetwork, image: Array) -> Array:
    return network.logits(image[np.newaxis])
