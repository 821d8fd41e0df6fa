"""What the commands and the menu show on a terminal: digits drawn in characters, probabilities as bars, progress.

Through a pipe the same words come without colours and without anything that moves.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.text import Text

from digits.training import EpochEnd, Event, Step, Training

if TYPE_CHECKING:  # each command imports what it shows; the others do not wait for it
    from rich.console import JustifyMethod
    from rich.table import Table

    from digits.activations import Array
    from digits.evaluation import Evaluation
    from digits.gradient_check import GradientCheck
    from digits.model_files import TrainedModel
    from digits.predictions import Prediction
    from digits.recipes import Recipe

RIGHT, WRONG = "bold bright_blue", "bold dark_orange"  # told apart by the colour-blind, and by their words
SHADES_OF_BLOCKS = " ░▒▓█"
SHADES_OF_ASCII = " .+#@"
PIPE_WIDTH = 120  # characters of a table where there is no terminal to ask for its width
BAR = 24  # characters of a probability of 1
BESIDE = 44  # characters of a line besides the bar
FRAME_SECONDS = 0.1  # between two pictures of the progress bar


def make_console(*, stderr: bool = False) -> Console:
    """A console that knows by itself whether it writes to a terminal, and colours nothing it was not told to."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream and stream.isatty() else PIPE_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """A text with a mark for each control character: names from files must not move the cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def draw_image(image: Array, console: Console) -> list[Text]:
    """A 28 × 28 image as 14 lines of 28 characters, two pixels above each other in each.

    With colours each character is an upper half block, its colour one pixel and its background the other. Without, one
    of five shades.

    Args:
        image: ``(28, 28) uint8``.
        console: where it will be printed.
    """
    pairs = zip(image[0::2].tolist(), image[1::2].tolist(), strict=True)
    if console.color_system and not console.no_color and _unicode(console):
        return [_coloured_line(upper, lower) for upper, lower in pairs]
    shades = SHADES_OF_BLOCKS if _unicode(console) else SHADES_OF_ASCII
    return [
        Text("".join(shades[(a + b) * len(shades) // 511] for a, b in zip(upper, lower, strict=True)))
        for upper, lower in pairs
    ]


def _coloured_line(upper: list[int], lower: list[int]) -> Text:
    line = Text()
    for a, b in zip(upper, lower, strict=True):
        line.append("▀", style=f"rgb({a},{a},{a}) on rgb({b},{b},{b})")
    return line


def _unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")


def show_prediction(prediction: Prediction, console: Console) -> None:
    """Print the image with the answer and the ten probabilities beside it."""
    picture = draw_image(prediction.image, console)
    beside = [_title(prediction), _verdict(prediction), Text(), *_bars(prediction, console)]
    console.print()
    for left, right in zip_longest(picture, beside, fillvalue=Text()):
        console.print(Text.assemble("  ", left, "   ", right))


def show_prediction_line(prediction: Prediction, console: Console) -> None:
    """Print the answer in one line."""
    console.print(Text.assemble(_title(prediction), "  ", _verdict(prediction)))


def _title(prediction: Prediction) -> Text:
    name = f"{printable(prediction.name)}: "
    return Text.assemble(name, (str(prediction.label), "bold"), f"  {prediction.confidence:7.2%}")


def _verdict(prediction: Prediction) -> Text:
    if prediction.truth is None:
        return Text()
    if prediction.truth == prediction.label:
        return Text("right", style=RIGHT)
    return Text(f"wrong, it is a {prediction.truth}", style=WRONG)


def _bars(prediction: Prediction, console: Console) -> list[Text]:
    mark = "█" if _unicode(console) else "#"
    width = max(4, min(BAR, console.width - BESIDE))
    lines = []
    for digit, probability in enumerate(prediction.probabilities):
        style = "bold" if digit == prediction.label else ""
        if digit == prediction.label and prediction.truth is not None:
            style = RIGHT if prediction.truth == digit else WRONG
        bar = mark * round(probability * width)
        lines.append(Text(f"{digit} {bar:<{width}} {probability:7.2%}", style=style))
    return lines


class TrainingDisplay:
    """Shows a training run: a line for each epoch and, on a terminal, a bar that moves.

    Use it as a context manager and give it each event.
    """

    def __init__(self, training: Training, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # 5 ms: only to train

        self.training = training
        self.console = console
        self.began = monotonic()
        self.steps_before = training.steps
        self.next_frame = 0.0
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  {task.fields[left]}"),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        epoch = f"{min(training.epoch + 1, training.recipe.epochs)}/{training.recipe.epochs}"
        self.task = self.progress.add_task("", total=training.total_steps, epoch=epoch, loss=0.0, left="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, event: Event) -> None:
        """Show what happened."""
        if isinstance(event, EpochEnd):
            self.console.print(self._epoch_line(event))
        elif isinstance(event, Step) and self.console.is_terminal and monotonic() >= self.next_frame:
            epoch = f"{event.epoch}/{self.training.recipe.epochs}"
            self.progress.update(
                self.task, completed=event.step, epoch=epoch, loss=event.loss, left=self._time_left(), refresh=True
            )
            self.next_frame = monotonic() + FRAME_SECONDS

    def _epoch_line(self, event: EpochEnd) -> str:
        width = len(str(self.training.recipe.epochs))
        parts = [
            f"epoch {event.epoch:>{width}}/{self.training.recipe.epochs}",
            f"loss {event.loss:.4f}",
            f"training {event.train_accuracy:.2%}",
        ]
        if event.validation_accuracy is not None:
            parts.append(f"validation {event.validation_accuracy:.2%}")
        parts += [f"{event.images_per_second:,.0f} images/s", self._time_left()]
        return "  ".join(parts)

    def _time_left(self) -> str:
        done = self.training.steps - self.steps_before
        missing = self.training.total_steps - self.training.steps
        if not missing:
            return "done"
        return f"{_duration((monotonic() - self.began) / max(done, 1) * missing)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


# -- tables ----------------------------------------------------------------------------------------------------

MOST_DRAWN = 10  # answers shown with their image; more get a line each


def show_predictions(predictions: Sequence[Prediction], console: Console) -> None:
    """Print each answer: with its image and probabilities where they are few, else in a line."""
    show = show_prediction if len(predictions) <= MOST_DRAWN else show_prediction_line
    for prediction in predictions:
        show(prediction, console)
    known = [prediction for prediction in predictions if prediction.truth is not None]
    if len(known) > 1:
        right = sum(prediction.truth == prediction.label for prediction in known)
        console.print(f"\n{right:,} of {len(known):,} right")


def _table(*columns: str, text_columns: int = 1) -> Table:
    """A table without frames, the first columns of text, the others of numbers; only the last of text may wrap."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        justify: JustifyMethod = "left" if position < text_columns else "right"
        table.add_column(column, justify=justify, no_wrap=position != text_columns - 1)
    return table


def _print_table(table: Table, console: Console) -> None:
    """Print a table whole: where the terminal is narrow its lines wrap, but no number is left out."""
    console.print(table, width=max(console.width, 80))


def show_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print accuracy, the confusion matrix and the worst mistakes."""
    console.print(
        f"{evaluation.accuracy:.2%} right: {evaluation.mistake_count:,} of {evaluation.count:,} images are misread"
        f" (error {evaluation.error_percent:.2f} %)"
    )
    console.print("\nWhat each digit is read as:")
    table = _table("digit", *map(str, range(10)), "right")
    for digit, (row, share) in enumerate(zip(evaluation.confusion.tolist(), evaluation.per_digit, strict=True)):
        counts = [Text(str(n) if n else "·", style="" if n and n != row[digit] else "dim") for n in row]
        table.add_row(str(digit), *counts, "–" if share is None else f"{share:.2%}")
    _print_table(table, console)
    worst = evaluation.mistakes(limit=10).tolist()
    if worst:
        console.print("The worst mistakes, those made with most confidence:")
        table = _table("test image", "is a", "read as", "confidence", text_columns=0)
        for index in worst:
            truth, answer = evaluation.labels[index], evaluation.predictions[index]
            table.add_row(str(index), str(truth), str(answer), f"{evaluation.confidences[index]:.2%}")
        _print_table(table, console)


def show_data_info(found: dict[str, Any], console: Console) -> None:
    """Print what ``data_info`` found."""
    table = _table("part", "source", "images", "labels", *map(str, range(10)), text_columns=2)
    for part in ("train", "test"):
        of_part = found[part]
        counts = of_part["per_digit"] or ["–"] * 10
        labels = "yes" if of_part["labelled"] else "no"
        table.add_row(part, of_part["source"], f"{of_part['count']:,}", labels, *map(str, counts))
    _print_table(table, console)
    console.print(f"Parsed files are kept in {found['cache']}")


def show_gradient_checks(checks: Sequence[GradientCheck], console: Console) -> None:
    """Print the largest relative error of each check."""
    from digits.gradient_check import TOLERANCE

    table = _table("checked", "max. relative error")
    for check in checks:
        table.add_row(check.name, f"{check.max_relative_error:.1e}")
    _print_table(table, console)
    worst = max(check.max_relative_error for check in checks)
    console.print(f"maximum relative error {worst:.1e} (at most {TOLERANCE:.0e} is right)")


def show_recipes(recipes: Sequence[Recipe], console: Console) -> None:
    """Print the recipes with the error and the time to expect."""
    table = _table("recipe", "network", "what it is", "test error", "time", text_columns=3)
    for recipe in recipes:
        expected = recipe.expected()
        network = "-".join(map(str, (784, *recipe.hidden, 10)))
        error = f"{expected['test_error_percent']:.2f} %" if expected else "not measured"
        time = f"{expected['train_seconds']:.0f} s" if expected else ""
        table.add_row(recipe.name, network, recipe.about, error, time)
    _print_table(table, console)


def show_models(models: Mapping[str, TrainedModel], console: Console) -> None:
    """Print the shipped models."""
    table = _table("model", "recipe", "test error", "parameters", "size", "trained in", "seed", text_columns=2)
    for name, model in models.items():
        about = model.summary()
        error, seconds = about.get("test_error_percent"), about.get("train_seconds")
        table.add_row(
            name,
            about["recipe"],
            "–" if error is None else f"{error:.2f} %",
            f"{about['parameters']:,}",
            f"{about['bytes'] / 1000:,.0f} kB",
            "–" if seconds is None else f"{seconds:.0f} s",
            str(about["seed"]),
        )
    _print_table(table, console)
