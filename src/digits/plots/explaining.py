"""The figure of ``digits explain``: why a network answers what it answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from digits.plots.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    SIGNED_COLOURS,
    VERMILION,
    as_pictures,
    drawing,
    new_figure,
    percent,
    show_image,
    with_article,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from digits.activations import Array
    from digits.explanation import Explanation, Neighbour

MOST_MAPS = 32  # of a convolution
ACTIVE_COLOURS = LinearSegmentedColormap.from_list("active", ["#F4F4F4", "#9CC4DD", BLUE, "#00253A"])
PIXELS_HEIGHT, ACTIVATIONS_HEIGHT, NEIGHBOURS_HEIGHT = 3.5, 2.0, 1.55  # inches


@drawing()
def explanation(image: Array, parts: Explanation, neighbours: Sequence[Neighbour] = ()) -> Figure:
    """Show which pixels speak for the answer and which for the runner-up, what the layers see, and what is alike.

    Args:
        image: ``(28, 28)`` or ``(784,)``, ``uint8`` or 0…1.
        parts: what ``digits.explanation.explain`` returned for it.
        neighbours: what ``digits.explanation.nearest`` returned for it, up to ten; without any, that row is left out.
    """
    heights = [PIXELS_HEIGHT]
    heights += [ACTIVATIONS_HEIGHT] if parts.activations else []
    heights += [NEIGHBOURS_HEIGHT] if neighbours else []
    title = f"Why the network reads {with_article(parts.winner)} rather than {with_article(parts.runner_up)}"
    figure = new_figure(title, 0.3 + sum(heights))
    rows = iter(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    _show_pixels(next(rows), image, parts)
    if parts.activations:
        _show_activations(next(rows), parts.activations)
    if neighbours:
        _show_neighbours(next(rows), parts, neighbours)
    return figure


def _show_pixels(row: SubFigure, image: Array, parts: Explanation) -> None:
    """Draw the image and, in the same colours, the two ways to share the margin among its pixels."""
    image_axes, gradient_axes, integrated_axes = row.subplots(1, 3)
    show_image(image_axes, as_pictures(image)[0])
    winner, runner_up = parts.winner, parts.runner_up
    image_axes.set_title("The image")
    chances = [(f"probability of {digit}", percent(parts.probabilities[digit])) for digit in (winner, runner_up)]
    _write_lines(image_axes, [(what, chance, INK) for what, chance in chances])
    rest = [("the rest", parts.rest)] if abs(parts.rest) >= 0.005 else []  # where an activation is smooth
    limit = max(float(np.abs(pixels).max()) for pixels in (parts.contributions, parts.integrated)) or 1.0
    for axes, name, pixels, others in (
        (gradient_axes, "Gradient × input", parts.contributions, [("biases", parts.bias_share), *rest]),
        (
            integrated_axes,
            "Integrated gradients",
            parts.integrated,
            [("an image without ink", parts.empty_margin), ("residue", parts.residue)],
        ),
    ):
        picture = axes.imshow(pixels, cmap=SIGNED_COLOURS, vmin=-limit, vmax=limit)
        axes.set(xticks=[], yticks=[], title=name)
        axes.spines[:].set(visible=True, color=PALE)
        _write_lines(
            axes,
            [
                (f"ink for {winner}", _signed(pixels[pixels > 0].sum()), VERMILION),
                (f"ink for {runner_up}", _signed(pixels[pixels < 0].sum()), BLUE),
                *((what, _signed(value), INK) for what, value in others),
                (f"= margin of {winner} over {runner_up} (logits)", _signed(parts.margin), INK),
            ],
        )
    row.colorbar(
        picture, ax=[gradient_axes, integrated_axes], shrink=0.75, label="part of the margin", panchor=(0.5, 1)
    )
    image_axes.set_anchor("N")


def _signed(value: float) -> str:
    """−0.5 → "−0.50", as Matplotlib writes numbers on its axes."""
    return f"{value:+.2f}".replace("-", "−")


def _write_lines(axes: Axes, lines: list[tuple[str, str, str]]) -> None:
    """Write words, a number and their colour below a picture, one a line, the numbers under each other."""
    for n, (what, value, colour) in enumerate(lines):
        y = -0.04 - 0.085 * n
        axes.text(0, y, what, transform=axes.transAxes, va="top", fontsize=8, color=colour)
        axes.text(1, y, value, transform=axes.transAxes, va="top", fontsize=8, color=colour, ha="right")


def _show_activations(row: SubFigure, activations: list[tuple[str, Array]]) -> None:
    """Draw what the first layers make of the image: a field for each unit, a picture for each channel."""
    for axes, (name, values) in zip(row.subplots(1, len(activations), squeeze=False)[0], activations, strict=True):
        dense = values.ndim == 1
        mosaic = _unit_grid(values) if dense else _map_mosaic(values)
        few = "" if dense or len(values) <= MOST_MAPS else f", {MOST_MAPS} of {len(values)} channels"
        limit = float(np.nanmax(np.abs(mosaic))) or 1.0
        signed = bool(np.nanmin(mosaic) < 0)
        picture = axes.imshow(
            mosaic,
            cmap=SIGNED_COLOURS if signed else ACTIVE_COLOURS,
            vmin=-limit if signed else 0,
            vmax=limit,
            aspect="auto" if dense else "equal",
        )
        axes.set(xticks=[], yticks=[], title=f"{name}{few}")
        axes.spines[:].set_visible(False)
        row.colorbar(picture, ax=axes, shrink=0.75, label="activation", panchor=(0, 1))


def _columns(count: int) -> int:
    """Choose the columns of a grid two to eight times as wide as high, without a rest where that can be."""
    usual = math.ceil(math.sqrt(2 * count))
    return next((columns for columns in range(usual, 2 * usual) if count % columns == 0), usual)


def _unit_grid(values: Array) -> Array:
    """``(units,)`` → a grid of them, row by row; NaN where no unit is left."""
    columns = _columns(len(values))
    grid = np.full((-(-len(values) // columns), columns), np.nan)
    grid.flat[: len(values)] = values
    return grid


def _map_mosaic(maps: Array) -> Array:
    """``(channels, height, width)`` → its first maps side by side; NaN between them."""
    maps = maps[:MOST_MAPS]
    count, height, width = maps.shape
    columns = _columns(count)
    rows = -(-count // columns)
    gap = max(1, width // 12)
    mosaic = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for n, one in enumerate(maps):
        y, x = (n // columns) * (height + gap), (n % columns) * (width + gap)
        mosaic[y : y + height, x : x + width] = one
    return mosaic


def _show_neighbours(row: SubFigure, parts: Explanation, neighbours: Sequence[Neighbour]) -> None:
    """Draw the training images that are most alike, each with its digit, its distance and its number."""
    same = sum(neighbour.label == parts.winner for neighbour in neighbours)
    text = f"Nearest training images in the last hidden layer, by cosine distance: {same} of {len(neighbours)}"
    row.suptitle(f"{text} {'is' if same == 1 else 'are'} {with_article(parts.winner)}", x=0.012, ha="left", fontsize=9)
    for axes, neighbour in zip(row.subplots(1, len(neighbours), squeeze=False)[0], neighbours, strict=True):
        show_image(axes, as_pictures(neighbour.image)[0])
        colour = {parts.winner: VERMILION, parts.runner_up: BLUE}.get(neighbour.label, GREY)  # as their ink above
        axes.set_title(f"{neighbour.label}", loc="center", fontsize=11, fontweight="bold", color=colour, pad=3)
        axes.set_xlabel(f"{neighbour.distance:.3f}\n#{neighbour.index}", fontsize=7, color=GREY)
