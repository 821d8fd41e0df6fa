"""Dense, the activations and dropout by themselves; and what every kind of layer has in common.

Convolution, pooling and normalisation have files of their own beside this one.
"""

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
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
    count_parameters,
    layer_from_config,
)
from digits.layers.layer import Shape, batch_first, batch_last
from digits.neural_network import NeuralNetwork

VECTOR, IMAGE = (6,), (2, 5, 7)  # one row and one column fill no window of 2 × 2
CASES: dict[str, tuple[Callable[[], Layer], Shape]] = {
    "Dense": (lambda: Dense(5, "glorot"), VECTOR),
    "ReLU": (ReLU, VECTOR),
    "ReLU of images": (ReLU, IMAGE),
    "LeakyReLU": (lambda: LeakyReLU(0.2), VECTOR),
    "LeakyReLU of images": (lambda: LeakyReLU(0.2), IMAGE),
    "Sigmoid": (Sigmoid, VECTOR),
    "Sigmoid of images": (Sigmoid, IMAGE),
    "Tanh": (Tanh, VECTOR),
    "Tanh of images": (Tanh, IMAGE),
    "Dropout": (lambda: Dropout(0.25), VECTOR),
    "Dropout of images": (lambda: Dropout(0.25), IMAGE),
    "Conv2D": (lambda: Conv2D(4, 3, initialization="he"), IMAGE),
    "Conv2D with padding": (lambda: Conv2D(4, 3, padding=1), IMAGE),
    "Conv2D of 1 × 1": (lambda: Conv2D(3, 1), IMAGE),
    "MaxPool2D": (lambda: MaxPool2D(2), IMAGE),
    "MaxPool2D of 1 × 1": (lambda: MaxPool2D(1), IMAGE),
    "AvgPool2D": (lambda: AvgPool2D(2), IMAGE),
    "Flatten": (Flatten, IMAGE),
    "Flatten of vectors": (Flatten, VECTOR),
    "BatchNorm": (lambda: BatchNorm(0.8, 1e-3), VECTOR),
    "BatchNorm of images": (lambda: BatchNorm(0.8, 1e-3), IMAGE),
}
every_layer = pytest.mark.parametrize(("make", "shape"), CASES.values(), ids=CASES)
every_image_layer = pytest.mark.parametrize(
    ("make", "shape"),
    [case for case in CASES.values() if case[1] == IMAGE],
    ids=[name for name, case in CASES.items() if case[1] == IMAGE],
)
every_activation = pytest.mark.parametrize("make", [ReLU, LeakyReLU, Sigmoid, Tanh])


def connected(layer: Layer, input_shape: Shape = VECTOR, dtype: Any = np.float64, seed: int = 0) -> Layer:
    """The layer, as the only one of a network, or with nothing but Flatten after it."""
    layers = [layer] if len(layer._output_shape(input_shape)) == 1 else [layer, Flatten()]
    network = NeuralNetwork(layers, input_shape, dtype=dtype, seed=seed)
    network.parameters += np.random.default_rng(seed).normal(0, 0.1, network.parameters.shape)
    return network.layers[0]


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def with_batch_last(batch: Array) -> Array:
    """The same numbers, laid out as layers lay images out."""
    return batch_first(np.ascontiguousarray(batch_last(batch)))


def has_batch_last(batch: Array) -> bool:
    return batch_last(batch).flags.c_contiguous


# -- Dense ---------------------------------------------------------------------------------------------------


def test_dense_by_hand() -> None:
    layer = connected(Dense(2), (3,))
    assert isinstance(layer, Dense)
    layer.weights[...] = [[1, 2], [3, 4], [5, 6]]
    layer.biases[...] = [10, 20]
    x = np.array([[1.0, 0, 0], [1, 1, 1]])
    assert np.array_equal(layer.forward(x), [[11, 22], [19, 32]])
    assert np.array_equal(layer.infer(x), [[11, 22], [19, 32]])
    assert np.array_equal(layer.backward(np.array([[1.0, 0], [0, 1]])), [[1, 3, 5], [2, 4, 6]])
    assert np.array_equal(layer.weights_gradients, [[1, 1], [0, 1], [0, 1]])
    assert np.array_equal(layer.biases_gradients, [1, 1])


HE, GLOROT = 2 / 400, 2 / (400 + 300)  # variances for 400 inputs and 300 units


