"""Activation functions and their derivatives, as plain functions on arrays.

Each derivative is written in terms of the function's *output*, because that is what a layer still has when the
gradient comes back. With ``out=`` a function writes into an array it is given and allocates nothing; without, it
returns a new one. The layers of the same names are in ``layers/activation.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def relu(inputs: Array, out: Array | None = None) -> Array:
    """max(0, x), elementwise (Nair and Hinton 2010)."""
    zeros = np.zeros(inputs.shape[-1:], inputs.dtype)  # NumPy has vector instructions for two arrays, not for a number
    return np.maximum(inputs, zeros, out=out)


def relu_derivative(outputs: Array, out: Array | None = None) -> Array:
    """1 where the unit was active, else 0; at the kink x = 0 we choose 0, one of its subgradients."""
    out = np.empty_like(outputs) if out is None else out
    return np.greater(outputs, 0, out=out)


def leaky_relu(inputs: Array, slope: float, out: Array | None = None) -> Array:
    """x where x > 0, else slope·x, for a slope between 0 and 1 (Maas et al. 2013)."""
    out = np.multiply(inputs, slope, out=out)
    return np.maximum(inputs, out, out=out)


def leaky_relu_derivative(outputs: Array, slope: float, out: Array | None = None) -> Array:
    """1 where the output is positive, else the slope."""
    out = np.sign(outputs, out=out)
    return np.maximum(out, slope, out=out)


def sigmoid(inputs: Array, out: Array | None = None) -> Array:
    """1 / (1 + exp(−x)), computed as (1 + tanh(x/2)) / 2, which is the same and never overflows."""
    out = np.multiply(inputs, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def sigmoid_derivative(outputs: Array, out: Array | None = None) -> Array:
    """σ(x)·(1 − σ(x)), at most 1/4: why gradients fade in deep sigmoid networks."""
    out = np.subtract(1, outputs, out=out)
    out *= outputs
    return out


def tanh(inputs: Array, out: Array | None = None) -> Array:
    """The hyperbolic tangent: a sigmoid from −1 to 1, centred at 0 (LeCun et al. 1998, "Efficient BackProp")."""
    return np.tanh(inputs, out=out)


def tanh_derivative(outputs: Array, out: Array | None = None) -> Array:
    """1 − tanh(x)²."""
    out = np.multiply(outputs, outputs, out=out)
    return np.subtract(1, out, out=out)


def softmax(logits: Array) -> Array:
    """Turn each row of logits into probabilities: exp(zᵢ) / Σⱼ exp(zⱼ).

    Adding a constant to a row changes nothing, so the row's largest logit is subtracted first: exp then sees nothing
    above 0 and cannot overflow (Goodfellow et al. 2016, section 4.1).

    Args:
        logits: ``(n, classes)``.

    Returns:
        ``(n, classes)`` of the same dtype; each row sums to 1.
    """
    exponentials: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials
