"""Attacks: images changed on purpose, no pixel by more than ε, so that a network misreads them.

Whoever has the network has its gradients, and they say how to change each pixel so that the loss grows. FGSM
(Goodfellow, Shlens and Szegedy 2015, "Explaining and Harnessing Adversarial Examples") follows them once, PGD (Madry et
al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks") many times.

Both use only the signs of the gradient, and in ``float32`` these would be lost where a network is very sure: its
probabilities round to 1 and 0, the gradient of the loss to 0, and an attack that does not move makes the network look
robust ("gradient masking": Papernot et al. 2017; Carlini and Wagner 2017 broke defences that rested on it). So here the
gradient is that of the margin

    m = log Σ_{j≠t} exp(z_j) − z_t,

t being the right digit and z the logits. The loss is log(1 + exp(m)): it grows where m grows, so both gradients have
the same signs. But ∂m/∂z is softmax over the wrong digits, and −1 for the right one: never 0. Units that are silent
(ReLU) or saturated to the last bit (sigmoid, tanh) still let no gradient through. Where no pixel has one, PGD starts
anew elsewhere; FGSM, which moves once, cannot, and may show too little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from digits.activations import Array, softmax
from digits.data_preprocessing import as_inputs, check_labels
from digits.errors import NOT_FINITE, DigitsError
from digits.evaluation import evaluate
from digits.neural_network import NeuralNetwork

BATCH = 500  # images attacked at once
STEPS = 20  # of PGD
EPSILONS = (0.1, 0.2, 0.3)  # those usual for MNIST, 0.3 since Madry et al.


class AttackError(NamedTuple):
    """How often a network is wrong under attack.

    Attributes:
        attack: "FGSM" or "PGD".
        epsilon: the largest change of a pixel, 0…1.
        error_percent: the percentage of attacked images that are misread.
    """

    attack: str
    epsilon: float
    error_percent: float


def fgsm(network: NeuralNetwork, images: Array, labels: Array, epsilon: float) -> Array:
    """The fast gradient sign method: x + ε·sign(∇ₓL), clipped to 0…1 (Goodfellow et al. 2015, section 4).

    Args:
        network: the one to deceive; it is left as it is.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers: the right digits.
        epsilon: the largest change of a pixel, 0…1.

    Returns:
        ``float32`` 0…1, of the images' shape.

    Raises:
        DigitsError: if the network's answers are not finite numbers.
        ValueError: if epsilon, shapes, dtypes or labels are not such.
    """
    twin = network.folded(np.float32).frozen()
    attacked = [
        np.clip(inputs + np.float32(epsilon) * np.sign(_gradient(twin, _logits(twin, inputs), truths)), 0, 1)
        for inputs, truths in _batches(twin, images, labels, epsilon)
    ]
    return np.concatenate(attacked).reshape(np.shape(images))


def pgd(
    network: NeuralNetwork, images: Array, labels: Array, epsilon: float, steps: int = STEPS, seed: int = 0
) -> Array:
    """Projected gradient descent: FGSM in many steps from a random start (Madry et al. 2018, section 2.1).

    After each step, what lies outside |x′ − x| ≤ ε or outside 0…1 is brought back to the edge. A step changes each
    pixel by 2.5·ε/steps, so that it can come from any start to any end. An image that is misread takes no further
    steps: if any of them deceives the network, the image returned does. An image from which no pixel has a gradient
    starts anew, at a random place that may be nearer.

    Args:
        network: the one to deceive; it is left as it is.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers: the right digits.
        epsilon: the largest change of a pixel, 0…1.
        steps: how many, at least 1.
        seed: of the starts, drawn evenly from −ε…ε for each pixel.

    Returns:
        ``float32`` 0…1, of the images' shape.

    Raises:
        DigitsError: if the network's answers are not finite numbers.
        ValueError: if epsilon, steps, shapes, dtypes or labels are not such.
    """
    if steps < 1:
        raise ValueError(f"PGD needs at least one step; got {steps}")
    twin = network.folded(np.float32).frozen()
    random = np.random.default_rng(seed)
    attacked = [
        _climb(twin, inputs, truths, np.float32(epsilon), steps, random)
        for inputs, truths in _batches(twin, images, labels, epsilon)
    ]
    return np.concatenate(attacked).reshape(np.shape(images))


def attack_errors(
    network: NeuralNetwork,
    images: Array,
    labels: Array,
    epsilons: Sequence[float] = EPSILONS,
    steps: int = STEPS,
    seed: int = 0,
) -> Iterator[AttackError]:
    """Measure a network on attacked images: FGSM with each ε, then PGD with each ε.

    Args:
        network: with ten outputs; it is left as it is.
        images: ``(n, 784)`` or ``(n, 28, 28)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers 0…9.
        epsilons: the largest changes of a pixel, 0…1.
        steps: of PGD, at least 1.
        seed: of PGD.

    Raises:
        DigitsError: if the network's answers are not finite numbers.
        ValueError: if the arguments are not such.
    """
    for epsilon in epsilons:
        attacked = fgsm(network, images, labels, epsilon)
        yield AttackError("FGSM", epsilon, evaluate(network, attacked, labels).error_percent)
    for epsilon in epsilons:
        attacked = pgd(network, images, labels, epsilon, steps, seed)
        yield AttackError("PGD", epsilon, evaluate(network, attacked, labels).error_percent)


def _batches(twin: NeuralNetwork, images: Array, labels: Array, epsilon: float) -> Iterator[tuple[Array, Array]]:
    """Check what an attack is given, and cut it into batches ``(n, *input_shape) float32`` and ``(n,)``."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must lie in 0…1, as pixels do; got {epsilon}")
    labels = check_labels(labels, len(images), twin.classes)
    for start in range(0, len(images), BATCH):
        yield as_inputs(images[start : start + BATCH], twin.input_shape, twin.dtype), labels[start : start + BATCH]