@pytest.mark.parametrize(
    ("following", "variance"),
    [
        ([ReLU()], HE),
        ([LeakyReLU()], HE),
        ([Sigmoid()], GLOROT),
        ([Tanh()], GLOROT),
        ([Dropout(0.2), ReLU()], HE),  # dropout is no activation
        ([BatchNorm(), ReLU()], HE),  # nor is normalisation
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
    """Mean and variance lie within five standard errors of what they should be."""
    assert abs(weights.mean()) < 5 * np.sqrt(variance / weights.size)
    assert weights.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / weights.size))


@pytest.mark.parametrize(
    ("following", "variance"),
    [
        ([ReLU()], 2 / (8 * 25)),
        ([MaxPool2D(2), ReLU()], 2 / (8 * 25)),
        ([BatchNorm(), MaxPool2D(2), LeakyReLU()], 2 / (8 * 25)),
        ([Tanh()], 2 / ((8 + 100) * 25)),
        ([Conv2D(1, 1), ReLU()], 2 / ((8 + 100) * 25)),
        ([], 2 / ((8 + 100) * 25)),
    ],
    ids=repr,
)
def test_initial_filters_follow_from_the_activation_too(following: list[Layer], variance: float) -> None:
    """Each sum has 8·5·5 terms, and each pixel goes into 100·5·5 sums."""
    convolution = Conv2D(100, 5)
    NeuralNetwork([convolution, *following, Flatten()], input_shape=(8, 8, 8), seed=1)
    assert_drawn_with(convolution.weights, variance)
    assert not convolution.biases.any()


def test_he_keeps_the_size_of_signals_through_twenty_relu_layers() -> None:
    layers = [layer for _ in range(20) for layer in (Dense(256), ReLU())]
    network = NeuralNetwork(layers, input_shape=(256,), seed=0)
    signal = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    before = np.mean(signal**2)
    assert 0.3 < np.mean(network.forward(signal) ** 2) / (before / 2) < 3  # a factor of 2 a layer would be 2^20


def test_zeros_stay_zeros() -> None:
    dense, convolution = Dense(3, "zeros"), Conv2D(3, 2, initialization="zeros")
    NeuralNetwork([convolution, Flatten(), dense], input_shape=(1, 4, 4))
    assert not dense.weights.any()
    assert not convolution.weights.any()


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


# -- Dropout -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1000,), (10, 10, 10)], ids=["vectors", "images"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float, shape: Shape) -> None:
    layer = connected(Dropout(rate), shape)
    outputs = layer.forward(np.ones((200, *shape)))
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
    assert {type(make()) for make, _ in CASES.values()} == set(LAYERS.values())


@every_layer
def test_inference_computes_what_training_does(make: Callable[[], Layer], shape: Shape) -> None:
    """But for dropout's noise, and normalisation by what the batch itself has: these two differ on purpose."""
    layer = connected(Dropout(0) if isinstance(make(), Dropout) else make(), shape)
    x = numbers(4, *shape)
    outputs = layer.forward(x)
    if isinstance(layer, BatchNorm):
        axes = (0, *range(2, x.ndim))
        layer.running_means[...], layer.running_variances[...] = x.mean(axes), x.var(axes)
        assert np.allclose(layer.infer(x), outputs, rtol=1e-12, atol=1e-14)
    else:
        assert np.array_equal(layer.infer(x), outputs)


@every_layer
def test_a_layer_is_made_again_from_its_config(make: Callable[[], Layer], shape: Shape) -> None:
    config = make().config()
    again = layer_from_config(json.loads(json.dumps(config)))
    assert type(again) is type(make())
    assert again.config() == config == again.fresh().config()
    assert connected(again, shape).output_shape == connected(make(), shape).output_shape


@every_layer
def test_training_writes_into_the_same_memory(make: Callable[[], Layer], shape: Shape) -> None:
    layer, x = connected(make(), shape), numbers(8, *shape)
    large = layer.forward(x)
    assert np.may_share_memory(large, layer.forward(x[:3]))
    assert np.may_share_memory(large, layer.forward(x))


def test_flatten_copies_nothing() -> None:
    layer = connected(Flatten(), IMAGE)
    for x in (numbers(4, *IMAGE), with_batch_last(numbers(4, *IMAGE))):
        assert np.may_share_memory(layer.forward(x), x)
        assert np.may_share_memory(layer.infer(x), x)


@every_layer
def test_a_layer_knows_its_shapes(make: Callable[[], Layer], shape: Shape) -> None:
    layer = connected(make(), shape)
    assert layer.input_shape == shape
    for count in (3, 1):
        assert layer.forward(numbers(count, *shape)).shape == (count, *layer.output_shape)
        assert layer.backward(numbers(count, *layer.output_shape)).shape == (count, *shape)
    for count in (3, 1, 0):
        assert layer.infer(numbers(count, *shape)).shape == (count, *layer.output_shape)


