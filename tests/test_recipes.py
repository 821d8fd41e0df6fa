"""Recipes: what network they make, what they say of themselves, what they refuse."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from digits.augmentation import Augmentation
from digits.errors import DigitsError
from digits.layers import Conv2D, Dense
from digits.recipes import RECIPES, Recipe, find_recipe

WARPED = Recipe(augmentation=Augmentation(rotation=5, elastic=0.5, smoothness=3), ease_off=0.25)
CONVOLUTIONAL = Recipe(convolutions="8x5 pool 16x3 16x3 pool", hidden=(64,), batch_norm=True, dropout=0.1)


@pytest.mark.parametrize(
    "recipe", [*RECIPES.values(), WARPED, CONVOLUTIONAL], ids=[*RECIPES, "warped", "convolutional"]
)
def test_a_recipe_survives_being_written_as_plain_data(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_recipe_of_an_older_file_has_nothing_that_it_does_not_know_of() -> None:
    old = Recipe.from_dict({"epochs": 2})
    assert not old.augmentation
    assert (old.convolutions, old.batch_norm, old.ease_off) == ("", False, 0)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_makes_a_network_of_ten_classes_with_its_sizes(recipe: Recipe) -> None:
    network = recipe.network(seed=0)
    assert network.classes == 10
    assert network.input_shape == recipe.input_shape
    assert [layer.units for layer in network.layers if isinstance(layer, Dense)] == [*recipe.hidden, 10]
    filters = [int(word.split("x")[0]) for word in recipe.convolutions.split() if word != "pool"]
    assert [layer.filters for layer in network.layers if isinstance(layer, Conv2D)] == filters


def test_a_dense_network_has_the_parameters_that_its_sizes_make() -> None:
    network = Recipe(hidden=(30, 20)).network(seed=0)
    expected = sum(before * after + after for before, after in pairwise([784, 30, 20, 10]))
    assert network.parameters.size == expected
    assert Recipe(hidden=()).network(seed=0).parameters.size == 784 * 10 + 10


def kinds(recipe: Recipe) -> str:
    return " ".join(map(repr, recipe.layers()))


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({"hidden": ()}, "Dense(10)"),
        ({"hidden": (9, 8), "activation": "tanh"}, "Dense(9) Tanh() Dense(8) Tanh() Dense(10)"),
        ({"hidden": (9,), "dropout": 0.3}, "Dense(9) ReLU() Dropout(0.3) Dense(10)"),
        ({"hidden": (9,), "dropout": 0.3, "batch_norm": True}, "Dense(9) BatchNorm() ReLU() Dropout(0.3) Dense(10)"),
        ({"hidden": (), "convolutions": "4x3"}, "Conv2D(4, 3, padding=1) ReLU() Flatten() Dense(10)"),
        (
            {"hidden": (9,), "convolutions": "4x5 pool 6x3 8x1 pool", "activation": "leaky-relu"},
            "Conv2D(4, 5, padding=2) MaxPool2D(2) LeakyReLU(0.01) Conv2D(6, 3, padding=1) LeakyReLU(0.01)"
            " Conv2D(8, 1) MaxPool2D(2) LeakyReLU(0.01) Flatten() Dense(9) LeakyReLU(0.01) Dense(10)",
        ),
        (
            {"hidden": (9,), "convolutions": "4x3 pool", "batch_norm": True, "dropout": 0.2},
            "Conv2D(4, 3, padding=1) BatchNorm() MaxPool2D(2) ReLU() Flatten()"
            " Dense(9) BatchNorm() ReLU() Dropout(0.2) Dense(10)",
        ),
        (
            {"hidden": (), "convolutions": "4x3 pool pool"},  # one activation, after the last
            "Conv2D(4, 3, padding=1) MaxPool2D(2) MaxPool2D(2) ReLU() Flatten() Dense(10)",
        ),
    ],
)
def test_the_layers_of_a_recipe(settings: dict[str, Any], layers: str) -> None:
    assert kinds(Recipe(**settings)) == layers


@pytest.mark.parametrize("size", [1, 3, 5, 7, 27])
def test_odd_convolutions_keep_the_size_of_the_image_and_pooling_halves_it(size: int) -> None:
    network = Recipe(convolutions=f"2x{size} pool 3x{size} pool", hidden=()).network(seed=0)
    shapes = [layer.output_shape for layer in network.layers if len(layer.output_shape) == 3]
    assert set(shapes) == {(2, 28, 28), (2, 14, 14), (3, 14, 14), (3, 7, 7)}


def test_each_call_makes_new_layers() -> None:
    first, second = CONVOLUTIONAL.layers(), CONVOLUTIONAL.layers()
    assert not {id(layer) for layer in first} & {id(layer) for layer in second}


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe(hidden=(256, 128)), "784-256-128-10"),
        (Recipe(hidden=()), "784-10"),
        (Recipe(convolutions="32x5 pool", hidden=(128,)), "conv 5×5×32 – pool – 128 – 10"),
        (CONVOLUTIONAL, "conv 5×5×8 – pool – conv 3×3×16 – conv 3×3×16 – pool – 64 – 10"),
    ],
)
def test_a_recipe_describes_its_network(recipe: Recipe, words: str) -> None:
    assert recipe.describe() == words


def test_warps_keep_their_strength_until_they_fade_along_a_straight_line() -> None:
    recipe = Recipe(ease_off=0.25)
    assert [recipe.strength(progress) for progress in (0, 0.5, 0.75)] == [1, 1, 1]
    assert recipe.strength(0.875) == pytest.approx(0.5)
    assert recipe.strength(1.0) == 0
    assert [Recipe(ease_off=1).strength(progress) for progress in (0, 0.5, 1)] == [1, 0.5, 0]
    assert [Recipe().strength(progress) for progress in (0, 0.5, 1)] == [1, 1, 1]


def test_plain_is_gradient_descent_and_nothing_else() -> None:
    plain = find_recipe("plain")
    assert (plain.optimizer, plain.schedule) == ("sgd", "constant")
    assert plain.dropout == plain.weight_decay == plain.weight_average == 0
    assert (plain.convolutions, plain.batch_norm, plain.augmentation) == ("", False, Augmentation())


def test_a_changed_recipe_is_custom_and_an_unchanged_one_keeps_its_name() -> None:
    quick = find_recipe("quick")
    assert quick.changed(epochs=quick.epochs).name == "quick"
    assert quick.changed(epochs=quick.epochs + 1).name == "custom"


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(DigitsError, match=r"'swift'; there are quick, plain"):
        find_recipe("swift")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1; got 0"),
        ({"batch_size": 0}, "batch size"),
        ({"learning_rate": -1.0}, "learning rate must be a number above 0; got -1.0"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"learning_rate": float("inf")}, "learning rate"),
        ({"weight_decay": -0.1}, "weight decay"),
        ({"weight_average": 1.0}, "weight average"),
        ({"dropout": 1.0}, "dropout"),
        ({"validation": -1}, "validation"),
        ({"hidden": (128, 0)}, "at least 1 unit; got 128,0"),
        ({"hidden": (1_000_000,)}, "at most 50,000,000 parameters fit; got 795,000,010"),
        ({"hidden": (1,) * 101}, "100 hidden layers"),
        ({"activation": "step"}, "relu, leaky-relu, sigmoid, tanh; got step"),
        ({"optimizer": "adam"}, "sgd, momentum, nesterov, adamw; got adam"),
        ({"schedule": "linear"}, "constant, step, cosine, one-cycle; got linear"),
        ({"ease_off": 1.1}, "the share of easing off must lie in 0…1; got 1.1"),
        ({"ease_off": -0.1}, "the share of easing off must lie in 0…1; got -0.1"),
        ({"ease_off": float("nan")}, "the share of easing off must lie in 0…1; got nan"),
        ({"batch_norm": 1}, "batch_norm must be true or false; got 1"),
        ({"convolutions": "32"}, "convolutions are words like 32x5 (filters, odd size up to 27) and pool; got '32'"),
        ({"convolutions": "32x5,pool"}, "got '32x5,pool'"),
        ({"convolutions": "32x0"}, "got '32x0'"),
        ({"convolutions": "0x5"}, "got '0x5'"),
        ({"convolutions": "8x5 Pool"}, "got 'Pool'"),
        ({"convolutions": "8x100"}, "got '8x100'"),
        ({"convolutions": "8x3 " * 101}, "at most 100 convolutions; got 101"),
        ({"convolutions": "pool " * 5}, "do not fit: a window of 2 × 2 does not fit into images of shape (1, 1, 1)"),
        ({"convolutions": "999999x9 9x9"}, "at most 50,000,000 parameters fit"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DigitsError, match=re.escape(words)):
        Recipe(**changes)


def test_a_file_with_values_of_the_wrong_kind_is_refused() -> None:
    for values in ({"convolutions": 3}, {"convolutions": ["32x5"]}, {"ease_off": "x"}, {"ease_off": None}):
        with pytest.raises(DigitsError, match="wrong kind"):
            Recipe.from_dict(values)
    for values in ({"augmentation": {"rotation": "x"}}, {"augmentation": 3}, {"augmentation": {"blur": 1}}):
        with pytest.raises(DigitsError, match="wrong kind"):
            Recipe.from_dict(values)
    for values in ({"epochs": "many"}, {"epochs": 2.5}, {"dropout": "x"}, {"hidden": 3}, {"learning_rate": 10**600}):
        with pytest.raises(DigitsError, match=r"wrong kind|whole|epochs must be"):
            Recipe.from_dict(values)
