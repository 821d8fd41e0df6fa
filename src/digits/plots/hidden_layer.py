"""A map of images as the last hidden layer sees them: what the network takes for alike lies together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patheffects import withStroke

from digits.embedding import images_to_embed, layer_points, tsne
from digits.explanation import last_hidden
from digits.plots.style import INK, VERMILION, count_images, drawing, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from digits.activations import Array
    from digits.evaluation import Evaluation
    from digits.neural_network import NeuralNetwork

# Pale, so that mistakes stand out; clusters that come to lie side by side are told apart by their numerals, too.
DIGIT_COLOURS = [
    *("#88CCEE", "#44AA99", "#B3A125", "#332288", "#AA4499"),
    *("#77AADD", "#117733", "#999999", "#BB9CCB", "#6699CC"),
]


@drawing()
def hidden_layer_map(network: NeuralNetwork, images: Array, evaluation: Evaluation, seed: int = 0) -> Figure:
    """Show images where t-SNE lays them by their activations in the last hidden layer, and mark the mistakes.

    The first two principal components would lay five of the ten digits on each other. t-SNE compares all pairs, so of
    many images 1,200 are shown: mistakes, all or 300 of them, and right ones drawn at random.

    Args:
        network: that was evaluated.
        images: those that were evaluated, in the same order.
        evaluation: of them.
        seed: of the choice.
    """
    chosen = images_to_embed(evaluation, seed)
    places = tsne(layer_points(network, images[chosen], last_hidden(network)))
    labels, read = evaluation.labels[chosen], evaluation.predictions[chosen]
    wrong = labels != read
    figure = new_figure(_title(int(wrong.sum()), evaluation.mistake_count), 7.6, _note(len(chosen), evaluation.count))
    axes = figure.add_subplot(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.02)
    axes.spines[:].set_visible(False)
    for digit in range(10):
        of_digit = places[~wrong & (labels == digit)]
        axes.scatter(of_digit[:, 0], of_digit[:, 1], s=9, color=DIGIT_COLOURS[digit], linewidths=0)
        if len(of_digit):
            _write_digit(axes, np.median(of_digit, axis=0), digit, 26, INK)
    for place, truth in zip(places[wrong], labels[wrong], strict=True):
        _write_digit(axes, place, truth, 9, VERMILION)
    return figure


def _write_digit(axes: Axes, place: Array, digit: int, size: float, colour: str) -> None:
    """Write a digit with a white rim, so that it can be read on dots and on others."""
    rim = [withStroke(linewidth=1 + size / 10, foreground="white")]
    text = axes.text(place[0], place[1], str(digit), ha="center", va="center", fontsize=size, color=colour)
    text.set(fontweight="bold", path_effects=rim)


def _title(shown: int, mistakes: int) -> str:
    if not mistakes:
        return "How the network sees the digits; none is misread"
    which = "1 mistake" if mistakes == 1 else f"{shown} mistakes" if shown == mistakes else f"{shown} of its mistakes"
    return f"How the network sees the digits, and {which} among them"


def _note(shown: int, count: int) -> str:
    drawn = count_images(shown) if shown == count else f"{shown:,} of {count_images(count)}"
    return (
        f"Activations of the last hidden layer of {drawn}, laid out by t-SNE: what lies together looks alike to the"
        " network.\nDot: an image that it reads right. Orange numeral: one that it misreads, with its true digit."
    )
