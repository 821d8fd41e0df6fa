"""Figures of what a network has learnt: its measures by epoch, and what its first layer looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from digits.data_preprocessing import SIDE
from digits.layers import Dense
from digits.plots.style import BLUE, GREY, PALE, SIGNED_COLOURS, VERMILION, drawing, new_figure, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from digits.activations import Array
    from digits.neural_network import NeuralNetwork
    from digits.training import EpochEnd

MOST_UNITS = 64  # in the figure of weights


@drawing()
def learning_curves(history: Sequence[EpochEnd]) -> Figure:
    """Show loss and accuracy by epoch, on training and (where there are any) on validation images.

    Raises:
        ValueError: if there is no epoch.
    """
    if not history:
        raise ValueError("there is no epoch to show")
    last = history[-1]
    validated = last.validation_accuracy is not None
    reached = last.validation_accuracy if last.validation_accuracy is not None else last.train_accuracy
    kind = "validation" if validated else "training"
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    title = f"After {epochs} the network reads {percent(reached)} of the {kind} images right"
    note = "Training loss: the mean over the epoch, while weights change and with dropout, if there is any."
    figure = new_figure(title, 3.8, note)
    loss, accuracy = figure.subplots(1, 2)
    _curves(loss, history, "loss", "validation_loss")
    _curves(accuracy, history, "train_accuracy", "validation_accuracy", scale=100)
    lowest = min(min(line.get_ydata()) for line in accuracy.lines)
    loss.set(title="loss (nats)", ylim=(0, None))
    accuracy.set(title="accuracy (%)", ylim=(min(int(lowest), 99), 100))
    return figure


def _curves(axes: Axes, history: Sequence[EpochEnd], training: str, validation: str, scale: float = 1) -> None:
    """Draw two measures over the epochs where they were taken."""
    for name, label, colour, mark in (
        (training, "training", BLUE, "o"),
        (validation, "validation", VERMILION, "s"),
    ):
        values = [(epoch.epoch, getattr(epoch, name)) for epoch in history]
        points = [(epoch, scale * value) for epoch, value in values if value is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker=mark, markersize=4, label=label)
    axes.set(xlabel="epoch", xlim=(history[0].epoch - 0.5, history[-1].epoch + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    axes.legend(frameon=False)


def pixel_weights(network: NeuralNetwork) -> Array | None:
    """The weights ``(784, units)`` that look at the image itself, if it is a Dense layer that does."""
    learning = [layer for layer in network.layers if layer.parameter_shapes(layer.input_shape)]
    if learning and isinstance(learning[0], Dense) and learning[0].input_shape == (SIDE * SIDE,):
        return learning[0].weights
    return None


@drawing()
def first_layer_weights(network: NeuralNetwork) -> Figure:
    """Show what each unit of the first layer looks for: its weights, as a picture of 28 × 28.

    Of more than 64 units, the 64 with the largest weights (by Euclidean norm) are shown, the largest first.

    Raises:
        ValueError: if the first layer that learns is not a Dense layer with 784 inputs.
    """
    weights = pixel_weights(network)
    if weights is None:
        raise ValueError(f"only a first Dense layer with 784 inputs can be shown as pictures; got {network!r}")
    units = weights.shape[1]
    norms = np.linalg.norm(weights, axis=0)
    shown = np.argsort(-norms, kind="stable")[:MOST_UNITS]
    which = f"the {units}" if len(shown) == units else f"{len(shown)} of {units}"
    title = f"What the first layer looks for: {which} units, those with the largest weights first"
    note = "Orange: ink here excites the unit. Blue: ink here quiets it. # is the unit; the largest norm comes first."
    columns = 8 if len(shown) > 10 else min(5, len(shown))
    rows = -(-len(shown) // columns)
    figure = new_figure(title, 0.8 + rows * (6.2 / columns + 0.15), note)
    limit = float(np.quantile(np.abs(weights[:, shown]), 0.999)) or 1.0
    for place, unit in enumerate(shown):
        axes = figure.add_subplot(rows, columns, place + 1)
        picture = axes.imshow(weights[:, unit].reshape(SIDE, SIDE), cmap=SIGNED_COLOURS, vmin=-limit, vmax=limit)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"#{unit}", loc="center", fontsize=7, color=GREY, pad=2)
        axes.spines[:].set(visible=True, color=PALE)
    figure.colorbar(picture, ax=figure.axes, extend="both", shrink=0.8, aspect=8 + 3 * rows, label="weight")
    return figure
