"""A fork with the same settings is the run itself; with others it goes on from the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset, DigitsError, Recipe, train
from digits.forking import fork
from digits.training import Training

RECIPE = Recipe(hidden=(16,), optimizer="momentum", learning_rate=0.05, batch_size=50, epochs=3, validation=100)
IMAGES = 500


def begun(small_set: Dataset, recipe: Recipe, steps: int) -> Training:
    training = train(recipe.network(1), small_set, recipe, seed=1, threads=1)
    while training.steps < steps:
        next(training)
    return training


def forked(training: Training, small_set: Dataset, recipe: Recipe) -> Training:
    checkpoint = fork(training.checkpoint(), recipe, IMAGES)
    return train(recipe.network(1), small_set, recipe, seed=1, resume_from=checkpoint, threads=1)


def test_with_the_same_settings_it_gives_the_same_weights(small_set: Dataset) -> None:
    training = begun(small_set, RECIPE, 14)
    other = forked(training, small_set, RECIPE)
    for _ in training:
        pass
    for _ in other:
        pass
    assert np.array_equal(training.network.parameters, other.network.parameters)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw"},
        {"learning_rate": 0.2},
        {"dropout": 0.5},
        {"activation": "tanh"},
        {"weight_average": 0.9},
        {"schedule": "cosine", "weight_decay": 0.01},
        {"epochs": 5},
        {"batch_size": 20},
    ],
)
def test_it_goes_on_from_the_same_weights_with_other_settings(small_set: Dataset, changes: dict[str, object]) -> None:
    training = begun(small_set, RECIPE, 14)
    other = forked(training, small_set, RECIPE.changed(**changes))
    assert np.array_equal(training.network.parameters, other.network.parameters)
    assert (other.epoch, other.learning_rate) == (1, other.recipe.learning_rate)
    for _ in other:
        pass
    assert other.epoch == other.recipe.epochs
    assert np.isfinite(other.network.parameters).all()


@pytest.mark.parametrize("steps", [11, 14, 20])
@pytest.mark.parametrize("batch_size", [7, 64, 400, 1000])
def test_batches_of_another_size_go_on_at_the_same_image(small_set: Dataset, batch_size: int, steps: int) -> None:
    training = begun(small_set, RECIPE, steps)
    done = training.batch * 50
    other = forked(training, small_set, RECIPE.changed(batch_size=batch_size))
    size = min(batch_size, IMAGES)
    assert done - size < min(other.batch * size, IMAGES) <= done
    assert len([next(other) for _ in range(len(other.batches) - other.batch + 1)]) > 0
    assert other.epoch == 2


def test_averaging_can_end(small_set: Dataset) -> None:
    training = begun(small_set, RECIPE.changed(weight_average=0.9), 4)
    other = forked(training, small_set, RECIPE)
    assert other.averages == []


def test_other_weights_are_refused(small_set: Dataset) -> None:
    training = begun(small_set, RECIPE, 4)
    with pytest.raises(DigitsError, match="its layers stay"):
        fork(training.checkpoint(), RECIPE.changed(hidden=(32,)), IMAGES)


def test_it_must_go_further_than_the_run_has_come(small_set: Dataset) -> None:
    training = begun(small_set, RECIPE, 25)
    with pytest.raises(DigitsError, match="2 epochs are done already"):
        fork(training.checkpoint(), RECIPE.changed(epochs=2), IMAGES)
