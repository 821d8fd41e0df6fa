"""Shapes that are no digits: where they stand, that no two are alike, and that a network learns to doubt them."""

from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset, train
from digits.activations import Array
from digits.errors import DigitsError
from digits.non_digits import SIGNS, draw_non_digits
from digits.recipes import RECIPES, Recipe


@pytest.fixture(scope="module")
def shapes(mnist: tuple[Dataset, Dataset]) -> Array:
    return draw_non_digits(1_000, mnist[0].images, seed=1)


def test_they_are_images_like_mnists(shapes: Array) -> None:
    assert shapes.shape == (1_000, 28, 28)
    assert shapes.dtype == np.uint8
    assert (shapes.reshape(1_000, -1).max(axis=1) > 0).all()  # none is blank


def test_no_two_are_alike(shapes: Array) -> None:
    assert len(np.unique(shapes.reshape(1_000, -1), axis=0)) > 990


def test_the_same_seed_draws_the_same(mnist: tuple[Dataset, Dataset]) -> None:
    first, again, other = (draw_non_digits(50, mnist[0].images, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_most_have_their_centre_of_mass_in_the_middle(shapes: Array) -> None:
    """As MNIST's digits do, so that where a shape stands says nothing about what it is."""
    mass = shapes.reshape(1_000, -1).sum(axis=1)
    down, across = (shapes.sum(axis=axis) @ np.arange(28) / mass for axis in (2, 1))
    assert np.mean(np.hypot(down - 13.5, across - 13.5) < 1) > 0.85


def test_their_ink_is_as_strong_as_that_of_digits(shapes: Array, mnist: tuple[Dataset, Dataset]) -> None:
    ours, theirs = (np.percentile(images[images > 0], 75) for images in (shapes, mnist[0].images[:1_000]))
    assert abs(int(ours) - int(theirs)) < 30


def test_letters_made_like_digits_are_left_out() -> None:
    assert not set("OoIlZzSsBbGgqD0123456789") & set(SIGNS)


def test_none_asked_for_is_none(mnist: tuple[Dataset, Dataset]) -> None:
    assert draw_non_digits(0, mnist[0].images).shape == (0, 28, 28)


@pytest.mark.slow
def test_a_network_trained_on_them_too_doubts_others(mnist: tuple[Dataset, Dataset], shapes: Array) -> None:
    """Twins but for this: the share of digits among what they are surest of tells which knows what it does not know."""
    dataset = Dataset(mnist[0].images[:6_000], mnist[0].labels[:6_000])
    recipe = RECIPES["quick"].changed(epochs=8, validation=0)
    usual = np.empty(2)
    for index, share in enumerate((0.0, 0.5)):
        network = recipe.network(seed=0)
        for _ in train(network, dataset, recipe.changed(non_digits=share), seed=0):
            pass
        confidences = network.predict_proba(shapes).max(axis=1)
        usual[index] = np.median(confidences)
    assert usual[1] < 0.5 < usual[0]


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(DigitsError, match=r"no digits must lie in 0…1"):
        Recipe(non_digits=share)
