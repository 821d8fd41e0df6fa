"""Batch normalisation: by hand, what it makes of a batch, what it remembers, and what it does not mind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.activations import Array
from digits.layers import BatchNorm, Flatten, normalisation
from digits.layers.normalisation import blocks, by_channel
from digits.neural_network import NeuralNetwork

VECTOR, IMAGE = (4,), (3, 5, 6)
both = pytest.mark.parametrize("shape", [VECTOR, IMAGE], ids=["vectors", "images"])


def connected(shape: tuple[int, ...], decay: float = 0.9, epsilon: float = 1e-5, dtype: Any = np.float64) -> BatchNorm:
    layer = BatchNorm(decay, epsilon)
    NeuralNetwork([layer] if len(shape) == 1 else [layer, Flatten()], shape, dtype=dtype)
    return layer


def random_scales_and_shifts(layer: BatchNorm) -> None:
    random = np.random.default_rng(9)
    layer.scales[...], layer.shifts[...] = random.normal(size=(2, layer.scales.size))


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(2, 3, shape)


def axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of a batch: all but the channels'."""
    return (0, *range(2, len(shape) + 1))


# -- by hand -------------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    layer = connected((2,), decay=0.75, epsilon=3.0)
    layer.scales[...], layer.shifts[...] = [1, 10], [0, 5]
    x = np.array([[0.0, 7], [2, 7]])  # means 1 and 7, variances 1 and 0
    assert np.allclose(layer.forward(x), [[-1 / 2, 5], [1 / 2, 5]])  # 2 is the root of 1 + 3
    assert np.allclose(layer.running_means, [0.25 * 1, 0.25 * 7])
    assert np.allclose(layer.running_variances, [0.75 + 0.25 * 2, 0.75 + 0])  # divided by m − 1: 2, not 1
    given = np.array([[1.0, 1], [0, 3]])
    gradients = layer.backward(given.copy())
    assert np.allclose(layer.scales_gradients, [-1 / 2, 0])
    assert np.allclose(layer.shifts_gradients, [1, 4])
    # of the first: 1/2 · (∂L/∂y − (1 + x̂·(−1/2)) / 2) with x̂ = ∓1/2; of the second: 10/√3 · (∂L/∂y − 4/2)
    expected = [[(1 - (1 + 1 / 4) / 2) / 2, -10 / np.sqrt(3)], [(0 - (1 - 1 / 4) / 2) / 2, 10 / np.sqrt(3)]]
    assert np.allclose(gradients, expected)


def test_at_first_it_only_normalises() -> None:
    layer = connected(IMAGE)
    assert (layer.scales == 1).all()
    assert not layer.shifts.any()
    assert not layer.running_means.any()
    assert (layer.running_variances == 1).all()


@both
def test_each_channel_has_mean_shift_and_standard_deviation_scale(shape: tuple[int, ...]) -> None:
    layer = connected(shape, epsilon=1e-12)
    random_scales_and_shifts(layer)
    outputs = layer.forward(numbers(20, *shape))
    assert np.allclose(outputs.mean(axes(shape)), layer.shifts, atol=1e-12)
    assert np.allclose(outputs.std(axes(shape)), np.abs(layer.scales), rtol=1e-9)


@both
def test_an_image_is_normalised_over_its_pixels_too(shape: tuple[int, ...]) -> None:
    x = numbers(7, *shape)
    layer = connected(shape)
    layer.forward(x)
    count = x.size // shape[0]
    assert np.allclose(layer.variances, x.var(axes(shape)), rtol=1e-12)
    assert np.allclose(layer.running_means, 0.1 * x.mean(axes(shape)), rtol=1e-12)
    expected = 0.9 + 0.1 * x.var(axes(shape)) * count / (count - 1)
    assert np.allclose(layer.running_variances, expected, rtol=1e-12)


# -- running averages ----------------------------------------------------------------------------------------


def test_running_averages_forget_by_their_decay() -> None:
    layer = connected((1,), decay=0.5)
    for value in (8.0, 0.0, 4.0):
        layer.forward(np.full((3, 1), value))
    assert layer.running_means == pytest.approx(((8 / 2 + 0) / 2 + 4) / 2)
    assert layer.running_variances == pytest.approx(1 / 8)


