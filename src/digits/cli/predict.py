"""Commands that ask about images: ``digits predict``, ``digits explain`` and ``digits submission``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits.cli.messages import print_json, say, working
from digits.cli.options import (
    file_type,
    json_option,
    model_option,
    require_figure,
    test_data_option,
    train_data_option,
)
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.explanation import Explanation
    from digits.predictions import Question


@click.command(context_settings={"ignore_unknown_options": True})  # so that -1 is a wrong index, not an option
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

    if plot:
        require_figure(plot)
    questions = find_questions(what, test_data)
    trained = load_model(model)
    say(f"model: {trained.name}")
    with working(f"reading {len(questions):,} images"):
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


def find_questions(what: tuple[str, ...], test_data: Path | None) -> list[Question]:
    """Tell indices from picture files and load what they name; the test set only where an index needs it."""
    from digits.datasets import load_test
    from digits.predictions import from_picture, from_test_set, looks_like_indices, parse_indices

    questions: list[Question] = []
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


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("what", metavar="INDEX|PICTURE")
@click.option("--plot", type=file_type, required=True, metavar="F.png", help="Draw the explanation into this file.")
@model_option
@train_data_option
@test_data_option
def explain(what: str, plot: Path, model: str | None, train_data: Path | None, test_data: Path | None) -> None:
    """Show which pixels speak for the answer and which against it, what the layers see, and what is alike.

    \b
    Example:
      digits explain 18 --plot why.png
    """
    from digits.datasets import load_train
    from digits.explanation import explain as take_apart
    from digits.explanation import nearest
    from digits.model_files import load_model
    from digits.plots import explanation as draw
    from digits.plots import save

    require_figure(plot)
    questions = find_questions((what,), test_data)
    if len(questions) != 1:
        raise DigitsError(f"explain takes one image; {what} names {len(questions)}.")
    image = questions[0].image
    trained = load_model(model)
    say(f"model: {trained.name}")
    parts = take_apart(trained.network, image)
    train_set = load_train(train_data)
    comparing = f"comparing with {len(train_set):,} training images"
    say(f"{comparing}: {train_set.source} …")
    with working(comparing):
        neighbours = nearest(trained.network, image, train_set.images, train_set.labels)
    save(draw(image, parts, neighbours), plot)
    say(f"saved {plot}")
    click.echo(explanation_lines(parts))


def explanation_lines(parts: Explanation) -> str:
    """Say how the margin is shared among pixels and the rest, in both ways; each line adds up to it."""
    rest = _signed(parts.rest)  # not 0 where an activation is smooth
    return (
        f"{parts.winner} rather than {parts.runner_up}, by {parts.margin:.3f} (logits)\n"
        f"gradient × input: pixels {_signed(parts.contributions.sum())}, biases {_signed(parts.bias_share)}"
        f"{'' if rest == '+0.000' else f', rest {rest}'}\n"
        f"integrated gradients: pixels {_signed(parts.integrated.sum())},"
        f" an image without ink {_signed(parts.empty_margin)}, residue {_signed(parts.residue)}"
    )


def _signed(value: float) -> str:
    return f"{round(float(value), 3) + 0.0:+.3f}"  # what rounds to −0 is +0


@click.command()
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
    trained = load_model(model)
    with working(f"reading {len(test_set):,} images"):
        answers = finite_probabilities(trained.network, test_set.images).argmax(axis=1)
    with atomic_write(out) as file:
        file.write(b"ImageId,Label\n")
        file.writelines(b"%d,%d\n" % row for row in enumerate(answers.tolist(), start=1))
    say(f"saved {out}: {len(answers):,} answers")
