"""Which formula computes a number, and which line of this program.

The lines are looked up in the functions themselves, so they are right in whatever version is running. What identifies
one is a piece of it; a test sees to it that every piece occurs exactly once in its function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.activations import softmax
from digits.gradient_check import central_differences
from digits.layers import (
    Activation,
    AvgPool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    FrozenBatchNorm,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
)
from digits.losses import SoftmaxCrossEntropy
from digits.optimizers import SGD

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Formula:
    """How one kind of number is computed.

    Attributes:
        quantity: "outputs", "inputs" (∂L/∂x), or the name of the parameters whose gradient it is: "weights" …
        text: the formula.
        says: the same in words.
        file: from the folder that holds the package, e.g. "digits/layers/dense.py".
        function: e.g. "Dense.backward".
        first: the number of the function's first line.
        line: the number of the line that computes it.
        code: the lines of the function.
    """

    quantity: str
    text: str
    says: str
    file: str
    function: str
    first: int
    line: int
    code: tuple[str, ...]


Row = tuple[str, str, str, Callable[..., Any], str]  # quantity, text, says, function, a piece of the line

_ONE_BIAS = "The bias is added as it is, so its gradient is the output's."
_FORMULAS: dict[type[Layer], list[Row]] = {
    Dense: [
        (
            "outputs",
            "yⱼ = Σᵢ xᵢ·Wᵢⱼ + bⱼ",
            "Each input times its weight, added up, and a bias.",
            Dense.forward,
            "np.dot(",
        ),
        (
            "weights",
            "∂L/∂Wᵢⱼ = xᵢ · ∂L/∂yⱼ",
            "A weight matters as much as the input that it multiplies.",
            Dense.backward,
            "out=self.weights_gradients",
        ),
        ("biases", "∂L/∂bⱼ = ∂L/∂yⱼ", _ONE_BIAS, Dense.backward, "out=self.biases_gradients"),
        (
            "inputs",
            "∂L/∂xᵢ = Σⱼ Wᵢⱼ · ∂L/∂yⱼ",
            "An input is answerable for every output that it feeds, by the weight between them.",
            Dense.backward,
            "return np.dot(",
        ),
    ],
    Conv2D: [
        (
            "outputs",
            "y[f, i, j] = Σ x[c, i+k, j+l] · W[c, k, l, f] + b[f]",
            "The pixels under the window, each times the kernel's weight, added up, and a bias.",
            Conv2D._answers,
            "np.matmul(",
        ),
        (
            "weights",
            "∂L/∂W[c, k, l, f] = Σᵢⱼ x[c, i+k, j+l] · ∂L/∂y[f, i, j]",
            "A kernel's weight is used at every place of the map, so its gradient is a sum over all places.",
            Conv2D.backward,
            "np.matmul(self.columns, gradients",
        ),
        (
            "biases",
            "∂L/∂b[f] = Σᵢⱼ ∂L/∂y[f, i, j]",
            "The bias is added at every place of the map: it is the weight of a 1 below each patch.",
            Conv2D.backward,
            "np.matmul(self.columns, gradients",
        ),
        (
            "inputs",
            "∂L/∂x[c, i, j] = Σ W[c, k, l, f] · ∂L/∂y[f, i−k, j−l]",
            "A pixel is answerable for every window that it was in, by the weight that it met there.",
            Conv2D.backward,
            "np.matmul(weights, gradients",
        ),
    ],
    FrozenBatchNorm: [
        (
            "outputs",
            "y = γ · (x − μ) / √(σ² + ε) + β",
            "Brought to mean 0 and variance 1 by averages kept from training, then scaled and shifted.",
            FrozenBatchNorm.infer,
            "y = by_channel",
        ),
        (
            "scales",
            "∂L/∂γ = Σ x̂ · ∂L/∂y",
            "The scale multiplies the normalised input x̂, at every place of its channel.",
            FrozenBatchNorm.backward,
            "out=self.scales_gradients",
        ),
        (
            "shifts",
            "∂L/∂β = Σ ∂L/∂y",
            "The shift is added at every place of its channel.",
            FrozenBatchNorm.backward,
            "out=self.shifts_gradients",
        ),
        (
            "inputs",
            "∂L/∂x = γ / √(σ² + ε) · ∂L/∂y",
            "The averages stay fixed, so the layer is a straight line, with this slope.",
            FrozenBatchNorm.backward,
            "gradients * slopes",
        ),
    ],
    MaxPool2D: [
        ("outputs", "y = max of the window", "The largest number passes.", MaxPool2D.forward, "np.maximum("),
        (
            "inputs",
            "∂L/∂x = ∂L/∂y for the largest, 0 for the others",
            "Only the number that passed had a say.",
            MaxPool2D.backward,
            "np.multiply(output_gradients, beaten",
        ),
    ],
    AvgPool2D: [
        ("outputs", "y = mean of the window", "All numbers of the window count alike.", AvgPool2D._means, "out /="),
        (
            "inputs",
            "∂L/∂x = ∂L/∂y / size²",
            "All numbers of the window had the same share.",
            AvgPool2D.backward,
            "output_gradients /=",
        ),
    ],
    Flatten: [
        ("outputs", "y = x", "The same numbers, in one row.", Flatten.infer, "return inputs.reshape("),
        ("inputs", "∂L/∂x = ∂L/∂y", "The same gradients, in maps again.", Flatten.backward, "gradients[...] ="),
    ],
    Dropout: [
        (
            "outputs",
            "y = x",
            "A finished network drops nothing; only training on batches does.",
            Dropout.infer,
            "return inputs",
        ),
        ("inputs", "∂L/∂x = ∂L/∂y", "Nothing was dropped.", Dropout.backward, "output_gradients *="),
    ],
}
_ACTIVATIONS: dict[type[Activation], tuple[str, str, str, str]] = {
    ReLU: (
        "y = max(0, x)",
        "What is negative becomes 0.",
        "∂L/∂x = ∂L/∂y where x > 0, else 0",
        "A unit that was silent gets no blame.",
    ),
    LeakyReLU: (
        "y = x where x > 0, else slope · x",
        "What is negative becomes small.",
        "∂L/∂x = ∂L/∂y where x > 0, else slope · ∂L/∂y",
        "A unit that was nearly silent gets little blame.",
    ),
    Sigmoid: (
        "y = 1 / (1 + exp(−x))",
        "Any number is squeezed into 0…1.",
        "∂L/∂x = y · (1 − y) · ∂L/∂y",
        "The slope is at most 1/4, so the gradient fades.",
    ),
    Tanh: (
        "y = tanh(x)",
        "Any number is squeezed into −1…1.",
        "∂L/∂x = (1 − y²) · ∂L/∂y",
        "Where the curve is flat, the gradient fades.",
    ),
}


def formulas(layer: Layer) -> list[Formula]:
    """The formulas of a layer, its outputs' first: of what a ``frozen`` network is made of."""
    return list(_of_kind(type(layer)))


def loss_formulas() -> list[Formula]:
    """Softmax, the loss, and the gradient with which the way back begins."""
    loss = SoftmaxCrossEntropy.__call__
    return [
        _formula(
            "probabilities",
            "pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)",
            "Scores become probabilities: positive, and 1 in all.",
            softmax,
            "exponentials /=",
        ),
        _formula("loss", "L = −log p(label)", "The less the right digit was expected, the greater.", loss, "loss = "),
        _formula(
            "inputs",
            "∂L/∂zᵢ = pᵢ − 1 for the label, pᵢ for the others",
            "What the network said minus what it should have said.",
            loss,
            "gradients[rows, labels] -=",
        ),
    ]


def step_formula() -> Formula:
    """The step of gradient descent."""
    return _formula(
        "step", "θ ← θ − η · ∂L/∂θ", "Every weight a little against its gradient.", SGD._step, "parameters -="
    )


def difference_formula() -> Formula:
    """The central difference that each gradient is held against."""
    return _formula(
        "difference",
        "(L(θ + h) − L(θ − h)) / 2h",
        "Move one number by a hair either way, and see how much the loss moves. No calculus needed.",
        central_differences,
        "derivatives[index] =",
    )


def _of_kind(kind: type[Layer]) -> tuple[Formula, ...]:
    if issubclass(kind, Activation):
        forward_text, forward_says, backward_text, backward_says = _ACTIVATIONS[kind]
        return (
            _formula("outputs", forward_text, forward_says, Activation.forward, "self.outputs = "),
            _formula("inputs", backward_text, backward_says, Activation.backward, "output_gradients *="),
        )
    return tuple(_formula(*row) for row in _FORMULAS[kind])


def _formula(quantity: str, text: str, says: str, function: Callable[..., Any], piece: str) -> Formula:
    """Look the line up in the function."""
    code, first = inspect.getsourcelines(function)
    (offset,) = (number for number, line in enumerate(code) if piece in line)
    file = Path(inspect.getfile(function)).relative_to(PACKAGE.parent).as_posix()
    lines = tuple(line.rstrip("\n") for line in code)
    return Formula(quantity, text, says, file, function.__qualname__, first, first + offset, lines)
