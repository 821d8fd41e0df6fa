"""What is known about softmax cross-entropy and its gradient."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from digits.activations import Array, softmax
from digits.losses import SoftmaxCrossEntropy

loss_of = SoftmaxCrossEntropy()
some_logits = arrays(np.float64, (4, 3), elements=st.floats(-30, 30))
some_labels = arrays(np.uint8, (4,), elements=st.integers(0, 2))


@given(logits=some_logits, labels=some_labels)
def test_the_loss_is_minus_the_logarithm_of_the_right_probability(logits: Array, labels: Array) -> None:
    right = softmax(logits)[np.arange(4), labels]
    loss, _ = loss_of(logits.copy(), labels)
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-9, abs=1e-12)
    assert loss >= 0


@given(logits=some_logits, labels=some_labels)
def test_the_gradient_is_prediction_minus_truth(logits: Array, labels: Array) -> None:
    truth = np.eye(3)[labels]
    _, gradients = loss_of(logits.copy(), labels)
    assert np.allclose(gradients, (softmax(logits) - truth) / 4, atol=1e-14)
    assert np.allclose(gradients.sum(axis=1), 0, atol=1e-14)  # adding a constant to a row changes nothing


@given(logits=some_logits, labels=some_labels, constant=st.floats(-1000, 1000))
def test_adding_a_constant_changes_nothing(logits: Array, labels: Array, constant: float) -> None:
    loss, gradients = loss_of(logits.copy(), labels)
    moved_loss, moved_gradients = loss_of(logits + constant, labels)
    assert moved_loss == pytest.approx(loss, abs=1e-10)
    assert np.allclose(moved_gradients, gradients, atol=1e-12)


@given(logits=some_logits, labels=some_labels, cut=st.integers(1, 3))
def test_the_parts_of_a_batch_add_up_to_the_whole(logits: Array, labels: Array, cut: int) -> None:
    whole, gradients = loss_of(logits.copy(), labels)
    first, of_first = loss_of(logits[:cut].copy(), labels[:cut], 4)
    second, of_second = loss_of(logits[cut:].copy(), labels[cut:], 4)
    assert first + second == pytest.approx(whole, rel=1e-12, abs=1e-15)
    assert np.allclose(np.concatenate([of_first, of_second]), gradients, rtol=1e-12, atol=1e-16)


@given(logits=some_logits, labels=some_labels, count=st.integers(1, 1000))
def test_a_part_has_its_share_in_the_mean(logits: Array, labels: Array, count: int) -> None:
    loss, gradients = loss_of(logits.copy(), labels)
    share, of_share = loss_of(logits.copy(), labels, count)
    assert share == pytest.approx(loss * 4 / count, rel=1e-12, abs=1e-15)
    assert np.allclose(of_share, gradients * 4 / count, rtol=1e-12, atol=1e-15)


@given(logits=some_logits, labels=some_labels)
def test_a_label_is_the_target_that_is_certain(logits: Array, labels: Array) -> None:
    loss, gradients = loss_of(logits.copy(), labels)
    same, of_targets = loss_of(logits.copy(), np.eye(3)[labels])
    assert same == pytest.approx(loss, rel=1e-12, abs=1e-14)
    assert np.allclose(of_targets, gradients, rtol=1e-12, atol=1e-16)


@given(logits=some_logits, others=some_logits)
def test_the_loss_is_least_where_the_answer_is_the_target(logits: Array, others: Array) -> None:
    targets = softmax(logits)
    least, gradients = loss_of(logits.copy(), targets)
    assert np.allclose(gradients, 0, atol=1e-15)
    entropy = -np.sum(targets * np.log(targets), axis=1).mean()
    assert least == pytest.approx(entropy, rel=1e-9, abs=1e-12)
    assert loss_of(others.copy(), targets)[0] >= least - 1e-12  # Gibbs' inequality


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_knowing_nothing_costs_the_logarithm_of_the_number_of_classes(classes: int) -> None:
    loss, _ = loss_of(np.zeros((7, classes)), np.arange(7) % classes)
    assert loss == pytest.approx(np.log(classes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_do_no_harm(dtype: Any) -> None:
    logits = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [-1e4, -1e4, -1e4]], dtype)
    loss, gradients = loss_of(logits, np.array([0, 1, 2]))  # sure and right; sure and wrong; sure of nothing
    assert loss == pytest.approx((0 + 2e4 + np.log(3)) / 3)
    assert gradients.dtype == dtype
    assert gradients * 3 == pytest.approx(np.array([[0, 0, 0], [1, -1, 0], [1 / 3, 1 / 3, -2 / 3]]), abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_labels_may_be_any_integers(dtype: Any) -> None:
    logits = np.random.default_rng(0).normal(size=(5, 10))
    labels = np.array([0, 9, 3, 3, 7])
    expected_loss, expected = loss_of(logits.copy(), labels)
    loss, gradients = loss_of(logits.copy(), labels.astype(dtype))
    assert loss == expected_loss
    assert np.array_equal(gradients, expected)


def test_a_step_against_the_gradient_lowers_the_loss() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(8, 10)), random.integers(10, size=8)
    loss, gradients = loss_of(logits.copy(), labels)
    lower, _ = loss_of(logits - 0.1 * gradients, labels)
    assert lower < loss


def test_the_gradient_takes_the_place_of_the_logits() -> None:
    logits = np.zeros((2, 3), np.float32)
    loss, gradients = loss_of(logits, np.array([0, 1]))
    assert gradients is logits
    assert isinstance(loss, float)


def test_no_array_of_the_size_of_the_logits_is_made() -> None:
    logits, labels = np.zeros((128, 1000), np.float32), np.zeros(128, np.uint8)
    loss_of(logits, labels)
    tracemalloc.start()
    try:
        loss_of(logits, labels)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < logits.nbytes / 4


@given(logits=some_logits, labels=arrays(np.uint8, (4,), elements=st.integers(0, 3)))
def test_what_belongs_to_no_class_is_to_be_every_class_alike(logits: Array, labels: Array) -> None:
    """Label 3 of 3 classes: the cross-entropy with the targets (1/3, 1/3, 1/3), and its gradient."""
    targets = np.vstack([np.eye(3), np.full(3, 1 / 3)])[labels]
    loss, gradients = loss_of(logits.copy(), labels)
    logarithms = logits - logits.max(axis=1, keepdims=True)
    logarithms -= np.log(np.exp(logarithms).sum(axis=1, keepdims=True))
    assert loss == pytest.approx(-(targets * logarithms).sum() / 4, rel=1e-9, abs=1e-12)
    assert np.allclose(gradients, (softmax(logits) - targets) / 4, atol=1e-14)


def test_to_know_nothing_of_what_is_no_digit_cannot_be_bettered() -> None:
    loss, gradients = loss_of(np.zeros((1, 10)), np.array([10]))
    assert loss == pytest.approx(np.log(10))
    assert np.allclose(gradients, 0)
