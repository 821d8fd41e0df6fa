"""Committees: the mean of several networks' logits for several views of an image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits import load_mnist
from digits.activations import Array
from digits.committee import Committee
from digits.layers import Conv2D, Dense, Flatten, MaxPool2D
from digits.neural_network import NeuralNetwork

IMAGES, LABELS = load_mnist()[1].images[:20], load_mnist()[1].labels[:20]


def network(seed: int) -> NeuralNetwork:
    return NeuralNetwork([Dense(10)], seed=seed)


def test_a_committee_of_one_with_one_view_is_that_network() -> None:
    assert np.allclose(Committee([network(0)]).predict_proba(IMAGES), network(0).predict_proba(IMAGES), atol=1e-7)


def test_the_answer_is_the_geometric_mean_of_the_members() -> None:
    members = [network(seed) for seed in range(3)]
    members[1].temperature = 2.0
    product = np.prod([member.predict_proba(IMAGES).astype(float) for member in members], axis=0) ** (1 / 3)
    mean = product / product.sum(axis=1, keepdims=True)
    assert np.allclose(Committee(members).predict_proba(IMAGES), mean, atol=1e-6)
    assert np.array_equal(Committee(members).predict(IMAGES), mean.argmax(axis=1))


@given(seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=4), views=st.integers(1, 3))
def test_no_committee_loses_more_than_its_members_on_average(seeds: list[int], views: int) -> None:
    """Heskes 1998: what they differ by comes off the mean loss, image by image."""
    members = [network(seed) for seed in seeds]
    together = loss(Committee(members, views))
    assert np.all(together <= np.mean([loss(Committee([member], views)) for member in members], axis=0) + 1e-5)


def loss(committee: Committee) -> Array:
    """The cross-entropy on each of the images, in nats."""
    losses: Array = -np.log(committee.predict_proba(IMAGES)[np.arange(20), LABELS])
    return losses


def test_members_may_be_of_different_kinds() -> None:
    convolutional = NeuralNetwork([Conv2D(2, 3), MaxPool2D(2), Flatten(), Dense(10)], (1, 28, 28))
    assert Committee([network(0), convolutional], views=3).predict_proba(IMAGES).shape == (20, 10)


def test_views_are_other_images_of_the_same_digit() -> None:
    """The first is the image itself; a blank image looks the same from everywhere."""
    member = network(0)
    one, four = (Committee([member], views).predict_proba(IMAGES) for views in (1, 4))
    assert 0.001 < np.abs(one - four).max() < 0.5
    blank = np.zeros((1, 28, 28), np.uint8)
    assert np.allclose(Committee([member], 4).predict_proba(blank), member.predict_proba(blank), atol=1e-6)


def test_an_answer_depends_on_nothing_but_the_image() -> None:
    committee = Committee([network(0), network(1)], views=5)
    together = committee.predict_proba(IMAGES)
    alone = np.concatenate([committee.predict_proba(image[np.newaxis]) for image in IMAGES])
    assert np.allclose(together, alone, atol=1e-6)
    assert np.array_equal(together, Committee([network(0), network(1)], views=5).predict_proba(IMAGES))


def test_flat_images_and_floating_point_images_get_the_same_answer() -> None:
    committee = Committee([network(0)], views=3)
    expected = committee.predict_proba(IMAGES)
    assert np.array_equal(committee.predict_proba(IMAGES.reshape(20, 784)), expected)
    assert np.allclose(committee.predict_proba(IMAGES / 255), expected, atol=1e-5)


@pytest.mark.parametrize(("count", "views"), [(0, 1), (1, 0)])
def test_nobody_and_nothing_to_see_are_no_committee(count: int, views: int) -> None:
    with pytest.raises(ValueError, match="at least one network and one view"):
        Committee([network(0)] * count, views)
