"""One image, or several, with what a network answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from digits.terminal.console import RIGHT, WRONG, has_unicode, printable

if TYPE_CHECKING:
    from digits.activations import Array
    from digits.predictions import Prediction

SHADES_OF_BLOCKS = " ░▒▓█"
SHADES_OF_ASCII = " .+#@"
BAR = 24  # characters of a probability of 1
BESIDE = 44  # characters of a line besides the bar
MOST_DRAWN = 10  # answers shown with their image; more get a line each


def draw_image(image: Array, console: Console) -> list[Text]:
    """A 28 × 28 image as 14 lines of 28 characters, two pixels above each other in each.

    With colours each character is an upper half block, its colour one pixel and its background the other. Without, one
    of five shades.

    Args:
        image: ``(28, 28) uint8``.
        console: where it will be printed.
    """
    pairs = zip(image[0::2].tolist(), image[1::2].tolist(), strict=True)
    if console.color_system and not console.no_color and has_unicode(console):
        return [_coloured_line(upper, lower) for upper, lower in pairs]
    shades = SHADES_OF_BLOCKS if has_unicode(console) else SHADES_OF_ASCII
    return [
        Text("".join(shades[(a + b) * len(shades) // 511] for a, b in zip(upper, lower, strict=True)))
        for upper, lower in pairs
    ]


def _coloured_line(upper: list[int], lower: list[int]) -> Text:
    line = Text()
    for a, b in zip(upper, lower, strict=True):
        line.append("▀", style=f"rgb({a},{a},{a}) on rgb({b},{b},{b})")
    return line


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
    mark = "█" if has_unicode(console) else "#"
    width = max(4, min(BAR, console.width - BESIDE))
    lines = []
    for digit, probability in enumerate(prediction.probabilities):
        style = "bold" if digit == prediction.label else ""
        if digit == prediction.label and prediction.truth is not None:
            style = RIGHT if prediction.truth == digit else WRONG
        bar = mark * round(probability * width)
        lines.append(Text(f"{digit} {bar:<{width}} {probability:7.2%}", style=style))
    return lines


def show_predictions(predictions: Sequence[Prediction], console: Console) -> None:
    """Print each answer: with its image and probabilities where they are few, else in a line."""
    show = show_prediction if len(predictions) <= MOST_DRAWN else show_prediction_line
    for prediction in predictions:
        show(prediction, console)
    known = [prediction for prediction in predictions if prediction.truth is not None]
    if len(known) > 1:
        right = sum(prediction.truth == prediction.label for prediction in known)
        console.print(f"\n{right:,} of {len(known):,} right")