def _logits(twin: NeuralNetwork, inputs: Array) -> Array:
    """The logits ``(n, classes)`` of a batch; the twin can go backward from there."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported here, in words
        logits = twin.forward(inputs)
    if not np.isfinite(logits).all():
        raise DigitsError(NOT_FINITE)
    return logits


def _gradient(twin: NeuralNetwork, logits: Array, labels: Array) -> Array:
    """∂m/∂x, ``(n, *input_shape)``: how the margin of the wrong digits over the right one grows with each pixel.

    Args:
        twin: the network, whose last forward pass was that of the images.
        logits: ``(n, classes)`` of that pass; overwritten.
        labels: ``(n,)``: the right digits.
    """
    rows = np.arange(len(labels))
    logits[rows, labels] = -np.inf
    logit_gradients = softmax(logits)
    logit_gradients[rows, labels] = -1
    return twin.backward(logit_gradients, need_input_gradients=True)


def _climb(
    twin: NeuralNetwork, inputs: Array, labels: Array, epsilon: np.float32, steps: int, random: np.random.Generator
) -> Array:
    """PGD on one batch."""
    lowest, highest = np.clip(inputs - epsilon, 0, 1), np.clip(inputs + epsilon, 0, 1)
    attacked: Array = np.clip(inputs + epsilon * _noise(inputs.shape, random), lowest, highest)
    step = np.float32(2.5 / steps) * epsilon
    read = np.arange(len(inputs))  # the images that are still read right
    for _ in range(steps):
        if not len(read):
            break
        logits = _logits(twin, attacked[read])
        right = logits.argmax(axis=1) == labels[read]
        gradients = _gradient(twin, logits, labels[read])[right]
        read = read[right]
        moved = attacked[read] + step * np.sign(gradients)
        stuck = ~gradients.any(axis=tuple(range(1, gradients.ndim)))
        if stuck.any():
            near = epsilon * random.random((stuck.sum(), *[1] * (inputs.ndim - 1)), np.float32)
            moved[stuck] = inputs[read[stuck]] + near * _noise(inputs[read[stuck]].shape, random)
        attacked[read] = np.clip(moved, lowest[read], highest[read])
    return attacked


def _noise(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Evenly drawn from −1…1."""
    return 2 * random.random(shape, np.float32) - 1
