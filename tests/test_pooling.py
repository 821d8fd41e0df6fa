"""Pooling and Flatten: by hand, ties, borders, and what they do not mind."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.activations import Array
from digits.layers import AvgPool2D, Conv2D, Flatten, Layer, LeakyReLU, MaxPool2D, ReLU, Sigmoid, Tanh
from digits.layers.pooling import Pooling
from digits.neural_network import NeuralNetwork

L = TypeVar("L", bound=Layer)
every_pooling = pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])


def connected(layer: L, input_shape: tuple[int, ...]) -> L:
    """The layer in a network, with Flatten after it if need be."""
    layers = [layer] if isinstance(layer, Flatten) else [layer, Flatten()]
    NeuralNetwork(layers, input_shape, dtype=np.float64)
    return layer


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


IMAGE = np.array([[[[1.0, 5, 2, 0], [3, 4, 7, 1]]]])


# -- by hand -------------------------------------------------------------------------------------------------


def test_the_largest_of_each_window() -> None:
    layer = connected(MaxPool2D(2), (1, 2, 4))
    assert np.array_equal(layer.forward(IMAGE), [[[[5, 7]]]])
    assert np.array_equal(layer.infer(IMAGE), [[[[5, 7]]]])
    assert np.array_equal(layer.backward(np.array([[[[10.0, 20]]]])), [[[[0, 10, 0, 0], [0, 0, 20, 0]]]])


def test_the_mean_of_each_window() -> None:
    layer = connected(AvgPool2D(2), (1, 2, 4))
    assert np.array_equal(layer.forward(IMAGE), [[[[13 / 4, 10 / 4]]]])
    assert np.array_equal(layer.infer(IMAGE), [[[[13 / 4, 10 / 4]]]])
    assert np.array_equal(layer.backward(np.array([[[[8.0, 4]]]])), [[[[2, 2, 1, 1], [2, 2, 1, 1]]]])


@given(
    size=st.integers(1, 4),
    height=st.integers(4, 11),
    width=st.integers(4, 11),
    channels=st.integers(1, 3),
    count=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_each_window_is_pooled_by_itself(
    size: int, height: int, width: int, channels: int, count: int, seed: int
) -> None:
    images = numbers(count, channels, height, width, seed=seed)
    rows, columns = height // size, width // size
    inside = images[:, :, : rows * size, : columns * size]
    windows = inside.reshape(count, channels, rows, size, columns, size)
    largest, means = (connected(kind(size), images.shape[1:]) for kind in (MaxPool2D, AvgPool2D))
    assert np.array_equal(largest.forward(images), windows.max(axis=(3, 5)))
    assert np.allclose(means.forward(images), windows.mean(axis=(3, 5)), rtol=1e-12, atol=1e-14)


# -- ties ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "taker"),
    [
        ([[0, 0], [0, 0]], 0),
        ([[0, 3], [3, 3]], 1),
        ([[0, 1], [3, 3]], 2),
        ([[3, 1], [3, 0]], 0),
        ([[1, 2], [2, 3]], 3),
        ([[2, 1], [3, 3]], 2),  # the first is beaten, and the last does not beat the third
        ([[-1, -1], [-2, -1]], 0),
    ],
)
def test_of_several_largest_the_first_takes_the_gradient(window: list[list[float]], taker: int) -> None:
    layer = connected(MaxPool2D(2), (1, 2, 2))
    assert layer.forward(np.array([[window]], float)).item() == np.max(window)
    expected = np.zeros(4)
    expected[taker] = 5
    assert np.array_equal(layer.backward(np.full((1, 1, 1, 1), 5.0)).ravel(), expected)


@given(seed=st.integers(0, 999), size=st.integers(1, 4))
def test_exactly_one_pixel_of_a_window_takes_all_the_gradient_however_many_tie(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    images = random.integers(0, 2, (3, 2, 2 * size, 3 * size)).astype(float)  # hardly a window without a tie
    layer = connected(MaxPool2D(size), images.shape[1:])
    outputs = layer.forward(images).copy()
    gradients = layer.backward(np.ones(outputs.shape)).reshape(3, 2, 2, size, 3, size)
    assert np.array_equal(gradients.sum(axis=(3, 5)), np.ones(outputs.shape))
    assert np.array_equal((gradients * images.reshape(gradients.shape)).sum(axis=(3, 5)), outputs)
    flat = gradients.transpose(0, 1, 2, 4, 3, 5).reshape(*outputs.shape, -1)
    pixels = images.reshape(gradients.shape).transpose(0, 1, 2, 4, 3, 5).reshape(flat.shape)
    assert np.array_equal(flat.argmax(axis=-1), pixels.argmax(axis=-1))  # argmax takes the first


# -- borders -------------------------------------------------------------------------------------------------


@every_pooling
def test_rows_and_columns_left_over_count_for_nothing_and_get_no_gradient(kind: type[Pooling]) -> None:
    layer, inside = connected(kind(3), (2, 7, 8)), connected(kind(3), (2, 6, 6))
    images, given = numbers(4, 2, 7, 8), numbers(4, 2, 2, 2, seed=1)
    assert layer.output_shape == (2, 2, 2)
    assert np.array_equal(layer.forward(images), inside.forward(images[:, :, :6, :6]))
    layer._memory["input_gradients"] = np.full(1000, np.nan)  # what an earlier batch may have left
    gradients = layer.backward(given.copy())
    assert np.array_equal(gradients[:, :, :6, :6], inside.backward(given.copy()))
    assert not gradients[:, :, 6:].any()
    assert not gradients[:, :, :, 6:].any()


@every_pooling
def test_windows_of_one_pixel_change_nothing(kind: type[Pooling]) -> None:
    layer, images = connected(kind(1), (2, 3, 5)), numbers(4, 2, 3, 5)
    assert np.array_equal(layer.forward(images), images)
    assert np.array_equal(layer.backward(images.copy()), images)
    assert np.array_equal(layer.infer(images), images)


@every_pooling
def test_a_window_as_large_as_the_image_leaves_one_number_a_channel(kind: type[Pooling]) -> None:
    assert connected(kind(5), (3, 5, 5)).output_shape == (3, 1, 1)


# -- facts ---------------------------------------------------------------------------------------------------


@every_pooling
def test_a_pooled_image_stays_between_its_smallest_and_largest_and_moves_with_a_constant(kind: type[Pooling]) -> None:
    layer, images = connected(kind(2), (2, 6, 6)), numbers(5, 2, 6, 6)
    pooled = layer.infer(images)
    assert images.min() <= pooled.min()
    assert pooled.max() <= images.max()
    assert np.allclose(layer.infer(images + 3), pooled + 3, rtol=1e-12)
    assert np.allclose(layer.infer(2 * images), 2 * pooled, rtol=1e-12)


def test_means_of_means_are_means() -> None:
    images = numbers(3, 2, 12, 12)
    twice, once = [connected(AvgPool2D(n), (2, 12 // d, 12 // d)) for n, d in ((2, 1), (3, 2))], AvgPool2D(6)
    halved = twice[1].infer(twice[0].infer(images))
    assert np.allclose(halved, connected(once, (2, 12, 12)).infer(images), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", [ReLU, LeakyReLU, Sigmoid, Tanh])
def test_an_activation_that_never_falls_may_come_before_or_after_the_largest(activation: type[Layer]) -> None:
    """So recipes put it after: there are four times fewer numbers."""

    def network(*middle: Layer) -> NeuralNetwork:
        network = NeuralNetwork([Conv2D(3, 3, padding=1, initialization="he"), *middle, Flatten()], (1, 8, 8))
        network.parameters += 0.1
        return network

    images = np.random.default_rng(0).random((5, 8, 8))
    before, after = network(activation(), MaxPool2D(2)), network(MaxPool2D(2), activation())
    assert np.array_equal(before.logits(images), after.logits(images))


# -- Flatten -------------------------------------------------------------------------------------------------


def test_flatten_goes_channel_by_channel_row_by_row_whatever_the_order_of_memory() -> None:
    layer, images = connected(Flatten(), (2, 3, 4)), numbers(5, 2, 3, 4)
    batch_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 0, -1)), -1, 0)
    channels_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, -1)), -1, 1)
    for same in (images, batch_last, channels_last):
        assert np.array_equal(layer.infer(same), images.reshape(5, 24))
        assert np.array_equal(layer.forward(same), images.reshape(5, 24))
        assert np.array_equal(layer.backward(images.reshape(5, 24)), images)
