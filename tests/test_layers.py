"""Each layer by itself: its formula, its random numbers, what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from digits.activations import Array
from digits.layers import (
    LAYERS,
    Activation,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Tanh,
    count_parameters,
)
from digits.model_files import layer_from_config
from digits.neural_network import NeuralNetwork

MAKERS: dict[str, Callable[[], Layer]] = {
    "Dense": lambda: Dense(5, "glorot"),
    "ReLU": ReLU,
    "LeakyReLU": lambda: LeakyReLU(0.2),
    "Sigmoid": Sigmoid,
    "Tanh": Tanh,
    "Dropout": lambda: Dropout(0.25),
}
every_layer = pytest.mark.parametrize("name", LAYERS)
every_activation = pytest.mark.parametrize("make", [ReLU, LeakyReLU, Sigmoid, Tanh])


def connected(layer: Layer, inputs: int = 6, dtype: Any = np.float64, seed: int = 0) -> Layer:
    """The layer, as the only one of a network."""
    return NeuralNetwork([layer], input_shape=(inputs,), dtype=dtype, seed=seed).layers[0]


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


# -- Dense ---------------------------------------------------------------------------------------------------


def test_dense_by_hand() -> None:
    layer = connected(Dense(2), inputs=3)
    assert isinstance(layer, Dense)
    layer.weights[...] = [[1, 2], [3, 4], [5, 6]]
    layer.biases[...] = [10, 20]
    x = np.array([[1.0, 0, 0], [1, 1, 1]])
    assert np.array_equal(layer.forward(x), [[11, 22], [19, 32]])
    assert np.array_equal(layer.infer(x), [[11, 22], [19, 32]])
    assert np.array_equal(layer.backward(np.array([[1.0, 0], [0, 1]])), [[1, 3, 5], [2, 4, 6]])
    assert np.array_equal(layer.weights_gradients, [[1, 1], [0, 1], [0, 1]])
    assert np.array_equal(layer.biases_gradients, [1, 1])


def test_the_first_layer_fills_its_gradients_even_if_nobody_wants_those_of_its_inputs() -> None:
    layer = connected(Dense(4))
    assert isinstance(layer, Dense)
    layer.forward(numbers(3, 6))
    layer.backward(numbers(3, 4, seed=1))
    expected = layer.weights_gradients.copy(), layer.biases_gradients.copy()
    layer.weights_gradients[...] = layer.biases_gradients[...] = np.nan
    layer.backward(numbers(3, 4, seed=1), need_input_gradients=False)
    assert np.array_equal(layer.weights_gradients, expected[0])
    assert np.array_equal(layer.biases_gradients, expected[1])


HE, GLOROT = 2 / 400, 2 / (400 + 300)  # variances for 400 inputs and 300 units


@pytest.mark.parametrize(
    ("following", "variance"),
    [
        ([ReLU()], HE),
        ([LeakyReLU()], HE),
        ([Sigmoid()], GLOROT),
        ([Tanh()], GLOROT),
        ([Dropout(0.2), ReLU()], HE),  # dropout is no activation
        ([Dense(10), ReLU()], GLOROT),  # that activation is the next layer's
        ([], GLOROT),
    ],
    ids=repr,
)
def test_initial_weights_follow_from_the_activation(following: list[Layer], variance: float) -> None:
    dense = Dense(300)
    NeuralNetwork([dense, *following], input_shape=(400,), seed=1)
    assert_drawn_with(dense.weights, variance)
    assert not dense.biases.any()


@pytest.mark.parametrize(("initialization", "variance"), [("he", HE), ("glorot", GLOROT)])
@every_activation
def test_the_initialization_may_be_chosen(make: type[Layer], initialization: str, variance: float) -> None:
    dense = Dense(300, initialization)
    NeuralNetwork([dense, make()], input_shape=(400,), seed=1)
    assert_drawn_with(dense.weights, variance)


def assert_drawn_with(weights: Array, variance: float) -> None:
    """Mean and variance lie within five standard errors of what they should be (120,000 weights)."""
    assert abs(weights.mean()) < 5 * np.sqrt(variance / weights.size)
    assert weights.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / weights.size))


def test_he_keeps_the_size_of_signals_through_twenty_relu_layers() -> None:
    layers = [layer for _ in range(20) for layer in (Dense(256), ReLU())]
    network = NeuralNetwork(layers, input_shape=(256,), seed=0)
    signal = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    before = np.mean(signal**2)
    assert 0.3 < np.mean(network.forward(signal) ** 2) / (before / 2) < 3  # a factor of 2 a layer would be 2^20


def test_zeros_stay_zeros() -> None:
    dense = Dense(3, "zeros")
    NeuralNetwork([dense], input_shape=(4,))
    assert not dense.weights.any()


# -- activations ---------------------------------------------------------------------------------------------


@every_activation
def test_an_activation_multiplies_by_its_slope_in_place(make: type[Activation]) -> None:
    layer = connected(make())
    assert isinstance(layer, Activation)
    x, given = numbers(4, 6), numbers(4, 6, seed=1)
    expected = given * layer.derivative(layer.function(x))
    layer.forward(x)
    result = layer.backward(given)
    assert result is given
    assert np.allclose(result, expected)


@every_activation
def test_an_activation_leaves_its_inputs_alone(make: type[Layer]) -> None:
    x = numbers(4, 6)
    kept = x.copy()
    layer = connected(make())
    layer.forward(x)
    layer.infer(x)
    assert np.array_equal(x, kept)


# -- Dropout -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    layer = connected(Dropout(rate), inputs=1000)
    outputs = layer.forward(np.ones((200, 1000)))
    dropped = np.mean(outputs == 0)
    assert dropped == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / outputs.size))
    assert np.allclose(outputs[outputs != 0], 1 / (1 - rate))
    assert outputs.mean() == pytest.approx(1, abs=5 * np.sqrt(rate / (1 - rate) / outputs.size))


def test_what_was_dropped_gets_no_gradient_and_the_rest_is_scaled_alike() -> None:
    layer = connected(Dropout(0.5))
    outputs = layer.forward(np.ones((20, 6))).copy()
    assert np.array_equal(layer.backward(np.ones((20, 6))), outputs)


def test_dropout_draws_other_masks_each_time_but_the_same_for_the_same_seed() -> None:
    x = np.ones((20, 6))
    layer, twin, other = (connected(Dropout(0.5), seed=seed) for seed in (0, 0, 1))
    first = layer.forward(x).copy()
    assert np.array_equal(first, twin.forward(x))
    assert not np.array_equal(first, other.forward(x))
    assert not np.array_equal(first, layer.forward(x))


def test_dropout_does_nothing_in_inference_or_at_rate_0() -> None:
    x = numbers(4, 6)
    assert np.array_equal(connected(Dropout(0.9)).infer(x), x)
    assert np.array_equal(connected(Dropout(0)).forward(x), x)


# -- all -----------------------------------------------------------------------------------------------------


def test_each_layer_is_tested_here() -> None:
    assert set(MAKERS) == set(LAYERS)


@every_layer
def test_inference_computes_what_training_does(name: str) -> None:
    layer = connected(Dropout(0) if name == "Dropout" else MAKERS[name]())
    x = numbers(4, 6)
    assert np.array_equal(layer.infer(x), layer.forward(x))


@every_layer
def test_a_layer_is_made_again_from_its_config(name: str) -> None:
    config = MAKERS[name]().config()
    again = layer_from_config(json.loads(json.dumps(config)))
    assert type(again) is LAYERS[name]
    assert again.config() == config


@every_layer
def test_training_writes_into_the_same_memory(name: str) -> None:
    layer = connected(MAKERS[name]())
    large = layer.forward(numbers(8, 6))
    small = layer.forward(numbers(3, 6))
    assert np.shares_memory(large, small)
    assert np.shares_memory(large, layer.forward(numbers(8, 6)))


@every_layer
def test_a_layer_knows_its_shapes(name: str) -> None:
    layer = connected(MAKERS[name]())
    assert layer.input_shape == (6,)
    assert layer.forward(numbers(3, 6)).shape == (3, *layer.output_shape)
    assert layer.backward(numbers(3, *layer.output_shape)).shape == (3, 6)


@every_layer
def test_a_layer_belongs_to_one_network(name: str) -> None:
    layer = connected(MAKERS[name]())
    message = f"{layer!r} is part of a network already; make a new one for each network"
    with pytest.raises(ValueError, match=re.escape(message)):
        NeuralNetwork([layer], input_shape=(6,))


def test_a_layer_occurs_once_in_a_network() -> None:
    relu = ReLU()
    with pytest.raises(ValueError, match=r"ReLU\(\) is part of a network already"):
        NeuralNetwork([Dense(4), relu, Dense(4), relu], input_shape=(6,))


def test_parameters_are_counted_without_making_them() -> None:
    layers: list[Layer] = [Dense(128), ReLU(), Dropout(0.2), Dense(64), Tanh(), Dense(10)]
    assert count_parameters(layers, (784,)) == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
    assert count_parameters(layers, (784,)) == NeuralNetwork(layers).parameters.size
    assert count_parameters([], (784,)) == 0


def test_a_layer_says_what_it_is() -> None:
    layers = [Dense(128), ReLU(), LeakyReLU(0.1), Sigmoid(), Tanh(), Dropout(0.2)]
    text = "Dense(128) ReLU() LeakyReLU(0.1) Sigmoid() Tanh() Dropout(0.2)"
    assert " ".join(map(repr, layers)) == text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "a Dense layer has a whole number of units, at least one; got 0"),
        (lambda: Dense(3, "xavier"), "initialization must be 'he', 'glorot' or 'zeros'; got 'xavier'"),
        (lambda: LeakyReLU(0), "the slope of LeakyReLU must lie between 0 and 1; got 0"),
        (lambda: LeakyReLU(1), "the slope of LeakyReLU must lie between 0 and 1; got 1"),
        (lambda: LeakyReLU(float("nan")), "the slope of LeakyReLU must lie between 0 and 1; got nan"),
        (lambda: Dropout(1), "the rate of Dropout must lie in 0 ≤ rate < 1; got 1"),
        (lambda: Dropout(-0.1), "the rate of Dropout must lie in 0 ≤ rate < 1; got -0.1"),
        (
            lambda: layer_from_config({"type": "Softplus"}),
            "there is no layer of type 'Softplus'; there are Dense, ReLU",
        ),
        (lambda: layer_from_config({}), "there is no layer of type None"),
        (lambda: layer_from_config({"type": "ReLU", "slope": 1}), "ReLU does not take {'slope': 1}"),
        (lambda: layer_from_config({"type": "Dense"}), "Dense does not take {}"),
        (
            lambda: NeuralNetwork([Dense(10)], input_shape=(28, 28)),
            "Dense takes vectors; got inputs of shape (28, 28). Put Flatten() before it",
        ),
    ],
)
def test_what_a_layer_refuses(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_layers_lie_one_after_the_other_in_the_parameters() -> None:
    layers = [Dense(5), ReLU(), Dense(4)]
    network = NeuralNetwork(layers, input_shape=(6,))
    arrays = [array for _, array in network.named_parameters()]
    addresses = [array.__array_interface__["data"][0] for array in arrays]
    assert addresses[0] == network.parameters.__array_interface__["data"][0]
    for (address, following), array in zip(pairwise(addresses), arrays, strict=False):
        assert following == address + array.nbytes
