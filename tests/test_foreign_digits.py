"""Digits in forms that are rare in MNIST: drawn like its own, and learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset, train
from digits.errors import DigitsError
from digits.foreign_digits import FORMS, draw_foreign_digits
from digits.recipes import RECIPES, Recipe


def test_every_digit_has_a_form() -> None:
    assert sorted(FORMS) == list(range(10))


def test_they_are_images_and_labels_like_mnists() -> None:
    images, labels = draw_foreign_digits(500, seed=1)
    assert images.shape == (500, 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    assert (images.reshape(500, -1).max(axis=1) > 128).all()
    assert set(labels) == set(range(10))
    inked = images > 127
    assert (inked.any(axis=2).sum(axis=1).max(), inked.any(axis=1).sum(axis=1).max()) <= (
        22,
        22,
    )  # MNIST's box, a pen wider
    assert [len(each) for each in draw_foreign_digits(0)] == [0, 0]


def test_the_same_seed_draws_the_same_and_no_two_are_alike() -> None:
    (first, _), (again, _), (other, _) = (draw_foreign_digits(100, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(first.reshape(100, -1), axis=0)) == 100


@pytest.mark.slow
def test_a_network_trained_on_them_too_reads_others(mnist: tuple[Dataset, Dataset]) -> None:
    """Twins but for this."""
    dataset = Dataset(mnist[0].images[:6_000], mnist[0].labels[:6_000])
    images, labels = draw_foreign_digits(1_000, seed=9)
    recipe = RECIPES["quick"].changed(epochs=8, validation=0)
    right = []
    for share in (0.0, 0.1):
        network = recipe.network(seed=0)
        for _ in train(network, dataset, recipe.changed(foreign_digits=share), seed=0):
            pass
        right.append(np.mean(network.predict(images) == labels))
    assert right[0] < 0.85
    assert right[1] > 0.95


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(DigitsError, match=r"foreign digits must lie in 0…1"):
        Recipe(foreign_digits=share)