@every_layer
def test_float32_stays_float32(make: Callable[[], Layer], shape: Shape) -> None:
    layer = connected(make(), shape, dtype=np.float32)
    x = numbers(3, *shape).astype(np.float32)
    outputs = layer.forward(x)
    gradients = layer.backward(np.ones_like(outputs))
    assert outputs.dtype == layer.infer(x).dtype == gradients.dtype == np.float32


@every_layer
def test_a_layer_leaves_its_inputs_alone(make: Callable[[], Layer], shape: Shape) -> None:
    layer, x = connected(make(), shape), numbers(4, *shape)
    x.flags.writeable = False
    kept = x.copy()
    layer.infer(x)
    outputs = layer.forward(x)
    layer.backward(np.ones(outputs.shape))
    assert np.array_equal(x, kept)


@every_layer
def test_to_infer_meanwhile_disturbs_no_training(make: Callable[[], Layer], shape: Shape) -> None:
    disturbed, alone = (connected(make(), shape) for _ in range(2))
    x, given = numbers(4, *shape), numbers(4, *alone.output_shape, seed=1)
    alone.forward(x)
    disturbed.forward(x)
    disturbed.infer(numbers(9, *shape, seed=2))
    assert np.array_equal(disturbed.backward(given.copy()), alone.backward(given.copy()))


@every_layer
def test_the_order_of_memory_changes_no_number(make: Callable[[], Layer], shape: Shape) -> None:
    """Of what a layer is given: C order, as images come, or the batch last, as layers have it among themselves."""
    layer, other = (connected(make(), shape) for _ in range(2))
    x, given = numbers(4, *shape), numbers(4, *layer.output_shape, seed=1)
    assert np.allclose(other.infer(with_batch_last(x)), layer.infer(x), rtol=1e-12, atol=1e-14)
    assert np.allclose(other.forward(with_batch_last(x)), layer.forward(x), rtol=1e-12, atol=1e-14)
    expected = layer.backward(given.copy())
    assert np.allclose(other.backward(with_batch_last(given)), expected, rtol=1e-12, atol=1e-14)
    for name in layer.parameter_shapes(shape):
        ours, theirs = (getattr(each, f"{name}_gradients") for each in (layer, other))
        assert np.allclose(theirs, ours, rtol=1e-12, atol=1e-14)


@every_image_layer
def test_images_have_the_batch_last_in_memory(make: Callable[[], Layer], shape: Shape) -> None:
    layer, x = connected(make(), shape), numbers(4, *shape)
    outputs = layer.forward(x)
    assert isinstance(layer, Flatten) or has_batch_last(outputs)
    assert isinstance(layer, Flatten) or has_batch_last(layer.infer(with_batch_last(x)))
    assert has_batch_last(layer.backward(with_batch_last(np.ones(outputs.shape))))


@every_layer
def test_the_first_layer_fills_its_gradients_even_if_nobody_wants_those_of_its_inputs(
    make: Callable[[], Layer], shape: Shape
) -> None:
    layer = connected(make(), shape)
    x, given = numbers(3, *shape), numbers(3, *layer.output_shape, seed=1)
    names = [f"{name}_gradients" for name in layer.parameter_shapes(shape)]
    layer.forward(x)
    layer.backward(given.copy())
    expected = [getattr(layer, name).copy() for name in names]
    layer.forward(x)
    for name in names:
        getattr(layer, name)[...] = np.nan
    layer.backward(given.copy(), need_input_gradients=False)
    for name, gradients in zip(names, expected, strict=True):
        assert np.array_equal(getattr(layer, name), gradients)


@every_layer
def test_a_layer_belongs_to_one_network(make: Callable[[], Layer], shape: Shape) -> None:
    layer = connected(make(), shape)
    message = f"{layer!r} is part of a network already; make a new one for each network"
    with pytest.raises(ValueError, match=re.escape(message)):
        connected(layer, shape)


def test_a_layer_says_how_near_its_kink_is() -> None:
    x = np.array([[[[3.0, -0.5], [2.75, 1.0]]]])
    assert connected(ReLU(), (1, 2, 2)).distance_to_kink(x) == 0.5
    assert connected(LeakyReLU(), (1, 2, 2)).distance_to_kink(x) == 0.5
    assert connected(MaxPool2D(2), (1, 2, 2)).distance_to_kink(x) == 0.25  # from 3 down to 2.75
    for layer in (MaxPool2D(1), AvgPool2D(2), Conv2D(1, 2), Sigmoid(), Tanh(), Dropout(0.5), BatchNorm(), Flatten()):
        assert connected(layer, (1, 2, 2)).distance_to_kink(x) == np.inf


