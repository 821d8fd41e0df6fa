"""The commands. Each reads its options, calls the library, and prints; none holds an algorithm of its own.

Standard output carries results, standard error everything else. ``main`` turns what a user can mend into one sentence
and exit status 1; click answers wrong usage with status 2; an interruption ends with 130.

A command imports what it needs when it runs, so that ``digits --help`` waits for click only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from digits.errors import DigitsError, Interrupted
from digits.version import __version__


class Sizes(click.ParamType[tuple[int, ...]]):
    """``128,64`` → ``(128, 64)``."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read whole numbers with commas between them."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers like 128,64", param, ctx)


SEED = click.IntRange(0, 2**63 - 1)
Command = Callable[..., Any]
model_option = click.option(
    "--model",
    metavar="FILE|NAME",
    help="A model file, or the name of a shipped model. [default: model.pkl here, else the shipped one]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
file_type = click.Path(path_type=Path, readable=False)  # what cannot be read gets a sentence of ours
train_data_option = click.option(
    "--train-data",
    type=file_type,
    metavar="F",
    help="CSV or IDX file to train on. [default: data/train.csv, else MNIST]",
)
test_data_option = click.option(
    "--test-data", type=file_type, metavar="F", help="CSV or IDX file to test on. [default: data/test.csv, else MNIST]"
)


def say(message: str) -> None:
    """Tell the person something that is no result."""
    from digits.terminal import printable

    click.echo(printable(message), err=True)


def print_json(value: Any) -> None:
    """Print the one JSON object of a command."""
    import json

    click.echo(json.dumps(value, indent=2, allow_nan=False))


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="digits")
@click.pass_context
def digits(context: click.Context) -> None:
    """Handwritten digits, recognised by a neural network written from scratch in NumPy.

    Without a command, the menu opens.

    \b
    Examples:
      digits                          the menu
      digits predict 0 1 2            three test images
      digits train --hidden 128,64    train a network of your own
      digits evaluate --plots figures
    """
    if context.invoked_subcommand is None:
        from digits.menu import Menu

        Menu().run()


@digits.command()
@click.option("--recipe", metavar="NAME", help="Named settings to start from; see digits recipes. [default: quick]")
@click.option("--hidden", type=Sizes(), metavar="N,N", help="Units in each hidden layer, e.g. 128,64.")
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
@click.option("--seed", type=SEED, metavar="N", help="Same seed, same network. [default: 0]")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Parts of each batch that are computed side by side. [default: 1 for small networks, 2 for large ones]",
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
    """
    from digits.augmentation import Augmentation
    from digits.datasets import load_test, load_train
    from digits.recipes import USUAL_WARPS, find_recipe
    from digits.runs import Run, find_interruption
    from digits.terminal import TrainingDisplay, make_console

    saved = find_interruption(path) if resume else None
    start = saved.recipe if saved and not recipe else find_recipe(recipe or "quick")
    given = {name: value for name, value in changes.items() if value is not None}
    if augment is not None:
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

    say(f"training data: {train_set.source}, {len(train_set):,} images, {run.held_out:,} of them held out to validate")
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


def require_plots(folder: Path) -> None:
    """Fail now, not after the work, if figures cannot be drawn or written."""
    import digits.plots  # noqa: F401  says what to install where Matplotlib is missing
    from digits.atomic_files import require_writable

    require_writable(folder / "figure.png")


@digits.command()
@model_option
@test_data_option
@click.option("--plots", type=file_type, metavar="DIR", help="Draw the figures into this folder.")
@json_option
def evaluate(model: str | None, test_data: Path | None, plots: Path | None, as_json: bool) -> None:
    """Accuracy, confusion and the worst mistakes on the test set.

    \b
    Examples:
      digits evaluate
      digits evaluate --plots figures
      digits evaluate --model mine.pkl --test-data data/test.csv --json
    """
    from digits.datasets import load_test
    from digits.evaluation import evaluate as measure
    from digits.model_files import load_model

    trained = load_model(model)
    test_set = load_test(test_data)
    labels = test_set.labels
    say(f"model: {trained.name}; test data: {test_set.source}")
    evaluation = measure(trained.network, test_set.images, labels)
    if plots:
        from digits.plots import evaluation_figures, save

        for name, figure in evaluation_figures(trained.network, test_set.images, evaluation).items():
            save(figure, plots / f"{name}.png")
            say(f"saved {plots / name}.png")
    if as_json:
        print_json(evaluation.to_dict())
    else:
        from digits.terminal import make_console, show_evaluation

        show_evaluation(evaluation, make_console())


@digits.command(context_settings={"ignore_unknown_options": True})  # so that -1 is a wrong index, not an option
@click.argument("what", nargs=-1, required=True, metavar="INDEX…|PICTURE…")
@model_option
@test_data_option
@click.option("--plot", type=file_type, metavar="F.png", help="Draw the answers into this file.")
@json_option
def predict(what: tuple[str, ...], model: str | None, test_data: Path | None, plot: Path | None, as_json: bool) -> None:
    """Recognise images of the test set, or pictures of one digit.

    \b
    Examples:
      digits predict 0 1 2
      digits predict 10-20 --plot answers.png
      digits predict my-seven.png --json
    """
    from digits.model_files import load_model
    from digits.predictions import answer, columns
    from digits.terminal import make_console, show_predictions

    questions = find_questions(what, test_data)
    trained = load_model(model)
    say(f"model: {trained.name}")
    answers = answer(trained.network, questions)
    if plot:
        from digits.plots import predictions, save

        if len(answers) > 10:
            say(f"drawing {len(answers)} images …")
        save(predictions(*columns(answers)), plot)
        say(f"saved {plot}")
    if as_json:
        print_json({"predictions": [prediction.to_dict() for prediction in answers]})
    else:
        show_predictions(answers, make_console())


def find_questions(what: tuple[str, ...], test_data: Path | None) -> list[Any]:
    """Tell indices from picture files and load what they name; the test set only where an index needs it."""
    from digits.datasets import load_test
    from digits.predictions import from_picture, from_test_set, looks_like_indices, parse_indices

    questions = []
    test_set = None
    for name in what:
        if name.startswith("--"):
            raise click.NoSuchOption(name, ctx=click.get_current_context())
        if looks_like_indices(name):
            if test_set is None:
                test_set = load_test(test_data)
                say(f"test data: {test_set.source}")
            questions += from_test_set(parse_indices(name, len(test_set)), test_set)
        elif os.path.exists(name):  # noqa: PTH110  Path.exists fails on names that are too long
            questions.append(from_picture(name))
        else:
            raise DigitsError(f"{name} is neither a file nor indices like 0 1 2 or 10-20 of the test set's images.")
    return questions


@digits.command(context_settings={"ignore_unknown_options": True})
@click.argument("what", metavar="INDEX|PICTURE")
@click.option("--plot", type=file_type, required=True, metavar="F.png", help="Draw the explanation into this file.")
@model_option
@test_data_option
def explain(what: str, plot: Path, model: str | None, test_data: Path | None) -> None:
    """Show which pixels speak for the answer and which against it.

    \b
    Example:
      digits explain 18 --plot why.png
    """
    from digits.explanation import explain as take_apart
    from digits.model_files import load_model
    from digits.plots import explanation as draw
    from digits.plots import save

    questions = find_questions((what,), test_data)
    if len(questions) != 1:
        raise DigitsError(f"explain takes one image; {what} names {len(questions)}.")
    trained = load_model(model)
    say(f"model: {trained.name}")
    parts = take_apart(trained.network, questions[0].image)
    save(draw(questions[0].image, parts), plot)
    say(f"saved {plot}")
    shares = f"pixels {parts.contributions.sum():+.3f}, biases {parts.bias_share:+.3f}"
    click.echo(f"{parts.winner} rather than {parts.runner_up}, by {parts.margin:.3f}: {shares}")


@digits.command()
@click.option("--test-data", type=file_type, required=True, metavar="F", help="Kaggle's test.csv.")
@click.option("--out", type=file_type, required=True, metavar="F", help="The file to write, e.g. submission.csv.")
@model_option
def submission(test_data: Path, out: Path, model: str | None) -> None:
    """Write the file that Kaggle's Digit Recognizer competition takes.

    \b
    Example:
      digits submission --test-data data/test.csv --out submission.csv
    """
    from digits.atomic_files import atomic_write
    from digits.datasets import load_test
    from digits.evaluation import finite_probabilities
    from digits.model_files import load_model

    test_set = load_test(test_data)
    if test_data.exists() and out.exists() and out.samefile(test_data):
        raise DigitsError(f"{out} is the test data themselves; write the answers to another file.")
    answers = finite_probabilities(load_model(model).network, test_set.images).argmax(axis=1)
    with atomic_write(out) as file:
        file.write(b"ImageId,Label\n")
        file.writelines(b"%d,%d\n" % row for row in enumerate(answers.tolist(), start=1))
    say(f"saved {out}: {len(answers):,} answers")


@digits.group()
def data() -> None:
    """Look at the data that is used, or write it out."""


@data.command()
@json_option
def info(as_json: bool) -> None:
    """Say what is loaded from where."""
    from digits.datasets import data_info
    from digits.terminal import make_console, show_data_info

    found = data_info()
    if as_json:
        print_json(found)
    else:
        show_data_info(found, make_console())


@data.command()
@click.option("--format", "file_format", type=click.Choice(["csv", "idx"]), required=True)
@click.option("--out", type=file_type, required=True, metavar="DIR", help="The folder to write into.")
@train_data_option
@test_data_option
def export(file_format: str, out: Path, train_data: Path | None, test_data: Path | None) -> None:
    """Write training and test set as CSV (as Kaggle's) or IDX (as MNIST's) files.

    \b
    Example:
      digits data export --format csv --out data
    """
    from digits.datasets import export as write
    from digits.datasets import load_test, load_train

    for part, dataset in (("train", load_train(train_data)), ("test", load_test(test_data))):
        say(f"{part}: {dataset.source}, {len(dataset):,} images")
        for path in write(dataset, part, file_format, out):
            say(f"saved {path}")


@digits.command("check-gradients")
@click.option("--seed", type=SEED, default=0, metavar="N", help="Of the networks and images. [default: 0]")
@json_option
def check_gradients(seed: int, as_json: bool) -> None:
    """Compare backpropagation with central differences, for every kind of layer.

    \b
    Example:
      digits check-gradients
    """
    from digits.gradient_check import TOLERANCE, check_all
    from digits.terminal import make_console, show_gradient_checks

    checks = check_all(seed)
    worst = max(check.max_relative_error for check in checks)
    if as_json:
        each = {check.name: check.max_relative_error for check in checks}
        print_json({"max_relative_error": worst, "checks": each})
    else:
        show_gradient_checks(checks, make_console())
    if not worst <= TOLERANCE:
        raise DigitsError(f"backpropagation is wrong: a relative error of {worst:.1e}, above {TOLERANCE:.0e}.")


@digits.command()
@json_option
def recipes(as_json: bool) -> None:
    """List the named recipes with the error and time to expect."""
    from digits.recipes import RECIPES
    from digits.terminal import make_console, show_recipes

    if as_json:
        print_json({"recipes": [recipe.to_dict() | recipe.expected() for recipe in RECIPES.values()]})
    else:
        show_recipes(list(RECIPES.values()), make_console())


@digits.command()
@json_option
def models(as_json: bool) -> None:
    """List the trained models that are shipped."""
    from digits.model_files import load_model, shipped_models
    from digits.terminal import make_console, show_models

    shipped = {name: load_model(path) for name, path in shipped_models().items()}
    if as_json:
        print_json({"models": [{"name": name, **model.summary()} for name, model in shipped.items()]})
    else:
        show_models(shipped, make_console())


def main() -> None:
    """Run the command line; never end in a traceback over what a user did."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?", and goes on
    sys.exit(_run())


def _run() -> int:
    try:
        result = digits.main(standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except DigitsError as error:
        return _fail(f"Error: {error}", 1)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Interrupted as error:
        return _fail(f"{error} To go on, type the same command with --resume.", 130)
    except (KeyboardInterrupt, click.Abort):
        return _fail("Interrupted.", 130)
    except MemoryError:
        return _fail("Error: there is not enough memory for this; use a smaller network or fewer images.", 1)
    except OSError as error:  # of standard output, as a rule: files have sentences of their own
        sys.stdout = None  # or Python would try to write the rest when it exits
        return 0 if isinstance(error, BrokenPipeError) else _fail(f"Error: {error.strerror or error}.", 1)
    return result if isinstance(result, int) else 0


def _fail(message: str, status: int) -> int:
    say(message)
    return status
