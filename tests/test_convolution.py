"""Convolution: its formula, SciPy's, what it commutes with; and the two ways between images and patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.signal import correlate

from digits.activations import Array
from digits.layers import Conv2D, Flatten
from digits.layers.convolution import col2im, im2col, pad
from digits.neural_network import NeuralNetwork


def convolution(
    filters: int, size: int, input_shape: tuple[int, ...], padding: int = 0, dtype: Any = np.float64, seed: int = 0
) -> Conv2D:
    """A convolution in a network, with random weights and biases."""
    layer = Conv2D(filters, size, padding)
    network = NeuralNetwork([layer, Flatten()], input_shape, dtype=dtype)
    network.parameters[...] = np.random.default_rng(seed).normal(size=network.parameters.size)
    return layer


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def patches_of(images: Array, size: int, padding: int) -> Array:
    """The patches of ``(channels, height, width, batch)``: what ``pad`` and ``im2col`` do, in new arrays."""
    channels, height, width, count = images.shape
    border = 2 * padding
    padded = pad(np.moveaxis(images, -1, 0), padding, np.empty((channels, height + border, width + border, count)))
    rows, columns = height + border - size + 1, width + border - size + 1
    patches = np.empty((channels, size, size, rows, columns, count))
    im2col(padded, patches)
    return patches


# -- the formula ---------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    layer = convolution(2, 2, (1, 2, 3))
    layer.weights[0] = np.moveaxis([[[1, 2], [3, 4]], [[0, 0], [0, 1]]], 0, -1)  # two filters of 2 × 2
    layer.biases[...] = [10, -1]
    x = np.array([[[[1.0, 0, 2], [0, 1, 3]]]])
    expected = [[[[1 + 4 + 10, 4 + 3 + 12 + 10]], [[1 - 1, 3 - 1]]]]
    assert np.array_equal(layer.forward(x), expected)
    assert np.array_equal(layer.infer(x), expected)
    given = np.array([[[[1.0, 10]], [[0, 100]]]])
    input_gradients = layer.backward(given)
    assert np.array_equal(input_gradients, [[[[1, 2 + 10, 20], [3, 4 + 30, 40 + 100]]]])
    of_first, of_second = np.moveaxis(layer.weights_gradients[0], -1, 0)
    assert np.array_equal(of_first, [[1, 0 + 20], [0 + 10, 1 + 30]])
    assert np.array_equal(of_second, [[0, 200], [100, 300]])
    assert np.array_equal(layer.biases_gradients, [11, 100])


def test_padding_by_hand() -> None:
    layer = convolution(1, 3, (1, 1, 2), padding=1)
    layer.weights[0, :, :, 0] = [[9, 9, 9], [1, 2, 3], [9, 9, 9]]  # above and below there are zeros only
    layer.biases[...] = 0
    assert np.array_equal(layer.forward(np.array([[[[1.0, 10]]]])), [[[[2 + 30, 1 + 20]]]])
    assert np.array_equal(layer.backward(np.array([[[[1.0, 10]]]])), [[[[2 + 10, 3 + 20]]]])
    assert np.array_equal(layer.weights_gradients[0, :, :, 0], [[0, 0, 0], [10, 1 + 100, 10], [0, 0, 0]])


@pytest.mark.parametrize(
    ("size", "padding", "mode"), [(3, 0, "valid"), (2, 0, "valid"), (3, 1, "same"), (5, 2, "same"), (4, 3, "full")]
)
def test_it_is_the_correlation_of_scipy(size: int, padding: int, mode: str) -> None:
    layer = convolution(4, size, (3, 7, 6), padding)
    images = numbers(2, 3, 7, 6)
    maps = layer.forward(images)
    for image, of_image in zip(images, maps, strict=True):
        for f, of_filter in enumerate(of_image):
            channels = zip(image, layer.weights[..., f], strict=True)
            expected = sum(correlate(channel, window, mode, "direct") for channel, window in channels)
            assert np.allclose(of_filter, expected + layer.biases[f], rtol=1e-12, atol=1e-12)


def test_a_window_of_one_pixel_is_a_dense_layer_at_every_place() -> None:
    layer = convolution(5, 1, (3, 4, 2))
    images = numbers(6, 3, 4, 2)
    expected = np.moveaxis(images, 1, -1) @ layer.weights[:, 0, 0] + layer.biases
    assert np.allclose(layer.forward(images), np.moveaxis(expected, -1, 1), rtol=1e-12)


def test_a_window_as_large_as_the_image_is_a_dense_layer() -> None:
    layer = convolution(5, 4, (3, 4, 4))
    images = numbers(6, 3, 4, 4)
    expected = images.reshape(6, -1) @ layer.weights.reshape(-1, 5) + layer.biases
    assert np.allclose(layer.forward(images)[:, :, 0, 0], expected, rtol=1e-12)


# -- what convolution is for ---------------------------------------------------------------------------------


@given(down=st.integers(-3, 3), right=st.integers(-3, 3), size=st.sampled_from([1, 3, 5]))
def test_who_moves_the_image_moves_the_maps(down: int, right: int, size: int) -> None:
    """As long as everything that is not 0 stays inside."""
    layer = convolution(3, size, (2, 13, 13), padding=size // 2)
    layer.biases[...] = 0
    image = np.zeros((1, 2, 13, 13))
    image[:, :, 5:8, 5:8] = numbers(1, 2, 3, 3)
    moved = layer.infer(np.roll(image, (down, right), axis=(2, 3)))
    assert np.allclose(moved, np.roll(layer.infer(image), (down, right), axis=(2, 3)), rtol=1e-12, atol=1e-14)


def test_it_is_linear_in_images_and_in_weights() -> None:
    layer = convolution(3, 3, (2, 5, 6), padding=1)
    layer.biases[...] = 0
    one, other = numbers(4, 2, 5, 6), numbers(4, 2, 5, 6, seed=1)
    expected = 2 * layer.infer(one) - 3 * layer.infer(other)
    assert np.allclose(layer.infer(2 * one - 3 * other), expected, rtol=1e-12, atol=1e-12)
    before = layer.infer(one)
    layer.weights *= -2
    assert np.allclose(layer.infer(one), -2 * before, rtol=1e-12)


def test_an_even_window_with_padding_makes_the_image_larger_by_one() -> None:
    assert convolution(1, 4, (1, 28, 28), padding=2).output_shape == (1, 29, 29)
    assert convolution(1, 5, (1, 28, 28), padding=2).output_shape == (1, 28, 28)
    assert convolution(1, 5, (1, 28, 28)).output_shape == (1, 24, 24)


# -- batches -------------------------------------------------------------------------------------------------


def test_a_batch_is_answered_like_each_image_alone() -> None:
    layer = convolution(4, 3, (2, 6, 5), padding=1)
    images, given = numbers(7, 2, 6, 5), numbers(7, 4, 6, 5, seed=1)
    together, gradients = layer.forward(images).copy(), layer.backward(given).copy()
    of_weights, of_biases = layer.weights_gradients.copy(), layer.biases_gradients.copy()
    sums = np.zeros_like(of_weights), np.zeros_like(of_biases)
    for i in range(7):
        assert np.allclose(layer.forward(images[i : i + 1])[0], together[i], rtol=1e-12, atol=1e-13)
        assert np.allclose(layer.backward(given[i : i + 1])[0], gradients[i], rtol=1e-12, atol=1e-13)
        sums[0][...] += layer.weights_gradients
        sums[1][...] += layer.biases_gradients
    assert np.allclose(of_weights, sums[0], rtol=1e-12, atol=1e-12)
    assert np.allclose(of_biases, sums[1], rtol=1e-12, atol=1e-12)


def test_the_padding_stays_zero_whatever_batch_came_before() -> None:
    layer, fresh = (convolution(2, 3, (1, 4, 5), padding=1) for _ in range(2))
    for count in (9, 2, 5):
        layer.forward(np.full((count, 1, 4, 5), np.nan))
    images = numbers(3, 1, 4, 5)
    assert np.array_equal(layer.forward(images), fresh.forward(images))


# -- images and patches --------------------------------------------------------------------------------------


def test_patches_by_hand() -> None:
    image = np.arange(1.0, 7).reshape(1, 2, 3, 1)  # 1 2 3 over 4 5 6
    columns = patches_of(image, 2, 0).reshape(4, 2)
    assert np.array_equal(columns.T, [[1, 2, 4, 5], [2, 3, 5, 6]])
    back = np.empty_like(image)
    col2im(patches_of(image, 2, 0), 0, back)
    assert np.array_equal(back[0, :, :, 0], [[1, 2 * 2, 3], [4, 2 * 5, 6]])  # the middle ones are in both


shapes = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))


@given(shape=shapes, size=st.integers(1, 9), padding=st.integers(0, 8), seed=st.integers(0, 99))
def test_col2im_is_the_adjoint_of_im2col(shape: tuple[int, ...], size: int, padding: int, seed: int) -> None:
    """⟨im2col(x), y⟩ = ⟨x, col2im(y)⟩ for all x and y: the definition of going backward through a linear map."""
    assume(padding < size <= min(shape[1:3]) + 2 * padding)
    x = numbers(*shape, seed=seed)
    patches = patches_of(x, size, padding)
    y = numbers(*patches.shape, seed=seed + 1)
    back = np.full(shape, np.nan)
    col2im(y, padding, back)
    assert np.sum(patches * y) == pytest.approx(np.sum(x * back), rel=1e-9, abs=1e-9)


@given(shape=shapes, size=st.integers(1, 9), padding=st.integers(0, 8))
def test_there_and_back_each_pixel_is_counted_as_often_as_a_window_sees_it(
    shape: tuple[int, ...], size: int, padding: int
) -> None:
    assume(padding < size <= min(shape[1:3]) + 2 * padding)
    back = np.empty(shape)
    col2im(patches_of(np.ones(shape), size, padding), padding, back)

    def windows_over(side: int) -> Array:
        starts = np.arange(-padding, side + padding - size + 1)
        pixels = np.arange(side)[:, np.newaxis]
        return np.sum((starts <= pixels) & (pixels < starts + size), axis=1)

    expected = np.multiply.outer(windows_over(shape[1]), windows_over(shape[2]))
    assert np.array_equal(back, np.broadcast_to(expected[..., np.newaxis], shape))


@pytest.mark.parametrize(("height", "width", "size", "padding"), [(3, 3, 12, 6), (1, 5, 6, 5), (2, 2, 9, 5)])
def test_a_window_may_be_larger_than_image_and_padding_on_one_side(
    height: int, width: int, size: int, padding: int
) -> None:
    """Then some of its pixels never meet the image."""
    layer = convolution(2, size, (1, height, width), padding)
    x, given = numbers(3, 1, height, width), numbers(3, *layer.output_shape, seed=1)
    outputs = layer.forward(x).copy()
    slope = layer.backward(given.copy())
    direction = numbers(*x.shape, seed=2)
    assert np.sum((layer.infer(x + direction) - outputs) * given) == pytest.approx(np.sum(slope * direction))