def test_a_layer_occurs_once_in_a_network() -> None:
    relu = ReLU()
    with pytest.raises(ValueError, match=r"ReLU\(\) is part of a network already"):
        NeuralNetwork([Dense(4), relu, Dense(4), relu], input_shape=(6,))


def test_parameters_are_counted_without_making_them() -> None:
    layers: list[Layer] = [Dense(128), ReLU(), Dropout(0.2), Dense(64), Tanh(), Dense(10)]
    assert count_parameters(layers, (784,)) == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
    assert count_parameters(layers, (784,)) == NeuralNetwork(layers).parameters.size
    assert count_parameters([], (784,)) == 0


def test_the_parameters_of_convolutions_are_counted_too() -> None:
    layers: list[Layer] = [
        Conv2D(8, 5, padding=2),
        BatchNorm(),
        MaxPool2D(2),
        ReLU(),
        Conv2D(4, 3),
        Flatten(),
        Dense(10),
    ]
    expected = (25 * 8 + 8) + (8 + 8) + (8 * 9 * 4 + 4) + (4 * 12 * 12 * 10 + 10)
    assert count_parameters(layers, (1, 28, 28)) == expected
    assert NeuralNetwork(layers, (1, 28, 28)).parameters.size == expected


def test_a_layer_says_what_it_is() -> None:
    layers = [Dense(128), ReLU(), LeakyReLU(0.1), Sigmoid(), Tanh(), Dropout(0.2)]
    text = "Dense(128) ReLU() LeakyReLU(0.1) Sigmoid() Tanh() Dropout(0.2)"
    assert " ".join(map(repr, layers)) == text
    layers = [Conv2D(32, 5, padding=2), Conv2D(8, 3), MaxPool2D(), AvgPool2D(3), Flatten(), BatchNorm()]
    text = "Conv2D(32, 5, padding=2) Conv2D(8, 3) MaxPool2D(2) AvgPool2D(3) Flatten() BatchNorm()"
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
        (lambda: Conv2D(0, 3), "Conv2D has a whole number of filters, at least one; got 0"),
        (lambda: Conv2D(2.0, 3), "Conv2D has a whole number of filters, at least one; got 2.0"),
        (lambda: Conv2D(2, 0), "the size of a filter is a whole number of pixels, at least 1; got 0"),
        (lambda: Conv2D(2, 3, padding=3), "the padding is a whole number from 0 to size − 1; got 3"),
        (lambda: Conv2D(2, 3, padding=-1), "the padding is a whole number from 0 to size − 1; got -1"),
        (lambda: Conv2D(2, 3, initialization="xavier"), "initialization must be 'he', 'glorot' or 'zeros'"),
        (
            lambda: NeuralNetwork([Conv2D(2, 3), Flatten()]),
            "Conv2D takes images of shape (channels, height, width); got inputs of (784,)",
        ),
        (
            lambda: NeuralNetwork([Conv2D(2, 6), Flatten()], (1, 9, 5)),
            "a window of 6 × 6 does not fit into images of shape (1, 9, 5)",
        ),
        (lambda: MaxPool2D(0), "the size of a window is a whole number of pixels, at least 1; got 0"),
        (lambda: AvgPool2D(1.5), "the size of a window is a whole number of pixels, at least 1; got 1.5"),
        (
            lambda: NeuralNetwork([AvgPool2D(2), Flatten()]),
            "AvgPool2D takes images of shape (channels, height, width); got (784,)",
        ),
        (
            lambda: NeuralNetwork([MaxPool2D(4), Flatten()], (1, 9, 3)),
            "a window of 4 × 4 does not fit into images of shape (1, 9, 3)",
        ),
        (lambda: BatchNorm(1), "the decay of BatchNorm must lie in 0 ≤ decay < 1; got 1"),
        (lambda: BatchNorm(-0.1), "the decay of BatchNorm must lie in 0 ≤ decay < 1; got -0.1"),
        (lambda: BatchNorm(epsilon=0), "the epsilon of BatchNorm must be a number above 0; got 0"),
        (lambda: BatchNorm(epsilon=float("nan")), "the epsilon of BatchNorm must be a number above 0; got nan"),
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
