"""What is known about each activation function, and about softmax."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from digits import activations
from digits.activations import Array, leaky_relu, relu, sigmoid, softmax, tanh

Function = Callable[..., Array]

FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "relu": (relu, activations.relu_derivative),
    "leaky_relu": (partial(leaky_relu, slope=0.1), partial(activations.leaky_relu_derivative, slope=0.1)),
    "sigmoid": (sigmoid, activations.sigmoid_derivative),
    "tanh": (tanh, activations.tanh_derivative),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)
numbers = arrays(np.float64, (3, 4), elements=st.floats(-20, 20))
many_logits = arrays(np.float64, (3, 5), elements=st.floats(-1000, 1000))


@given(x=numbers)
def test_relu_is_the_positive_part(x: Array) -> None:
    assert np.array_equal(relu(x), np.where(x > 0, x, 0))
    assert np.array_equal(relu(x) - relu(-x), x)


@given(x=numbers, slope=st.floats(0.001, 0.999))
def test_leaky_relu_is_linear_on_either_side(x: Array, slope: float) -> None:
    assert np.array_equal(leaky_relu(x, slope), np.where(x > 0, x, slope * x))


@given(x=numbers)
def test_sigmoid_is_one_over_one_plus_exp(x: Array) -> None:
    assert np.allclose(sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-12, atol=1e-15)
    assert np.allclose(sigmoid(-x), 1 - sigmoid(x), atol=1e-15)


@given(x=numbers)
def test_tanh_is_a_stretched_sigmoid(x: Array) -> None:
    assert np.allclose(tanh(x), 2 * sigmoid(2 * x) - 1, atol=1e-14)


@every_function
@given(x=arrays(np.float64, (2, 3), elements=st.floats(-8, 8).filter(lambda x: abs(x) > 1e-3)))
def test_a_derivative_is_the_slope_of_its_function(name: str, x: Array) -> None:
    function, derivative = FUNCTIONS[name]
    h = 1e-5
    slope = (function(x + h) - function(x - h)) / (2 * h)
    assert np.allclose(derivative(function(x)), slope, atol=1e-9)


def test_the_slopes_at_a_kink_are_those_of_its_left_side() -> None:
    zero = np.zeros(1)
    assert activations.relu_derivative(relu(zero)) == 0
    assert activations.leaky_relu_derivative(leaky_relu(zero, 0.1), 0.1) == 0.1


@every_function
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_is_written_and_returned_and_nothing_else(name: str, dtype: Any) -> None:
    inputs = np.linspace(-3, 3, 12, dtype=dtype).reshape(3, 4)
    kept = inputs.copy()
    for function in FUNCTIONS[name]:
        out = np.full_like(inputs, np.nan)
        assert function(inputs, out=out) is out
        fresh = function(inputs)
        assert fresh.dtype == dtype
        assert np.array_equal(out, fresh)
        assert not np.shares_memory(fresh, inputs)
        assert np.array_equal(inputs, kept)


@every_function
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_inputs_do_no_harm(name: str, dtype: Any) -> None:
    function, derivative = FUNCTIONS[name]
    outputs = function(np.array([-1e4, -1e2, 0, 1e2, 1e4], dtype))  # an overflow would be a warning, so an error
    assert np.isfinite(outputs).all()
    assert np.isfinite(derivative(outputs)).all()
    assert (np.diff(outputs) >= 0).all()


# -- softmax -------------------------------------------------------------------------------------------------


@given(logits=many_logits)
def test_softmax_gives_probabilities(logits: Array) -> None:
    probabilities = softmax(logits)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-12)


@given(logits=many_logits, constant=st.floats(-1000, 1000))
def test_softmax_does_not_move_when_a_constant_is_added(logits: Array, constant: float) -> None:
    assert np.allclose(softmax(logits + constant), softmax(logits), atol=1e-12)


@given(logits=many_logits)
def test_softmax_keeps_the_order(logits: Array) -> None:
    order = logits.argsort(axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(softmax(logits), order, axis=1), axis=1) >= 0).all()


@given(logits=arrays(np.float64, (3, 5), elements=st.floats(-20, 20)))
def test_softmax_is_the_exponentials_over_their_sum(logits: Array) -> None:
    exponentials = np.exp(logits)
    assert np.allclose(softmax(logits), exponentials / exponentials.sum(axis=1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_survives_huge_logits(dtype: Any) -> None:
    logits = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]], dtype)
    probabilities = softmax(logits)
    assert probabilities.dtype == dtype
    assert probabilities == pytest.approx(np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]]))


def test_softmax_leaves_its_logits_alone() -> None:
    logits = np.array([[1.0, 2.0]])
    softmax(logits)
    assert np.array_equal(logits, [[1.0, 2.0]])


def test_softmax_of_two_classes_is_a_sigmoid() -> None:
    z = np.linspace(-10, 10, 21)
    logits = np.stack([z, np.zeros_like(z)], axis=1)
    assert np.allclose(softmax(logits)[:, 0], sigmoid(z), atol=1e-15)


def test_softmax_of_no_images_is_empty() -> None:
    assert softmax(np.empty((0, 10))).shape == (0, 10)
