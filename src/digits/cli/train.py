"""``digits train``, and the recipes that it follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from digits.cli.messages import print_json, say
from digits.cli.options import (
    SEED,
    Sizes,
    file_type,
    json_option,
    require_plots,
    test_data_option,
    train_data_option,
)


@click.command()
@click.option("--recipe", metavar="NAME", help="Named settings to start from; see digits recipes. [default: quick]")
@click.option(
    "--convolutions",
    metavar="TEXT",
    help='What comes before the hidden layers, e.g. "32x5 pool 64x3 pool": filters × size; "" for none.',
)
@click.option("--hidden", type=Sizes(), metavar="N,N", help="Units in each hidden layer, e.g. 128,64.")
@click.option("--batch-norm/--no-batch-norm", default=None, help="Normalise each hidden layer over the batch.")
@click.option("--activation", metavar="NAME", help="relu, leaky-relu, sigmoid or tanh.")
@click.option("--dropout", type=float, metavar="X", help="Share of hidden outputs set to 0 in training.")
@click.option("--optimizer", metavar="NAME", help="sgd, momentum, nesterov or adamw.")
@click.option("--learning-rate", type=float, metavar="X", help="The highest of the schedule.")
@click.option("--schedule", metavar="NAME", help="Of the learning rate: constant, step, cosine or one-cycle.")
@click.option("--weight-decay", type=float, metavar="X", help="L2 decay; decoupled with adamw.")
@click.option("--weight-average", type=float, metavar="X", help="Decay of the average of the weights; 0 for none.")
@click.option("--batch-size", type=int, metavar="N", help="Images a step.")
@click.option("--epochs", type=int, metavar="N", help="Passes over the training images.")
@click.option("--validation", type=int, metavar="N", help="Last training images to hold out; 0 trains on all.")
@click.option("--augment/--no-augment", default=None, help="Warp the training images at random, anew in each epoch.")
@click.option("--ease-off", type=float, metavar="X", help="Share of the epochs, at the end, in which the warps fade.")
@click.option("--seed", type=SEED, metavar="N", help="Same seed, same network. [default: 0]")
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    metavar="N",
    help="How many compute side by side. [default: 2 with convolutions or a teacher, else 1;"
    " all cores for large products]",
)
@click.option(
    "--model", "path", type=file_type, default="model.pkl", metavar="F", help="File to write. [default: model.pkl]"
)
@train_data_option
@test_data_option
@click.option("--resume", is_flag=True, help="Go on with an interrupted run, to the very weights it would have had.")
@click.option("--plots", type=file_type, metavar="DIR", help="Draw loss and accuracy by epoch into this folder.")
@json_option
def train(
    recipe: str | None,
    augment: bool | None,
    seed: int | None,
    threads: int | None,
    path: Path,
    train_data: Path | None,
    test_data: Path | None,
    resume: bool,
    plots: Path | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Train a network, save it, measure it on the test set.

    \b
    Examples:
      digits train
      digits train --recipe plain --seed 3 --model plain.pkl
      digits train --hidden 300 --activation tanh --epochs 5
      digits train --convolutions "16x5 pool 32x5 pool" --hidden 128 --batch-norm
    """
    from digits.augmentation import Augmentation
    from digits.datasets import load_test, load_train
    from digits.recipes import USUAL_WARPS, find_recipe
    from digits.runs import Run, find_interruption
    from digits.terminal import TrainingDisplay, make_console

    saved = find_interruption(path) if resume else None
    start = saved.recipe if saved and not recipe else find_recipe(recipe or "quick")
    given = {name: value for name, value in changes.items() if value is not None}
    if augment is not None and augment != bool(start.augmentation):
        given["augmentation"] = USUAL_WARPS if augment else Augmentation()
    chosen = start.changed(**given)
    if seed is None:
        seed = saved.seed if saved else 0
    if threads is None and saved:
        threads = saved.threads
    train_set, test_set = load_train(train_data), load_test(test_data)
    if plots:
        require_plots(plots)
    run = Run(chosen, seed, train_set, test_set, path, saved.checkpoint if saved else None, threads)

    held_out = f"{run.held_out:,} of them held out to validate" if run.held_out else "none held out"
    say(f"training data: {train_set.source}, {len(train_set):,} images, {held_out}")
    say(f"test data: {test_set.source}, {len(test_set):,} images{'' if test_set.has_labels else ' without labels'}")
    say(f"recipe {chosen.name}, seed {seed}: {run.network!r}")
    if resume:
        say(f"Going on from step {run.training.steps:,}." if saved else "No checkpoint: beginning anew.")
    if run.replaced:
        say(f"An interrupted run was saved here; --resume would have gone on with it. It is kept in {run.replaced}.")
    with TrainingDisplay(run.training, make_console(stderr=True)) as display:
        for event in run.events():
            display.show(event)

    if plots:
        from digits.plots import learning_curves, save

        save(learning_curves(run.training.history), plots / "learning.png")
        say(f"saved {plots / 'learning.png'}")
    if as_json:
        print_json(run.results)
    else:
        click.echo(result_line(run.results))


def result_line(results: dict[str, Any]) -> str:
    """Say in a line what a finished run made."""
    accuracy = results["test_accuracy"]
    measured = (
        "not measured: the test data have no labels" if accuracy is None else f"{accuracy:.2%} right on the test set"
    )
    return f"saved {results['model']}: {measured}, trained in {results['train_seconds']:.1f} s"


@click.command()
@json_option
def recipes(as_json: bool) -> None:
    """List the named recipes with the error and time to expect."""
    from digits.recipes import RECIPES
    from digits.terminal import make_console, show_recipes

    if as_json:
        print_json({"recipes": [recipe.to_dict() | recipe.expected() for recipe in RECIPES.values()]})
    else:
        show_recipes(list(RECIPES.values()), make_console())
