from __future__ import annotations

import json
from itertools import pairwise

import pytest

from digits.augmentation import Augmentation
from digits.errors import DigitsError
from digits.recipes import RECIPES, Recipe, find_recipe

WARPED = Recipe(augmentation=Augmentation(rotation=5, elastic=0.5, smoothness=3))


@pytest.mark.parametrize("recipe", [*RECIPES.values(), WARPED], ids=[*RECIPES, "warped"])
def test_a_recipe_survives_being_written_as_plain_data(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_recipe_of_a_file_that_knows_no_augmentation_has_none() -> None:
    assert not Recipe.from_dict({"epochs": 2}).augmentation


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_makes_a_network_of_ten_classes_with_its_hidden_sizes(recipe: Recipe) -> None:
    network = recipe.network(seed=0)
    sizes = [784, *recipe.hidden, 10]
    expected = sum(before * after + after for before, after in pairwise(sizes))
    assert network.parameters.size == expected
    assert network.classes == 10


def test_plain_is_gradient_descent_and_nothing_else() -> None:
    plain = find_recipe("plain")
    assert (plain.optimizer, plain.schedule) == ("sgd", "constant")
    assert plain.dropout == plain.weight_decay == plain.weight_average == 0


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
    ],
)
def test_values_that_make_no_sense_are_refused_in_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DigitsError, match=words.replace("(", r"\(")):
        Recipe(**changes)


def test_a_file_with_values_of_the_wrong_kind_is_refused() -> None:
    for values in ({"augmentation": {"rotation": "x"}}, {"augmentation": 3}, {"augmentation": {"blur": 1}}):
        with pytest.raises(DigitsError, match="wrong kind"):
            Recipe.from_dict(values)
    for values in ({"epochs": "many"}, {"epochs": 2.5}, {"dropout": "x"}, {"hidden": 3}, {"learning_rate": 10**600}):
        with pytest.raises(DigitsError, match=r"wrong kind|whole|epochs must be"):
            Recipe.from_dict(values)
