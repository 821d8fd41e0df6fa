"""What a training run is described by: its settings, what was measured on the way, and where it stands.

These models are what requests bring, what answers carry, and what lies as ``run.json`` in a run's folder.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from digits.augmentation import Augmentation
from digits.datasets import Dataset
from digits.errors import DigitsError
from digits.layers import count_parameters
from digits.recipes import (
    GENTLE_WARPS,
    GENTLE_WARPS_AND_LIGHT,
    STRONG_WARPS,
    USUAL_WARPS,
    WARPS_AND_LIGHT,
    WIDE_COARSE_WARPS,
    WIDE_WARPS_LIGHT_AND_NOISE,
    Recipe,
)
from digits.studio.images import EncodedArray, Pixels, Probabilities

MOST_IMAGES = 50_000  # to train on; MNIST's last 10,000 training images are those to validate on
MOST_VALIDATION = 2_000
MOST_PARAMETERS = 1_000_000
MOST_NUMBERS = 100_000_000  # that a batch may take in all layers, 400 MB
MOST_EPOCHS = 200
MOST_HIDDEN = 12

CONVOLUTIONS = r"^([1-9]\d{0,2}x[1357]( [1-9]\d{0,2}x[1357]| pool)*)?$"

WARPS = {
    "none": Augmentation(),
    "gentle": GENTLE_WARPS,
    "usual": USUAL_WARPS,
    "strong": STRONG_WARPS,
    "gentle and light": GENTLE_WARPS_AND_LIGHT,
    "usual and light": WARPS_AND_LIGHT,
    "wide and coarse": WIDE_COARSE_WARPS,
    "wide and noisy": WIDE_WARPS_LIGHT_AND_NOISE,
}

Warps = Literal[
    "none",
    "gentle",
    "usual",
    "strong",
    "gentle and light",
    "usual and light",
    "wide and coarse",
    "wide and noisy",
]
Status = Literal["paused", "running", "finished", "stopped", "diverged", "failed"]
Name = Annotated[str, Field(min_length=1, max_length=60)]
LearningRate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]

Pace = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class RunSettings(BaseModel):
    """All that decides how a run goes: with the same settings it gives the same weights, bit for bit."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    convolutions: str = Field(default="", max_length=60, pattern=CONVOLUTIONS)
    hidden: list[Annotated[int, Field(ge=1, le=1024)]] = Field(default=[64, 32], max_length=MOST_HIDDEN)
    batch_norm: bool = False
    activation: Literal["relu", "leaky-relu", "sigmoid", "tanh"] = "relu"
    dropout: float = Field(default=0.0, ge=0, le=0.9)
    optimizer: Literal["sgd", "momentum", "nesterov", "adamw"] = "sgd"
    learning_rate: LearningRate = 0.1
    schedule: Literal["constant", "step", "cosine", "one-cycle"] = "constant"
    weight_decay: float = Field(default=0.0, ge=0, le=10)
    batch_size: int = Field(default=32, ge=1, le=1024)
    epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS)
    weight_average: float = Field(default=0.0, ge=0, lt=1)
    warps: Warps = "none"
    ease_off: float = Field(default=0.0, ge=0, le=1, description="Share of the epochs over which the warps fade away.")
    images: int = Field(default=5_000, ge=100, le=MOST_IMAGES, description="How many training images an epoch has.")
    seed: int = Field(default=0, ge=0, lt=2**31)
    zero_weights: bool = Field(default=False, description="All weights begin as 0: a famous mistake.")
    sorted_by_digit: bool = Field(
        default=False, description="All zeros first, then all ones …, never shuffled: another."
    )

    @property
    def validation_images(self) -> int:
        """How many images are held out: a fifth as many as it trains on, since ``Training`` takes no more of all."""
        return min(MOST_VALIDATION, self.images // 5)

    def recipe(self) -> Recipe:
        """The library's recipe for it.

        Raises:
            DigitsError: if there is none, or it would take too much for a studio.
        """
        own = {"warps", "images", "seed", "zero_weights", "sorted_by_digit", "hidden"}
        recipe = Recipe(
            **self.model_dump(exclude=own),
            hidden=tuple(self.hidden),
            augmentation=WARPS[self.warps],
            validation=MOST_VALIDATION,
        )
        parameters = count_parameters(recipe.layers(), recipe.input_shape)
        if parameters > MOST_PARAMETERS:
            raise DigitsError(
                f"the network would have {parameters:,} parameters; here at most {MOST_PARAMETERS:,} are trained. Take"
                " smaller layers."
            )
        if sum(layer.infer_size() for layer in recipe.network(self.seed).layers) * self.batch_size > MOST_NUMBERS:
            raise DigitsError("a batch would need too much memory; take smaller batches or fewer filters.")
        return recipe

    def data(self, train_set: Dataset) -> Dataset:
        """The images of the run: those to train on, and after them those to validate on, from the set's end."""
        order = np.arange(self.images)
        if self.sorted_by_digit:
            order = np.argsort(train_set.labels[: self.images], kind="stable")
        chosen = np.concatenate([order, np.arange(MOST_IMAGES, MOST_IMAGES + self.validation_images)])
        return Dataset(train_set.images[chosen], train_set.labels[chosen], source=train_set.source)


class Measure(BaseModel):
    """What was measured at one step. What is not a finite number is null."""

    step: int
    epoch: float = Field(description="1.5 is the middle of the second epoch.")
    batch_loss: float | None = Field(description="Mean loss of the batches since the measure before; null at first.")
    learning_rate: float
    images_per_second: float | None = Field(description="In steps of training alone.")
    loss: float | None = Field(description="On some of the training images, in nats.")
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    gradients: list[float | None] = Field(description="Root mean square of each layer's weights' gradients.")
    dead: list[float] = Field(description="Share of dead units behind each activation function.")
    answer: Probabilities | None = Field(default=None, description="For the digit that is watched.")


class View(BaseModel):
    """What a network is at one step."""

    step: int
    epoch: float
    measure: Measure
    confusion: list[list[int]] | None = Field(description="Validation images of digit [row] read as digit [column].")
    weights: EncodedArray = Field(description="The first layer's, (units, height, width) int8; ±127 is ±limit.")
    limit: float
    units: int = Field(description="How many there are; no more than 64 are shown.")


class Parent(BaseModel):
    """Where a fork left another run."""

    run: int
    step: int
    epoch: float


class RunSummary(BaseModel):
    """A run in a list."""

    id: int
    name: Name
    settings: RunSettings
    parent: Parent | None = None
    created: str
    status: Status = "paused"
    message: str | None = Field(default=None, description="Why it ended, where it did not just finish.")
    step: int = 0
    epoch: float = 0.0
    total_steps: int
    parameters: int
    learning_rate: float
    pace: Pace = Field(default=0, description="Steps a second at most; 0 for as many as can be.")
    layers: list[str] = Field(description="Those with weights: what `gradients` is about.")
    activations: list[str] = Field(description="What `dead` is about.")
    validation_images: int
    validation_accuracy: float | None = None


class RunRecord(RunSummary):
    """A run with its history."""

    seconds: float = 0.0
    specimen: Pixels | None = Field(default=None, description="The digit that is watched.")
    snapshots: list[int] = Field(default=[], description="The steps that can be gone back to.")
    snapshot_stride: int = 1
    measures: list[Measure] = []
    measure_stride: int = 1
    first_step: int = 0
    revision: int = Field(default=0, description="Grows when measures that were there already have changed.")
    version: int = Field(default=0, description="Grows with every change: of two answers the one with more is newer.")


class RunUpdate(BaseModel):
    """What is new in a run, as sent while it trains."""

    status: Status
    message: str | None
    step: int
    epoch: float
    learning_rate: float
    pace: Pace
    seconds: float
    snapshots: list[int]
    revision: int
    version: int
    whole: bool = Field(description="Whether `measures` are all there are, not only the new ones.")
    measures: list[Measure]
    view: View | None
