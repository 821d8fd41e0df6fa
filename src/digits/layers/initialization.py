"""First weights: random, and as large as keeps signals the same size from layer to layer."""

from __future__ import annotations

import numpy as np

from digits.activations import Array


def check_initialization(name: str | None) -> None:
    """Raise a ``ValueError`` unless this is a kind of initialization; None lets the activation choose."""
    if name not in (None, "he", "glorot", "zeros"):
        raise ValueError(f"initialization must be 'he', 'glorot' or 'zeros'; got {name!r}")


def draw_weights(weights: Array, inputs: int, outputs: int, name: str, random: np.random.Generator) -> None:
    """Draw weights from a normal distribution, in place.

    Args:
        weights: of any shape.
        inputs: how many numbers each sum is made of.
        outputs: how many sums each number goes into.
        name: "he" (variance 2/inputs: He et al. 2015, equation 10, for ReLU and its kin), "glorot" (2/(inputs +
            outputs): Glorot and Bengio 2010, equation 12) or "zeros".
        random: from which.
    """
    variance = {"he": 2 / inputs, "glorot": 2 / (inputs + outputs), "zeros": 0.0}[name]
    if variance:
        weights[...] = random.normal(0, np.sqrt(variance), weights.shape)
