"""Forking a run of training: going on from a checkpoint with other settings.

    other = recipe.changed(optimizer="adamw", learning_rate=0.001)
    checkpoint = fork(training.checkpoint(), other, images=len(training.batches.images))
    training = train(other.network(seed), dataset, other, seed=seed, resume_from=checkpoint)

With the same settings the fork gives, bit for bit, what the run itself gave. Whatever has no weights may be changed:
the optimizer, the learning rate and its schedule, decay, batches, dropout, activation, augmentation, averaging, epochs.
"""

from __future__ import annotations

from typing import Any

from digits.errors import DigitsError
from digits.layers import array_shapes
from digits.recipes import Recipe


def fork(checkpoint: dict[str, Any], recipe: Recipe, images: int) -> dict[str, Any]:
    """Make the checkpoint that a run of another recipe goes on from.

    What the settings leave alone stays: weights, place in the epoch, the optimizer's vectors. A new optimizer begins
    without memory; batches of another size go on at, or shortly before, the image that would have been next.

    Args:
        checkpoint: what ``Training.checkpoint()`` returned; it is left as it is.
        recipe: of the fork. Its ``learning_rate`` is taken, not the one that the checkpoint has.
        images: how many an epoch has.

    Raises:
        DigitsError: if the recipe's network has other weights, or it ends before the checkpoint's epoch.
    """
    old = Recipe.from_dict(checkpoint["recipe"])
    if _weights(old) != _weights(recipe):
        raise DigitsError(
            "a fork goes on with the weights that are there, so its layers stay; begin a new run to change them."
        )
    if recipe.epochs <= checkpoint["epoch"]:
        raise DigitsError(f"{checkpoint['epoch']} epochs are done already: a fork needs more of them.")
    changed = dict(checkpoint)
    changed["recipe"] = recipe.to_dict()
    changed["network"] = {"input_shape": list(recipe.input_shape), "layers": [x.config() for x in recipe.layers()]}
    changed["learning_rate"] = recipe.learning_rate
    if recipe.batch_size != old.batch_size:
        done = min(checkpoint["batch"] * old.batch_size, images)
        changed["batch"] = -(-images // recipe.batch_size) if done == images else done // recipe.batch_size
        changed["loss_sum"] = checkpoint["loss_sum"] * changed["batch"] / max(checkpoint["batch"], 1)
    if recipe.optimizer != old.optimizer:
        changed["optimizer"] = {"steps": 0, "learning_rate": recipe.learning_rate}
    if not recipe.weight_average:
        changed["averages"] = []
    elif not old.weight_average:
        changed["averages"] = [checkpoint["parameters"].copy(), checkpoint["statistics"].copy()]
    return changed


def _weights(recipe: Recipe) -> list[tuple[int, ...]]:
    """The shapes of a recipe's weights, in order: what may not change. Positions may: dropout has none."""
    return list(array_shapes(recipe.layers(), recipe.input_shape).values())
