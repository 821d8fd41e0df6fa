"""Figures of mistakes: which digit is taken for which, the worst ones, and the accuracy of each digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

from digits.errors import DigitsError
from digits.evaluation import wilson_interval
from digits.plots.style import (
    DASHES,
    GREY,
    INK,
    PALE,
    VERMILION,
    as_pictures,
    count_images,
    drawing,
    new_figure,
    percent,
    show_image,
    show_interval,
    with_article,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from digits.activations import Array
    from digits.evaluation import Evaluation

MOST_MISTAKES = 100  # in the figure of all
MISTAKE_COLOURS = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", "#F6C9A6", VERMILION, "#7A3000"])


@drawing()
def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Show how many images of each digit (rows) were read as which (columns); the mistakes stand out."""
    confusion = evaluation.confusion
    mistakes = confusion - np.diag(confusion.diagonal())
    note = "Grey: read right. Orange: misread, the darker the more often."
    figure = new_figure(_misread(evaluation) + _most_confused(evaluation), 6.6, note)
    axes = figure.add_subplot()
    scale = Normalize(0, max(mistakes.max(), 1))
    axes.imshow(
        np.where(np.eye(10), np.nan, mistakes),
        cmap=MISTAKE_COLOURS.with_extremes(bad="#EFEFEF"),
        norm=scale,
        aspect="auto",
    )
    for (truth, read), count in np.ndenumerate(confusion):
        colour = GREY if truth == read else "white" if scale(count) > 0.55 else INK
        if count or truth == read:
            axes.text(read, truth, f"{count:,}", ha="center", va="center", color=colour)
    _confusion_totals(axes, evaluation)
    axes.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="true digit")
    axes.set_xticks(np.arange(0.5, 9), minor=True)
    axes.set_yticks(np.arange(0.5, 9), minor=True)
    axes.grid(which="minor", color=PALE, linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.spines[:].set_visible(False)
    return figure


def _confusion_totals(axes: Axes, evaluation: Evaluation) -> None:
    """Write, to the right of each row, how many images it has and how many of them were read right."""
    for x, heading in ((10.35, "images"), (11.5, "right")):
        axes.text(x, -0.62, heading, ha="right", va="bottom", color=GREY)
    for digit, accuracy in enumerate(evaluation.per_digit):
        axes.text(10.35, digit, f"{evaluation.confusion[digit].sum():,}", ha="right", va="center", color=GREY)
        axes.text(11.5, digit, "–" if accuracy is None else percent(accuracy), ha="right", va="center")


def _misread(evaluation: Evaluation) -> str:
    if not evaluation.mistake_count:
        return f"All {count_images(evaluation.count)} are read right"
    verb = "is" if evaluation.mistake_count == 1 else "are"
    return f"{evaluation.mistake_count:,} of {count_images(evaluation.count)} {verb} misread"


def _most_confused(evaluation: Evaluation) -> str:
    kinds = evaluation.most_confused()
    most = [(truth, read) for truth, read, count in kinds if count == kinds[0][2]]
    if not most or kinds[0][2] == 1 or len(most) > 2:
        return ""
    pairs = " and ".join(f"{with_article(truth)} for {with_article(read)}" for truth, read in most)
    return f"; most often {pairs} ({kinds[0][2]:,} times{' each' if len(most) > 1 else ''})"


@drawing()
def worst_mistakes(images: Array, evaluation: Evaluation, limit: int = 25) -> Figure:
    """Show the misread images, first those where the network was most sure of its wrong answer.

    Args:
        images: those that were evaluated, in the same order.
        evaluation: of them.
        limit: how many to show at most.
    """
    worst = evaluation.mistakes(limit)
    if len(worst) == 0:
        return new_figure(_misread(evaluation), 0.7, "There is no mistake to show.")
    columns = 5
    rows = -(-len(worst) // columns)
    shown = f", these {len(worst)} most confidently" if len(worst) < evaluation.mistake_count else ""
    note = "True digit → what the network read. Right of it: the probability of that, and the image's number."
    figure = new_figure(_misread(evaluation) + shown, 0.8 + 1.8 * rows, note)
    for place, index in enumerate(worst):
        axes = figure.add_subplot(rows, columns, place + 1)
        show_image(axes, as_pictures(images[index : index + 1])[0])
        truth, read = evaluation.labels[index], evaluation.predictions[index]
        axes.set_title(f"{truth} → {read}", color=VERMILION, fontweight="bold", fontsize=12)
        caption = f"{percent(evaluation.confidences[index])}\n#{index}"
        axes.set_title(caption, loc="right", color=GREY, fontsize=7, linespacing=1.1)
    return figure


@drawing()
def all_mistakes(images: Array, labels: Array, predictions: Array) -> Figure:
    """Show every image that a good network misreads, ordered by its true digit.

    Args:
        images: ``(n, 28, 28)`` or ``(n, 784)``, ``uint8`` or 0…1: those that were read.
        labels: ``(n,)``: their true digits.
        predictions: ``(n,)``: what the network read.

    Raises:
        DigitsError: if more than 100 are misread.
    """
    wrong = np.flatnonzero(labels != predictions)
    if len(wrong) > MOST_MISTAKES:
        raise DigitsError(f"a figure shows up to {MOST_MISTAKES} mistakes; this network makes {len(wrong):,}.")
    if len(wrong) == 0:
        return new_figure(f"All {count_images(len(labels))} are read right", 0.7, "There is no mistake to show.")
    wrong = wrong[np.lexsort((predictions[wrong], labels[wrong]))]
    columns = 8
    rows = -(-len(wrong) // columns)
    mistakes = "The only mistake" if len(wrong) == 1 else f"All {len(wrong)} mistakes"
    title = f"{mistakes} in {count_images(len(labels))}: {100 * len(wrong) / len(labels):.2f} %"
    note = "True digit → what the network read. Below: the image's number."
    figure = new_figure(title, 0.75 + 1.22 * rows, note)
    for place, index in enumerate(wrong):
        axes = figure.add_subplot(rows, columns, place + 1)
        show_image(axes, as_pictures(images[index : index + 1])[0])
        heading = f"{labels[index]} → {predictions[index]}"
        axes.set_title(heading, loc="center", color=VERMILION, fontweight="bold", fontsize=10, pad=3)
        axes.set_xlabel(f"#{index}", fontsize=7, color=GREY, labelpad=2)
    return figure


@drawing()
def accuracy_by_digit(evaluation: Evaluation) -> Figure:
    """Show the accuracy on the images of each digit, with the interval that so few images leave open."""
    totals = evaluation.confusion.sum(axis=1)
    rights = evaluation.confusion.diagonal()
    intervals = [wilson_interval(r, n) if n else (1.0, 1.0) for r, n in zip(rights, totals, strict=True)]
    lowest = 100 * min(low for low, _ in intervals)
    floor = int(lowest) if lowest > 90 else int(lowest / 10) * 10
    note = "Pale bars: 95 % confidence intervals (Wilson 1927). The fewer the images, the longer the bar."
    figure = new_figure(_accuracy_title(evaluation), 4.2, note)
    axes = figure.add_subplot()
    mean = 100 * evaluation.accuracy
    axes.axhline(mean, color=GREY, linewidth=1, linestyle=DASHES)
    axes.annotate(f"all: {mean:.2f} %", (9.55, mean), va="center", fontsize=8, color=GREY, annotation_clip=False)
    for digit, (accuracy, interval) in enumerate(zip(evaluation.per_digit, intervals, strict=True)):
        if accuracy is not None:
            show_interval(axes, digit, 100 * accuracy, 100 * interval[0], 100 * interval[1])
    shares = ["none" if accuracy is None else percent(accuracy) for accuracy in evaluation.per_digit]
    axes.set_xticks(range(10), [f"{digit}\n{share}" for digit, share in enumerate(shares)])
    axes.set(xlim=(-0.5, 9.5), ylim=(floor, 100 + 0.02 * (100 - floor)), xlabel="true digit, and its accuracy")
    axes.set_ylabel(f"accuracy (%); the axis starts at {floor} %")
    axes.grid(axis="y")
    return figure


def _accuracy_title(evaluation: Evaluation) -> str:
    known = [(accuracy, digit) for digit, accuracy in enumerate(evaluation.per_digit) if accuracy is not None]
    worst, best = min(known), max(known)
    if worst[0] == best[0]:
        return f"Every digit has the same accuracy: {percent(best[0])}"
    easiest, hardest = (f"({percent(accuracy)})" for accuracy, _ in (best, worst))
    return f"{best[1]} is read right most often {easiest}, {worst[1]} least often {hardest}"
