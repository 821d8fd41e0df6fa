"""Recipes: named, reproducible settings for training. A recipe is data; ``training.py`` is what follows it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import zip_longest
from math import isfinite
from typing import Any, Self

from digits.augmentation import Augmentation
from digits.data_preprocessing import CLASSES, SIDE
from digits.errors import DigitsError
from digits.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Tanh,
    count_parameters,
)
from digits.neural_network import NeuralNetwork
from digits.optimizers import OPTIMIZERS, SCHEDULES, Optimizer

MAX_EPOCHS = 40_000  # the history of more would not fit into a checkpoint
MAX_PARAMETERS = 50_000_000  # about 1.5 GB while training with AdamW and weight averaging

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "leaky-relu": LeakyReLU, "sigmoid": Sigmoid, "tanh": Tanh}

OPTIMIZER_DEFAULTS = {  # AdamW's learning rate is far too small for the others, and its decay, as L2, far too strong
    "sgd": {"learning_rate": 0.1, "weight_decay": 0.0},
    "momentum": {"learning_rate": 0.05, "weight_decay": 0.0},
    "nesterov": {"learning_rate": 0.05, "weight_decay": 0.0},
    "adamw": {"learning_rate": 0.003, "weight_decay": 0.01},
}


@dataclass(frozen=True)
class Recipe:
    """All that decides how a network is trained, but the seed and the data.

    Attributes:
        name: as ``digits train --recipe`` takes it; "custom" once anything was changed.
        about: one sentence for ``digits recipes``.
        convolutions: what comes before the dense layers, e.g. "32x5 pool 64x3 pool": 32 filters of 5 × 5 pixels that
            keep the image's size, then the largest of each 2 × 2, and so on; "" for a plain network.
        hidden: units in each hidden dense layer.
        batch_norm: whether each hidden layer is normalised, before its activation.
        activation: a name of ``ACTIVATIONS``, after every hidden layer.
        dropout: the share of each hidden dense layer's outputs that training sets to 0.
        optimizer: a name of ``OPTIMIZERS``.
        learning_rate: the highest of the schedule.
        schedule: a name of ``SCHEDULES``.
        weight_decay: L2 decay; for "adamw" decoupled.
        batch_size: images a step.
        epochs: passes over the training images.
        weight_average: decay of the moving average of the weights, per step; 0 for none.
        augmentation: how the training images are warped at random, anew in each epoch; by default not at all.
        ease_off: the share of the epochs, at the end, over which the warps fade away, so that the network comes to see
            images unbent; light, noise and coarse grids stay.
        non_digits: how many shapes that are no digits to train on besides, as a share of the digits; for these, all ten
            answers are to be equally probable.
        foreign_digits: how many digits in forms that are rare in MNIST to train on besides, as a share of its digits.
        begins_with: the shipped model whose weights it begins with, trained already; "" for random ones.
        teacher: the shipped model whose answers about the same warped images are learnt in the labels' place; "" for
            the labels.
        temperature: the finished network's logits are divided by it, where no images are held out to fit it on.
        validation: how many of the last training images are held out to choose by; 0 to train on all.

    Raises:
        DigitsError: at construction, if a value makes no sense.
    """

    name: str = "custom"
    about: str = ""
    convolutions: str = ""
    hidden: tuple[int, ...] = (128, 64)
    batch_norm: bool = False
    activation: str = "relu"
    dropout: float = 0.0
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    schedule: str = "constant"
    weight_decay: float = 0.0
    batch_size: int = 64
    epochs: int = 10
    weight_average: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    ease_off: float = 0.0
    non_digits: float = 0.0
    foreign_digits: float = 0.0
    begins_with: str = ""
    teacher: str = ""
    temperature: float = 1.0
    validation: int = 10_000

    def __post_init__(self) -> None:
        def require(holds: bool, what: str, got: object) -> None:
            if not holds:
                raise DigitsError(f"{what}; got {got}.")

        def one_of(name: str, choices: dict[str, Any]) -> None:
            value = getattr(self, name)
            require(value in choices, f"the {name} must be one of {', '.join(choices)}", value)

        def whole(value: object, least: int) -> bool:
            return isinstance(value, int) and value >= least

        require(whole(self.epochs, 1), "the number of epochs must be at least 1", self.epochs)
        require(self.epochs <= MAX_EPOCHS, f"the number of epochs must be at most {MAX_EPOCHS:,}", self.epochs)
        require(whole(self.batch_size, 1), "the batch size must be at least 1", self.batch_size)
        positive = isfinite(self.learning_rate) and self.learning_rate > 0
        require(positive, "the learning rate must be a number above 0", self.learning_rate)
        decay = isfinite(self.weight_decay) and self.weight_decay >= 0
        require(decay, "the weight decay must be 0 or above", self.weight_decay)
        require(0 <= self.dropout < 1, "dropout must lie in 0 ≤ dropout < 1", self.dropout)
        require(0 <= self.weight_average < 1, "the weight average must lie in 0 ≤ decay < 1", self.weight_average)
        require(whole(self.validation, 0), "the number of validation images must be 0 or above", self.validation)
        require(0 <= self.ease_off <= 1, "the share of easing off must lie in 0…1", self.ease_off)
        require(0 <= self.non_digits <= 1, "the share of shapes that are no digits must lie in 0…1", self.non_digits)
        require(0 <= self.foreign_digits <= 1, "the share of foreign digits must lie in 0…1", self.foreign_digits)
        warm = isfinite(self.temperature) and self.temperature > 0
        require(warm, "the temperature must be a number above 0", self.temperature)
        require(isinstance(self.begins_with, str), "the model it begins with must be a name", self.begins_with)
        require(isinstance(self.teacher, str), "the teacher must be the name of a model", self.teacher)
        require(isinstance(self.batch_norm, bool), "batch_norm must be true or false", self.batch_norm)
        one_of("activation", ACTIVATIONS)
        one_of("optimizer", OPTIMIZERS)
        one_of("schedule", SCHEDULES)
        hidden = ",".join(map(str, self.hidden))
        require(all(whole(units, 1) for units in self.hidden), "each hidden layer needs at least 1 unit", hidden)
        require(len(self.hidden) <= 100, "a network has at most 100 hidden layers", len(self.hidden))
        words = self.convolutions.split()
        require(len(words) <= 100, "a network has at most 100 convolutions", len(words))
        for word in words or [self.convolutions] * bool(self.convolutions):
            known = word == "pool" or re.fullmatch(r"[1-9]\d{0,5}x(1?[13579]|2[1357])", word) is not None
            require(known, "convolutions are words like 32x5 (filters, odd size up to 27) and pool", repr(word))
        try:
            parameters = count_parameters(self.layers(), self.input_shape)
        except ValueError as error:
            raise DigitsError(f"the convolutions {self.convolutions!r} do not fit: {error}.") from error
        limit = f"the network {self.describe()} is too large: at most {MAX_PARAMETERS:,} parameters fit"
        require(parameters <= MAX_PARAMETERS, limit, f"{parameters:,}")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one image: (1, 28, 28) for convolutions, (784,) for dense layers."""
        return (1, SIDE, SIDE) if self.convolutions else (SIDE * SIDE,)

    def layers(self) -> list[Layer]:
        """Make the layers: the convolutions, the hidden dense layers, and a dense layer of ten logits.

        Pooling comes before the activation. With any that never falls, as all of ``ACTIVATIONS``, the largest of a
        window stays the largest, so the order does not matter; but in this one there is less to do.
        """
        layers: list[Layer] = []
        words = self.convolutions.split()
        for word, following in zip_longest(words, words[1:]):
            if word == "pool":
                layers.append(MaxPool2D(2))
            else:
                filters, size = map(int, word.split("x"))
                layers += [Conv2D(filters, size, padding=size // 2), *self._normalisation()]
            if following != "pool":
                layers.append(ACTIVATIONS[self.activation]())
        if self.convolutions:
            layers.append(Flatten())
        for units in self.hidden:
            layers += [Dense(units), *self._normalisation(), ACTIVATIONS[self.activation]()]
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return [*layers, Dense(CLASSES)]

    def _normalisation(self) -> list[Layer]:
        return [BatchNorm()] if self.batch_norm else []

    def describe(self) -> str:
        """The network in a few words, e.g. "conv 5×5×32 – pool – 128 – 10", or "784-256-128-10"."""
        sizes = [*map(str, self.hidden), str(CLASSES)]
        if not self.convolutions:
            return "-".join([str(SIDE * SIDE), *sizes])
        words = [word.split("x") for word in self.convolutions.split()]
        parts = ["pool" if word == ["pool"] else f"conv {word[1]}×{word[1]}×{word[0]}" for word in words]
        return " – ".join([*parts, *sizes])

    def network(self, seed: int) -> NeuralNetwork:
        """Make the untrained network."""
        return NeuralNetwork(self.layers(), self.input_shape, seed=seed)

    def strength(self, progress: float) -> float:
        """How strong the warps are, 1 to 0, when so much of training (0…1) is over: 1, and at last a straight line."""
        return min(1.0, (1 - progress) / self.ease_off) if self.ease_off else 1.0

    def make_optimizer(self) -> Optimizer:
        """Make the optimizer."""
        return OPTIMIZERS[self.optimizer](learning_rate=self.learning_rate, weight_decay=self.weight_decay)

    def changed(self, **changes: Any) -> Self:
        """Make a recipe with other values; it is called "custom" if any differs.

        Another optimizer brings its own learning rate and weight decay, where ``changes`` do not say which.
        """
        if changes.get("optimizer", self.optimizer) != self.optimizer:
            changes = OPTIMIZER_DEFAULTS.get(changes["optimizer"], {}) | changes
        other = replace(self, **changes)
        return self if other == self else replace(other, name="custom", about="")

    def expected(self) -> dict[str, float]:
        """What was measured with it, on two cores; nothing where nothing was. ``docs/results.md`` has the details."""
        return MEASURED.get(self.name, {})

    def same_settings(self, other: Recipe) -> bool:
        """Whether two recipes train alike, whatever they are called."""
        return replace(self, name="", about="") == replace(other, name="", about="")

    def to_dict(self) -> dict[str, Any]:
        """As plain lists, strings and numbers, for files."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make the recipe that ``to_dict`` described.

        Raises:
            DigitsError: if it describes none.
        """
        try:
            known: dict[str, Any] = {field.name: values[field.name] for field in fields(cls) if field.name in values}
            augmentation = Augmentation(**known.get("augmentation", {}))
            return cls(**known | {"hidden": tuple(known.get("hidden", cls.hidden)), "augmentation": augmentation})
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise DigitsError("the recipe in this file has values of the wrong kind.") from error


USUAL_WARPS = Augmentation(rotation=10, scale=0.12, shear=0.1, shift=1.5, elastic=1.0, smoothness=4)
STRONG_WARPS = Augmentation(rotation=12, scale=0.15, shear=0.12, shift=1.5, elastic=1.2, smoothness=4)
WARPS_AND_LIGHT = replace(USUAL_WARPS, light=0.1)
GENTLE_WARPS = Augmentation(rotation=8, scale=0.1, shear=0.08, shift=1.2, elastic=0.8)
WIDE_COARSE_WARPS = Augmentation(rotation=12, scale=0.12, shear=0.2, shift=1.5, elastic=0.9, smoothness=4, coarse=0.3)
GENTLE_WARPS_AND_LIGHT = replace(GENTLE_WARPS, light=0.1)
WIDE_WARPS_LIGHT_AND_NOISE = replace(WIDE_COARSE_WARPS, coarse=0.2, light=0.1, noise=0.1)
TURNS_AND_SHIFTS = Augmentation(rotation=20, shift=5)

CNN = Recipe(
    name="cnn",
    about="a small convolutional network with batch normalisation",
    convolutions="24x5 pool 48x3 48x3 pool 64x3 pool",
    hidden=(64,),
    batch_norm=True,
    optimizer="adamw",
    learning_rate=3e-3,
    schedule="one-cycle",
    weight_decay=0.05,
    batch_size=100,
    epochs=18,
    weight_average=0.999,
    augmentation=WIDE_WARPS_LIGHT_AND_NOISE,
    ease_off=0.3,
    temperature=0.95,
    validation=0,
)

BEST_CNN = replace(
    CNN,
    name="best-cnn",
    about="a larger and deeper one, trained for longer",
    convolutions="32x5 pool 64x3 64x3 pool 128x3 128x3 pool",
    hidden=(128,),
    epochs=30,
    augmentation=WIDE_COARSE_WARPS,
    ease_off=0.4,
    temperature=1.0,
)
DEEP = "32x5 pool 64x3 64x3 64x3 pool 128x3 128x3 128x3 pool"

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="quick",
            about="AdamW, one cycle, dropout and weight averaging: good in seconds",
            hidden=(256, 128),
            dropout=0.2,
            optimizer="adamw",
            learning_rate=6e-3,
            schedule="one-cycle",
            weight_decay=0.3,
            batch_size=256,
            epochs=18,
            weight_average=0.998,
        ),
        Recipe(
            name="plain",
            about="gradient descent as in a textbook: no momentum, no schedule, nothing else",
            hidden=(128, 64),
            optimizer="sgd",
            learning_rate=0.1,
            batch_size=32,
            epochs=10,
        ),
        Recipe(
            name="standard",
            about="quick's network on images that are warped and lit anew in every epoch",
            hidden=(256, 128),
            optimizer="adamw",
            learning_rate=4e-3,
            schedule="one-cycle",
            weight_decay=0.05,
            batch_size=256,
            epochs=120,
            weight_average=0.998,
            augmentation=WARPS_AND_LIGHT,
            temperature=1.04,
            validation=0,
        ),
        Recipe(
            name="best-mlp",
            about="a wide plain network that learns from cnn's answers about strongly warped images",
            hidden=(1200, 800, 400),
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="one-cycle",
            weight_decay=0.05,
            batch_size=256,
            epochs=180,
            weight_average=0.999,
            augmentation=STRONG_WARPS,
            ease_off=0.2,
            teacher="cnn",
            temperature=0.55,
            validation=0,
        ),
        CNN,
        replace(
            CNN,
            name="gentle-cnn",
            about="the first version of cnn, on gentle warps and without noise; robust begins with it",
            epochs=27,
            augmentation=GENTLE_WARPS_AND_LIGHT,
            ease_off=0.0,
            temperature=1.05,
        ),
        replace(
            CNN,
            name="robust",
            about="gentle-cnn, trained on: what is no digit, small pictures, and how others write; for reading",
            batch_norm=False,
            learning_rate=1e-3,
            epochs=12,
            augmentation=WIDE_COARSE_WARPS,
            ease_off=0.2,
            non_digits=0.4,
            foreign_digits=0.05,
            begins_with="gentle-cnn",
            temperature=1.0,
        ),
        BEST_CNN,
        replace(
            BEST_CNN,
            name="deep-cnn",
            about="three convolutions a block, where best-cnn has two; to answer together with it",
            convolutions=DEEP,
        ),
        replace(
            BEST_CNN,
            name="shifted-cnn",
            about="as deep-cnn, on images that are only turned and shifted, but far; to answer together with both",
            convolutions=DEEP,
            epochs=36,
            augmentation=TURNS_AND_SHIFTS,
        ),
    )
}

# Means over the seeds, on two cores, of the runs in docs/runs; docs/results.md says how each was measured.
MEASURED: dict[str, dict[str, float]] = {
    "quick": {"test_error_percent": 1.51, "train_seconds": 6.7},
    "plain": {"test_error_percent": 2.22, "train_seconds": 2.7},
    "standard": {"test_error_percent": 0.58, "train_seconds": 56.2},
    "best-mlp": {"test_error_percent": 0.36, "train_seconds": 3015.4},
    "cnn": {"test_error_percent": 0.33, "train_seconds": 606.9},
    "gentle-cnn": {"test_error_percent": 0.38, "train_seconds": 526.7},
    "robust": {"test_error_percent": 0.32, "train_seconds": 717.0},
    "best-cnn": {"test_error_percent": 0.28, "train_seconds": 1937.5},
    "deep-cnn": {"test_error_percent": 0.34, "train_seconds": 2457.4},
    "shifted-cnn": {"test_error_percent": 0.29, "train_seconds": 2785.0},
}


def find_recipe(name: str) -> Recipe:
    """Look up a recipe by its name.

    Raises:
        DigitsError: if there is none; the message names those there are.
    """
    if name not in RECIPES:
        raise DigitsError(f"there is no recipe named {name!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[name]
