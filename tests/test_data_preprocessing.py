"""Scaling, and batches: every image once an epoch, in an order that seed and epoch decide."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.activations import Array
from digits.augmentation import Augmentation
from digits.data_preprocessing import Batches, as_inputs, validation_size
from digits.datasets import Dataset

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
ALL_VALUES = np.arange(256, dtype=np.uint8)


# -- as_inputs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_each_of_the_256_values_is_scaled_to_its_share_of_255(dtype: np.dtype[Any]) -> None:
    images = ALL_VALUES.reshape(-1, 1)
    scaled = as_inputs(images, (1,), dtype)
    assert scaled.dtype == dtype
    assert np.array_equal(scaled[:, 0], np.array([value / 255 for value in range(256)], dtype))
    assert (scaled[0, 0], scaled[255, 0]) == (0, 1)
    assert np.array_equal(as_inputs(images.astype(dtype) / 255, (1,), dtype), scaled)
    assert np.array_equal(as_inputs(images / 255, (1,), dtype), scaled)


def test_a_batch_of_each_of_the_256_values_is_scaled_alike() -> None:
    batches = Batches(ALL_VALUES.reshape(-1, 1), ALL_VALUES, 256, seed=0, shuffle=False)
    ((inputs, _),) = batches.epoch(0)
    assert np.array_equal(inputs, as_inputs(ALL_VALUES.reshape(-1, 1), (1,), FLOAT32))


@pytest.mark.parametrize("shape", [(5, 784), (5, 28, 28), (5, 1, 28, 28), (0, 28, 28)])
@pytest.mark.parametrize("wanted", [(784,), (28, 28), (1, 28, 28)])
def test_images_take_the_shape_that_the_first_layer_wants(shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    inputs = as_inputs(images, wanted, FLOAT32)
    assert inputs.shape == (shape[0], *wanted)
    assert np.array_equal(inputs.ravel() * 255, images.ravel())


def test_what_is_as_wanted_is_not_copied() -> None:
    images = np.random.default_rng(0).random((5, 28, 28), dtype=np.float32)
    assert np.shares_memory(as_inputs(images, (784,), FLOAT32), images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 32, 32)), "images must have shape (n, 784) or (n, 28, 28); got (3, 32, 32)"),
        (np.zeros(784), "images must have shape (n, 784) or (n, 28, 28); got (784,)"),
        (np.zeros((28, 28)), "images must have shape (n, 784) or (n, 28, 28); got (28, 28)"),
        (np.zeros((2, 784), np.int64), "images must be uint8 0…255 or floating point 0…1; got int64"),
        (np.zeros((2, 784), bool), "images must be uint8 0…255 or floating point 0…1; got bool"),
        (
            np.full((2, 784), 255.0),
            "floating-point images must lie in 0…1; got 255…255. Divide by 255, or pass uint8",
        ),
        (np.full((2, 784), -0.5), "floating-point images must lie in 0…1; got -0.5…-0.5"),
        (np.full((2, 784), np.nan), "floating-point images must lie in 0…1; got nan…nan"),
        (np.full((2, 784), np.inf), "floating-point images must lie in 0…1; got inf…inf"),
    ],
)
def test_what_is_no_image_is_refused(images: Array, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        as_inputs(images, (784,), FLOAT32)


def test_the_message_names_the_shape_that_the_network_takes() -> None:
    with pytest.raises(ValueError, match=re.escape("images must have shape (n, *(6,)); got (3, 5)")):
        as_inputs(np.zeros((3, 5)), (6,), FLOAT32)


# -- validation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "wanted", "size"),
    [
        (60_000, 10_000, 10_000),
        (42_000, 10_000, 7_000),
        (60_000, 0, 0),
        (5, 10_000, 0),
        (6, 10_000, 1),
        (0, 1, 0),
    ],
)
def test_at_most_a_sixth_is_held_out(count: int, wanted: int, size: int) -> None:
    assert validation_size(count, wanted) == size


# -- batches -------------------------------------------------------------------------------------------------


def numbered(count: int) -> tuple[Array, Array]:
    """Images of two pixels that spell their own number, and the number as their label."""
    numbers = np.arange(count)
    return np.stack([numbers // 256, numbers % 256], axis=1).astype(np.uint8), numbers


def number_of(inputs: Array) -> Array:
    pixels: Array = np.rint(inputs * 255).astype(int)
    return pixels[:, 0] * 256 + pixels[:, 1]


def order_of(batches: Batches, epoch: int, start: int = 0) -> list[int]:
    return [int(label) for _, labels in batches.epoch(epoch, start) for label in labels]


@given(
    count=st.integers(1, 600),
    batch_size=st.integers(1, 700),
    seed=st.integers(0, 99),
    epoch=st.integers(0, 99),
)
def test_every_image_comes_once_an_epoch_with_its_own_label(count: int, batch_size: int, seed: int, epoch: int) -> None:
    batches = Batches(*numbered(count), batch_size, seed)
    sizes, seen = [], []
    for inputs, labels in batches.epoch(epoch):
        assert np.array_equal(number_of(inputs), labels)
        assert inputs.dtype == np.float32
        sizes.append(len(labels))
        seen += labels.tolist()
    assert sorted(seen) == list(range(count))
    assert len(sizes) == len(batches)
    assert set(sizes[:-1]) <= {batch_size}
    assert 0 < sizes[-1] <= batch_size


@given(count=st.integers(1, 200), batch_size=st.integers(1, 50), start=st.integers(0, 10))
def test_an_epoch_begun_in_its_middle_goes_on_alike(count: int, batch_size: int, start: int) -> None:
    batches = Batches(*numbered(count), batch_size, seed=7)
    assert order_of(batches, 3, start) == order_of(batches, 3)[start * batch_size :]


def test_seed_and_epoch_decide_the_order_and_nothing_else_does() -> None:
    batches, twin, other = (Batches(*numbered(100), 10, seed) for seed in (0, 0, 1))
    first = order_of(batches, 0)
    assert first != list(range(100))
    assert first != order_of(batches, 1)
    assert first != order_of(other, 0)
    assert first == order_of(batches, 0) == order_of(twin, 0)


def test_without_shuffling_the_order_is_that_of_the_file() -> None:
    batches = Batches(*numbered(100), 10, 0, shuffle=False)
    assert order_of(batches, 0) == order_of(batches, 1) == list(range(100))


def test_batches_come_in_the_same_memory() -> None:
    batches = Batches(*numbered(25), 10, seed=0)
    inputs = [inputs for inputs, _ in batches.epoch(0)]
    assert [len(batch) for batch in inputs] == [10, 10, 5]
    assert all(np.shares_memory(batch, inputs[0]) for batch in inputs)


def test_read_only_square_images_are_fine_and_stay_as_they_are() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    images.flags.writeable = False
    batches = Batches(images, np.arange(20), 8, seed=0)
    for inputs, labels in batches.epoch(0):
        assert np.array_equal(inputs, as_inputs(images[labels], (784,), FLOAT32))


# -- augmented batches ---------------------------------------------------------------------------------------

WARPS = Augmentation(rotation=20, scale=0.2, shift=2, elastic=1)


def augmented(small_set: Dataset, start: int = 0, epoch: int = 0, seed: int = 0) -> list[tuple[Array, Array]]:
    batches = Batches(small_set.images, small_set.labels, 50, seed, augmentation=WARPS)
    return [(inputs.copy(), labels.copy()) for inputs, labels in batches.epoch(epoch, start)]


def test_threads_that_make_batches_ahead_change_no_bit(small_set: Dataset) -> None:
    plain = Batches(small_set.images, small_set.labels, 50, seed=0)
    for _ in range(5):  # whichever thread comes first
        expected = plain.epoch(0)
        for number, (inputs, labels) in enumerate(augmented(small_set)):
            images, same_labels = next(expected)
            assert np.array_equal(labels, same_labels)
            pixels = np.rint(images * 255).astype(np.uint8)
            assert np.array_equal(inputs, WARPS(pixels, np.random.default_rng([0, 0, number])))


def test_an_augmented_epoch_begun_in_its_middle_goes_on_alike(small_set: Dataset) -> None:
    whole = augmented(small_set)
    for start in (1, 7, len(whole) - 1, len(whole)):
        rest = augmented(small_set, start)
        assert len(rest) == len(whole) - start
        assert all(np.array_equal(one[0], other[0]) for one, other in zip(rest, whole[start:], strict=True))


def test_the_warps_are_drawn_anew_in_each_epoch_and_by_each_seed(small_set: Dataset) -> None:
    def first_image(epoch: int, seed: int) -> Array:
        batches = Batches(small_set.images[:1], small_set.labels[:1], 1, seed, augmentation=WARPS)
        return next(batches.epoch(epoch))[0].copy()

    assert len({first_image(epoch, seed).tobytes() for epoch in (0, 1) for seed in (0, 1)}) == 4


def first_epoch(small_set: Dataset, augmentation: Augmentation | None, strength: float = 1.0) -> list[Array]:
    batches = Batches(small_set.images[:100], small_set.labels[:100], 30, seed=0, augmentation=augmentation)
    return [inputs.copy() for inputs, _ in batches.epoch(0, strength=strength)]


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_an_epoch_may_be_warped_less(small_set: Dataset, strength: float) -> None:
    weaker, expected = first_epoch(small_set, WARPS, strength), first_epoch(small_set, WARPS.scaled(strength))
    assert all(np.array_equal(one, other) for one, other in zip(weaker, expected, strict=True))
    plain, full = first_epoch(small_set, None), first_epoch(small_set, WARPS)
    assert np.abs(weaker[0] - plain[0]).mean() < np.abs(full[0] - plain[0]).mean()
    assert not np.array_equal(weaker[0], plain[0])


def test_an_epoch_of_no_strength_is_not_warped_at_all(small_set: Dataset) -> None:
    before = set(threading.enumerate())
    batches = Batches(small_set.images, small_set.labels, 50, seed=0, augmentation=WARPS)
    epoch, plain = batches.epoch(0, strength=0.0), Batches(small_set.images, small_set.labels, 50, seed=0).epoch(0)
    for (inputs, labels), (same_inputs, same_labels) in zip(epoch, plain, strict=True):
        assert np.array_equal(inputs, same_inputs)
        assert np.array_equal(labels, same_labels)
        assert set(threading.enumerate()) <= before  # nor made ahead


def test_a_batch_stays_whole_while_the_next_are_made(small_set: Dataset) -> None:
    batches = Batches(small_set.images, small_set.labels, 10, seed=0, augmentation=WARPS)
    for inputs, _ in batches.epoch(0):
        before = inputs.copy()
        time.sleep(0.002)  # the threads go on meanwhile
        assert np.array_equal(inputs, before)


def test_a_mistake_in_a_thread_is_raised_where_the_batch_is_asked_for() -> None:
    batches = Batches(np.zeros((4, 783), np.uint8), np.zeros(4, np.uint8), 2, seed=0, augmentation=WARPS)
    with pytest.raises(ValueError, match="783"):
        next(batches.epoch(0))


def test_an_epoch_that_is_given_up_leaves_no_thread(small_set: Dataset) -> None:
    before = set(threading.enumerate())
    epoch = Batches(small_set.images, small_set.labels, 10, seed=0, augmentation=WARPS).epoch(0)
    next(epoch)
    its_own = set(threading.enumerate()) - before
    assert its_own
    epoch.close()
    for thread in its_own:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_to_give_up_an_epoch_waits_for_no_thread(small_set: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector may do it in a thread that holds a lock which the others need to end."""
    batches = Batches(small_set.images, small_set.labels, 10, seed=0, augmentation=WARPS)
    make, gate = batches._make, threading.Event()

    def held_up(*arguments: object) -> object:
        return make(*arguments) if arguments[-1] == 0 or gate.wait(10) else None

    monkeypatch.setattr(batches, "_make", held_up)
    epoch = batches.epoch(0)
    next(epoch)
    threading.Timer(5, gate.set).start()
    epoch.close()
    assert not gate.is_set()
    gate.set()


def test_an_epoch_that_was_given_up_disturbs_no_later_one(small_set: Dataset) -> None:
    batches = Batches(small_set.images, small_set.labels, 50, seed=0, augmentation=WARPS)
    expected = augmented(small_set)
    for _ in range(10):
        given_up = batches.epoch(0)
        next(given_up)
        del given_up
        assert all(
            np.array_equal(inputs, same[0]) for (inputs, _), same in zip(batches.epoch(0), expected, strict=True)
        )
