"""What a run can begin with: the library's recipes, and mistakes made famous, each with what to watch."""

from __future__ import annotations

from pydantic import BaseModel

from digits.recipes import RECIPES, Recipe
from digits.studio.run_record import MOST_EPOCHS, MOST_PARAMETERS, WARPS, RunSettings


class Preset(BaseModel):
    """Settings with a name."""

    name: str
    about: str
    watch: str
    mistake: bool
    settings: RunSettings


def presets() -> list[Preset]:
    """All of them: a first network, the recipes that a studio can train, the mistakes."""
    recipes = [_from_recipe(recipe) for recipe in RECIPES.values() if _fits(recipe)]
    return [FIRST, *recipes, *MISTAKES]


FIRST = Preset(
    name="first network",
    about="Two small hidden layers and plain gradient descent: a minute's lesson.",
    watch="Strokes and blobs form in the first layer's pictures; the validation curve leaves the training curve.",
    mistake=False,
    settings=RunSettings(),
)

MISTAKES = [
    Preset(
        name="learning rate too high",
        about="The first network, but each step is ten times too long.",
        watch="The loss jumps about instead of falling, and units die: a step threw them where no gradient flows.",
        mistake=True,
        settings=RunSettings(learning_rate=1.0, epochs=5),
    ),
    Preset(
        name="zero initialisation",
        about="All weights begin as 0, so all units are alike and stay alike.",
        watch="The gradients of all layers are 0 for ever; only the last biases learn, how frequent each digit is.",
        mistake=True,
        settings=RunSettings(zero_weights=True, epochs=5),
    ),
    Preset(
        name="sigmoid in ten layers",
        about="Ten hidden layers, each of which lets at most a quarter of the gradient through.",
        watch="The gradients of the first layers are under a millionth of the last one's: their pictures stay noise.",
        mistake=True,
        settings=RunSettings(hidden=[32] * 10, activation="sigmoid", epochs=5),
    ),
    Preset(
        name="no shuffling",
        about="All zeros first, then all ones, then all twos: the order of the digits, in every epoch.",
        watch="The network answers with the digit it saw last and forgets the others: one column of the matrix fills.",
        mistake=True,
        settings=RunSettings(sorted_by_digit=True, epochs=5),
    ),
]


def _fits(recipe: Recipe) -> bool:
    """Whether it is small enough to be looked at, and all of it can be set."""
    settable = recipe.augmentation in WARPS.values() and not (recipe.begins_with or recipe.teacher)
    return settable and recipe.network(0).parameters.size <= MOST_PARAMETERS


def _from_recipe(recipe: Recipe) -> Preset:
    warps = {augmentation: name for name, augmentation in WARPS.items()}
    fewer = 10_000 if not recipe.convolutions else 2_000
    return Preset(
        name=recipe.name,
        about=f"{recipe.about[0].upper()}{recipe.about[1:]}.",
        watch=_WATCH[recipe.name],
        mistake=False,
        settings=RunSettings.model_validate(
            {
                "convolutions": recipe.convolutions,
                "hidden": list(recipe.hidden),
                "batch_norm": recipe.batch_norm,
                "activation": recipe.activation,
                "dropout": recipe.dropout,
                "optimizer": recipe.optimizer,
                "learning_rate": recipe.learning_rate,
                "schedule": recipe.schedule,
                "weight_decay": recipe.weight_decay,
                "batch_size": recipe.batch_size,
                "epochs": min(recipe.epochs, MOST_EPOCHS),
                "weight_average": recipe.weight_average,
                "warps": warps[recipe.augmentation],
                "ease_off": recipe.ease_off,
                "images": fewer,
            }
        ),
    )


_WATCH = {
    "quick": "The learning rate rises and falls in one cycle; accuracy climbs last when it is nearly 0.",
    "plain": "The training curve goes on to perfection while the validation curve stands still: overfitting.",
    "standard": "Warped images are harder to learn by heart, so the two curves stay together.",
    "cnn": "Small filters become edges of all directions within the first epoch.",
    "gentle-cnn": "Compare it with cnn: without noise and coarse grids the loss falls faster.",
    "best-cnn": "As the warps fade away in the last epochs, the training curve rises above the validation curve.",
    "deep-cnn": "Compare it with best-cnn: two convolutions more; a step takes longer, and the loss falls much alike.",
}