@both
def test_running_averages_come_to_what_all_batches_have_and_inference_uses_them(shape: tuple[int, ...]) -> None:
    layer = connected(shape, decay=0.99)
    random_scales_and_shifts(layer)
    for seed in range(1000):
        layer.forward(numbers(8, *shape, seed=seed))
    assert np.allclose(layer.running_means, 2, atol=0.5)  # what the numbers were drawn with
    assert np.allclose(layer.running_variances, 9, atol=3)
    x = numbers(5, *shape, seed=1000)
    of_channel = (-1, *[1] * (len(shape) - 1))
    means, variances, scales, shifts = (
        array.reshape(of_channel)
        for array in (layer.running_means, layer.running_variances, layer.scales, layer.shifts)
    )
    expected = (x - means) / np.sqrt(variances + layer.epsilon) * scales + shifts
    assert np.allclose(layer.infer(x), expected, rtol=1e-12, atol=1e-12)
    scale, shift = layer.as_linear()
    assert np.allclose(scale.reshape(of_channel) * x + shift.reshape(of_channel), expected, rtol=1e-12, atol=1e-12)


@both
def test_a_finished_network_answers_an_image_alike_in_any_company(shape: tuple[int, ...]) -> None:
    layer = connected(shape)
    x = numbers(9, *shape)
    layer.forward(x)
    kept = layer.running_means.copy(), layer.running_variances.copy()
    together = layer.infer(x)
    assert np.array_equal(layer.infer(x[4:5])[0], together[4])
    assert np.array_equal((layer.running_means, layer.running_variances), kept)


def test_backward_leaves_the_running_averages_alone() -> None:
    layer = connected(VECTOR)
    layer.forward(numbers(5, 4))
    kept = layer.running_means.copy(), layer.running_variances.copy()
    layer.backward(np.ones((5, 4)))
    assert np.array_equal((layer.running_means, layer.running_variances), kept)


# -- one image, and constant ones ----------------------------------------------------------------------------


