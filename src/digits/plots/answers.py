"""Figures of single answers: images with the probability of each digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.plots.style import (
    BAR,
    BLUE,
    GREY,
    INK,
    VERMILION,
    as_pictures,
    count_images,
    drawing,
    new_figure,
    percent,
    show_image,
    with_article,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from digits.activations import Array

MOST_IMAGES = 100  # in one figure


@drawing()
def predictions(
    images: Array,
    probabilities: Array,
    truths: Sequence[int | None] | None,
    sources: Sequence[str],
) -> Figure:
    """Show images with the probability that each of the ten digits got.

    Args:
        images: ``(n, 28, 28)`` or ``(n, 784)``, ``uint8`` or 0…1; 1 to 100 of them.
        probabilities: ``(n, 10)``.
        truths: the right digits where they are known.
        sources: what to call each image.

    Raises:
        DigitsError: if there are none, or too many.
    """
    count = len(images)
    if not 1 <= count <= MOST_IMAGES:
        raise DigitsError(f"a figure shows 1 to {MOST_IMAGES} images; got {count}.")
    truths = [None] * count if truths is None else truths
    few = count <= 3
    columns = 1 if few else min(count, 5)
    rows = -(-count // columns)
    title, note = _predictions_texts(probabilities.argmax(axis=1).tolist(), truths)
    figure = new_figure(title, 0.7 + rows * (2.3 if few else 2.05), note)
    # One grid of all axes: with a grid in each cell, the layout of 100 images would take three times as long.
    if few:
        grid = figure.add_gridspec(rows, 2, width_ratios=(1, 2))
    else:
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=(2, 1) * rows)
    for n, picture in enumerate(as_pictures(images)):
        row, column = divmod(n, columns)
        image_place, bar_place = ((row, 0), (row, 1)) if few else ((2 * row, column), (2 * row + 1, column))
        image_axes, bar_axes = figure.add_subplot(grid[image_place]), figure.add_subplot(grid[bar_place])
        answer, colour = _answer(probabilities[n], truths[n])
        show_image(image_axes, picture)
        image_axes.set_title(_shortened(sources[n]), loc="center", fontsize=8, color=GREY, parse_math=False)
        bar_axes.set_title(answer, loc="center", color=colour, fontweight="bold", fontsize=11 if few else 8)
        _probability_bars(bar_axes, probabilities[n], truths[n], colour, values=few)
    return figure


def _predictions_texts(answers: list[int], truths: Sequence[int | None]) -> tuple[str, str]:
    """The title, and the note that the marks need."""
    pairs = list(zip(answers, truths, strict=True))
    known = [answer == truth for answer, truth in pairs if truth is not None]
    note = "" if all(known) else "A ring marks the true digit where the network is wrong."
    if len(pairs) == 1:
        answer, truth = pairs[0]
        judgement = "" if truth is None else ", rightly" if answer == truth else f", but it is {with_article(truth)}"
        return f"The network reads {with_article(answer)}{judgement}", note
    if not known:
        return f"What the network reads in {count_images(len(pairs))}", note
    return f"The network reads {sum(known)} of {count_images(len(known))} right", note


def _answer(probabilities: Array, truth: int | None) -> tuple[str, str]:
    """What to write of one image, and in which colour."""
    answer = int(probabilities.argmax())
    text = f"{answer}  ({percent(probabilities[answer])})"
    if truth is None:
        return text, BLUE
    return (f"✓ {text}", BLUE) if answer == truth else (f"✗ {text}, is {truth}", VERMILION)


def _shortened(name: str, length: int = 26) -> str:
    return name if len(name) <= length else f"{name[: length // 2 - 1]}…{name[-length // 2 :]}"


def _probability_bars(axes: Axes, probabilities: Array, truth: int | None, colour: str, values: bool) -> None:
    """Draw ten bars, the answer's in colour; a ring marks the truth where it is another."""
    colours = [colour if digit == probabilities.argmax() else BAR for digit in range(10)]
    bars = axes.bar(range(10), probabilities, color=colours, width=0.8)
    if values:
        labels = [percent(p) if p >= 0.001 else "" for p in probabilities]
        axes.bar_label(bars, labels=labels, fontsize=7, padding=1)
    axes.set(ylim=(0, 1.1), xlim=(-0.6, 9.6), xticks=range(10), yticks=[])
    axes.tick_params(axis="x", length=0, pad=3.5, labelsize=9 if values else 7)
    axes.spines["left"].set_visible(False)
    if truth is not None and truth != probabilities.argmax():
        ring = {"boxstyle": "circle,pad=0.15", "facecolor": "none", "edgecolor": INK}
        axes.get_xticklabels()[truth].set(fontweight="bold", bbox=ring)
