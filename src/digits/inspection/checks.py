"""Chosen gradients of one image against central differences, number by number.

``gradient_check`` judges arrays as a whole. Here each number stands beside its difference, so each needs a verdict of
its own, and three things make an honest difference deviate from a right gradient: it crosses a kink; the gradient is so
small that the rounding of the loss drowns it; or both are as near as h allows. The verdict says which.

Only the layers from the parameter's own on are computed again: those before do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from digits.activations import Array
from digits.gradient_check import LEAST_SCALE, STEP, TOLERANCE, central_differences
from digits.inspection.trace import Trace
from digits.inspection.units import parameter_range
from digits.layers import Activation, MaxPool2D
from digits.neural_network import NeuralNetwork

# How far rounding alone can move a difference: the loss is a sum of numbers of the logits' size, each right to some
# 1e-16 of it, and is divided by 2h.
ROUNDINGS = 8 * np.finfo(np.float64).eps / (2 * STEP)


@dataclass(frozen=True, slots=True)
class Check:
    """One gradient, computed twice.

    Attributes:
        position: of the parameter in ``network.parameters``; of an output in its layer, counted flat.
        value: of the parameter or output.
        gradient: by backpropagation.
        numeric: by central difference.
        verdict: "agrees": within ``TOLERANCE`` of their size, or of a hundredth of the largest gradient if that is
            more; "rounding": the difference is no larger than the rounding of the loss makes it; "kink": the loss has a
            kink between the two points of the difference, where it has no slope; "differs": none of these.
    """

    position: int
    value: float
    gradient: float
    numeric: float
    verdict: str


def check_parameters(trace: Trace, positions: Array) -> list[Check]:
    """Check chosen parameters, which must all belong to one layer.

    Args:
        trace: of a ``float64`` network, with the parameters that it had then. They are moved, and put back.
        positions: ``(n,)`` integers: places in ``network.parameters``.

    Raises:
        ValueError: if they are not all in the same layer.
    """
    if len(positions) == 0:
        return []
    network, layer = trace.network, _layer_of(trace.network, positions)
    before = network.parameters[positions]

    def inputs(moved: Array) -> Array:
        network.parameters[positions] = moved
        return trace.values[layer]

    try:
        probe = _Probe(trace, layer, inputs, before.copy())
        return probe.checks(positions, network.gradients[positions], float(np.abs(network.gradients).max()))
    finally:
        network.parameters[positions] = before


def check_output(trace: Trace, layer: int, unit: int) -> Check:
    """Check ∂L/∂y of one output y of a layer: move it alone and compute the layers after it again.

    Args:
        trace: of a ``float64`` network.
        layer: its position in the network; −1 for the pixels.
        unit: which of its outputs, counted flat.
    """
    outputs, gradients = trace.values[layer + 1], trace.gradients[layer + 1].reshape(-1)

    def inputs(moved: Array) -> Array:
        changed = outputs.copy()
        changed.reshape(-1)[unit] = moved[0]
        return changed

    probe = _Probe(trace, layer + 1, inputs, outputs.reshape(-1)[unit : unit + 1].copy())
    return probe.checks(np.array([unit]), gradients[unit : unit + 1], float(np.abs(gradients).max()))[0]


@dataclass(frozen=True, eq=False)
class _Probe:
    """The loss as a function of a few numbers.

    Attributes:
        trace: whose loss.
        start: the first layer that depends on them.
        inputs: moves them where they belong, and returns what that layer takes.
        moved: the numbers; central differences change them in place, and back.
    """

    trace: Trace
    start: int
    inputs: Callable[[Array], Array]
    moved: Array

    def checks(self, positions: Array, gradients: Array, largest: float) -> list[Check]:
        """Compare each gradient with its difference; ``largest`` is the largest gradient around."""
        numeric = central_differences(self._loss, self.moved)
        rounding = ROUNDINGS * max(1.0, float(np.abs(self.trace.values[-1]).max()))
        found = []
        for index, position in enumerate(positions):
            gradient, other = float(gradients[index]), float(numeric[index])
            verdict = "agrees"
            if abs(gradient - other) > TOLERANCE * max(abs(gradient), abs(other), LEAST_SCALE * largest):
                verdict = "rounding" if abs(gradient - other) <= rounding else self._deviation(index)
            found.append(Check(int(position), float(self.moved[index]), gradient, other, verdict))
        return found

    def _values(self) -> Iterator[Array]:
        """What goes into each layer from ``start`` on, and at last the logits."""
        inputs = self.inputs(self.moved)[np.newaxis]
        yield inputs
        for layer in self.trace.network.layers[self.start :]:
            inputs = layer.forward(inputs)
            yield inputs

    def _loss(self) -> float:
        *_, logits = self._values()
        return self.trace.network.loss(logits.copy(), np.array([self.trace.label]))[0]

    def _sides_of_kinks(self) -> list[bytes]:
        """On which side of its kink each unit is, and which pixel of each window is the largest."""
        sides = []
        for inputs, layer in zip(self._values(), self.trace.network.layers[self.start :], strict=False):
            if isinstance(layer, Activation) and layer.kink:
                sides.append((inputs > 0).tobytes())
            elif isinstance(layer, MaxPool2D):
                layer.forward(inputs)
                sides.extend(beaten.tobytes() for beaten in layer.beaten)
        return sides

    def _deviation(self, index: int) -> str:
        """Whether a kink lies between the two ends of a difference."""
        value = self.moved[index]
        sides = []
        for end in (value + STEP, value - STEP):
            self.moved[index] = end
            sides.append(self._sides_of_kinks())
        self.moved[index] = value
        return "kink" if sides[0] != sides[1] else "differs"


def _layer_of(network: NeuralNetwork, positions: Array) -> int:
    """The layer to which parameters belong; a ``ValueError`` unless it is one."""
    for position in range(len(network.layers)):
        first, end = parameter_range(network, position)
        if first <= np.min(positions) and np.max(positions) < end:
            return position
    raise ValueError(f"the parameters must belong to one layer; got positions {np.min(positions)}…{np.max(positions)}")