def test_one_image_is_normalised_over_its_pixels() -> None:
    layer = connected(IMAGE, epsilon=1e-12)
    outputs = layer.forward(numbers(1, *IMAGE))
    assert np.allclose(outputs.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    assert np.allclose(outputs.var(axis=(0, 2, 3)), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_vector_becomes_the_shifts_and_gets_no_gradient(dtype: Any) -> None:
    """It is its own mean; there is nothing to learn from it, but nothing breaks either."""
    layer = connected(VECTOR, dtype=dtype)
    random_scales_and_shifts(layer)
    outputs = layer.forward(numbers(1, 4).astype(dtype))
    assert np.array_equal(outputs[0], layer.shifts)
    assert not layer.backward(np.ones((1, 4), dtype)).any()
    assert np.isfinite(layer.running_variances).all()


@both
def test_a_channel_that_never_changes_is_no_trouble(shape: tuple[int, ...]) -> None:
    layer = connected(shape, dtype=np.float32)
    outputs = layer.forward(np.full((6, *shape), 0.5, np.float32))
    assert not outputs.any()
    gradients = layer.backward(numbers(6, *shape).astype(np.float32))
    assert np.isfinite(gradients).all()


# -- what it does not mind -----------------------------------------------------------------------------------


@both
@given(factor=st.floats(0.01, 100), constant=st.floats(-100, 100))
def test_to_stretch_and_move_the_inputs_changes_nothing(shape: tuple[int, ...], factor: float, constant: float) -> None:
    layer = connected(shape, epsilon=1e-12)
    x = numbers(6, *shape)
    expected = layer.forward(x).copy()
    assert np.allclose(layer.forward(factor * x + constant), expected, atol=1e-6)


@both
def test_so_the_gradient_of_the_inputs_is_orthogonal_to_both(shape: tuple[int, ...]) -> None:
    layer = connected(shape, epsilon=1e-12)
    random_scales_and_shifts(layer)
    x = numbers(6, *shape)
    layer.forward(x)
    gradients = layer.backward(numbers(6, *shape, seed=1))
    assert np.allclose(gradients.sum(axes(shape)), 0, atol=1e-10)
    assert np.allclose((gradients * (x - x.mean(axes(shape), keepdims=True))).sum(axes(shape)), 0, atol=1e-10)
    assert np.abs(gradients).max() > 0.01


@both
def test_the_order_of_a_batch_does_not_matter(shape: tuple[int, ...]) -> None:
    layer, x = connected(shape), numbers(9, *shape)
    order = np.random.default_rng(0).permutation(9)
    expected = layer.forward(x).copy()
    assert np.allclose(layer.forward(x[order]), expected[order], rtol=1e-12, atol=1e-12)


def test_channels_do_not_touch_each_other() -> None:
    layer, other = connected(IMAGE), connected(IMAGE)
    x, given = numbers(4, *IMAGE), numbers(4, *IMAGE, seed=1)
    changed_x, changed_given = x.copy(), given.copy()
    changed_x[:, 1] *= -5
    changed_given[:, 1] += 7
    assert np.array_equal(layer.forward(x)[:, [0, 2]], other.forward(changed_x)[:, [0, 2]])
    assert np.array_equal(layer.backward(given)[:, [0, 2]], other.backward(changed_given)[:, [0, 2]])


@pytest.mark.parametrize("last", ["columns", "channels", "batch"])
def test_images_may_lie_in_memory_in_any_order(last: str) -> None:
    """Also the gradients, which the layer overwrites where it can: what it returns is right in any case."""
    axis = {"columns": 3, "channels": 1, "batch": 0}[last]

    def laid_out(batch: Array) -> Array:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(batch, axis, -1)), -1, axis)

    layer, x, given = connected(IMAGE), numbers(4, *IMAGE), numbers(4, *IMAGE, seed=1)
    random_scales_and_shifts(layer)
    outputs = layer.forward(laid_out(x))
    mean, variance = x.mean(axes(IMAGE), keepdims=True), x.var(axes(IMAGE), keepdims=True)
    normalised = (x - mean) / np.sqrt(variance + layer.epsilon)
    scales, shifts = layer.scales.reshape(3, 1, 1), layer.shifts.reshape(3, 1, 1)
    assert np.allclose(outputs, scales * normalised + shifts, rtol=1e-12, atol=1e-12)
    result = layer.backward(laid_out(given))
    inner = given - given.mean(axes(IMAGE), keepdims=True)
    inner -= normalised * (given * normalised).mean(axes(IMAGE), keepdims=True)
    assert np.allclose(result, scales / np.sqrt(variance + layer.epsilon) * inner, rtol=1e-12, atol=1e-12)


# -- in blocks -----------------------------------------------------------------------------------------------


@both
def test_the_size_of_the_blocks_changes_nothing(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    def everything() -> list[Array]:
        layer = connected(shape)
        random_scales_and_shifts(layer)
        outputs = layer.forward(numbers(6, *shape)).copy()
        gradients = layer.backward(numbers(6, *shape, seed=1))
        return [outputs, gradients, layer.scales_gradients, layer.shifts_gradients, layer.running_variances]

    whole = everything()
    for size in (1, 2 * 6 * 30):
        monkeypatch.setattr(normalisation, "BLOCK", size)
        for ours, expected in zip(everything(), whole, strict=True):
            assert np.allclose(ours, expected, rtol=1e-12, atol=1e-12)


@given(rows=st.integers(1, 300), columns=st.integers(1, 200_000))
def test_blocks_are_all_rows_once(rows: int, columns: int) -> None:
    cut = blocks(np.broadcast_to(np.zeros(1), (rows, columns)))
    assert [row for block in cut for row in range(rows)[block]] == list(range(rows))
    assert len(cut) == 1 or columns * (cut[0].stop - cut[0].start) <= max(normalisation.BLOCK, columns)


def test_channels_of_images_with_the_batch_last_are_a_view() -> None:
    images = np.moveaxis(np.zeros((3, 5, 6, 4)), -1, 0)
    assert by_channel(images).shape == (3, 5 * 6 * 4)
    assert np.may_share_memory(by_channel(images), images)
    assert np.may_share_memory(by_channel(images[:, :, 0, 0]), images)
