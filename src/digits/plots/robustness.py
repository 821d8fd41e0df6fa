"""Figures of robustness: what networks make of spoilt images, and of images changed on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from digits.plots.style import BLUE, GREY, INK, PALE, VERMILION, as_pictures, drawing, new_figure, show_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.figure import Figure

    from digits.activations import Array

MODEL_MARKS = list(zip((BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), "osD^vP", strict=True))
CLEAN = "clean"  # the images as they are, among the kinds of corruption


@drawing()
def corruption_examples(examples: Mapping[str, Array]) -> Figure:
    """Show some digits for each kind of corruption, one kind a row, in two columns.

    Args:
        examples: from the name of a kind to images of it, ``(n, 28, 28)`` or ``(n, 784)``, ``uint8`` or 0…1; five or so
            of each kind, the same ones. Rows are in this order, down the left column first.

    Raises:
        ValueError: if there is no kind, or not the same number of images of each, at least one.
    """
    counts = {len(images) for images in examples.values()}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"every kind needs as many examples, at least one; got {sorted(counts)}")
    (count,) = counts
    rows = -(-len(examples) // 2)
    side = 3.1 / count  # inches
    title = f"{_count_kinds(examples)} of corruption: the digits are still there"
    note = "Drawn as ink on paper; to the network ink is bright, so brightness and fog are dark here."
    figure = new_figure(title, 0.62 + rows * (side + 0.03), note)
    figure.set_layout_engine("constrained", h_pad=0.02, w_pad=0.02, hspace=0, wspace=0)
    grid = figure.add_gridspec(rows, 2 * (count + 1), width_ratios=2 * [0.85, *count * [side]])
    for place, (kind, images) in enumerate(examples.items()):
        row, first = place % rows, place // rows * (count + 1)
        name_axes = figure.add_subplot(grid[row, first])
        name_axes.set_axis_off()
        name_axes.text(1, 0.5, _words(kind), ha="right", va="center", color=GREY if kind == CLEAN else INK)
        for column, picture in enumerate(as_pictures(images), start=first + 1):
            show_image(figure.add_subplot(grid[row, column]), picture)
    return figure


@drawing()
def corruption_errors(errors: Mapping[str, Mapping[str, float]]) -> Figure:
    """Compare the errors of models on each kind of corruption: a row a kind, a dot a model, and the number beside it.

    Args:
        errors: from a model's name to its errors in percent by kind, "clean" being the images as they are; the same
            kinds for each of one to six models.

    Raises:
        ValueError: if there are no models or too many, or they were not measured on the same kinds.
    """
    models = _marked(errors)
    kinds = _same_keys(errors.values())
    spoilt = sorted((kind for kind in kinds if kind != CLEAN), key=lambda kind: -max(e[kind] for e in errors.values()))
    if not spoilt:
        raise ValueError("there is no corruption to show")
    means = {model: float(np.mean([of_model[kind] for kind in spoilt])) for model, of_model in errors.items()}
    rows = [(_words(kind), {model: errors[model][kind] for model in models}) for kind in spoilt]
    rows += [(f"mean of the {len(spoilt)}", means)]
    rows += [(CLEAN, {model: errors[model][CLEAN] for model in models})] if CLEAN in kinds else []
    order = ", in the order of the legend" if len(models) > 1 else ""
    note = f"The kinds with the largest errors come first. Right: the same in numbers{order}."
    figure = new_figure(_means_title(means), 1.2 + 0.26 * len(rows), note)
    axes = figure.add_subplot()
    for y, (_, values) in enumerate(rows):
        axes.plot([min(values.values()), max(values.values())], [y, y], color=PALE, linewidth=3, zorder=1)
        for column, (model, (colour, mark)) in enumerate(models.items()):
            axes.plot(values[model], y, mark, color=colour, markersize=6, clip_on=False, label="" if y else model)
            axes.annotate(
                f"{values[model]:.1f}",
                (100, y),
                (38 * (column + 1), 0),
                textcoords="offset points",
                ha="right",
                va="center",
                color=colour,
                fontweight="bold" if values is means else "normal",
                annotation_clip=False,
            )
    if len(models) > 1:
        axes.legend(frameon=False, loc="center right")
    axes.axhline(len(spoilt) - 0.5, color=GREY, linewidth=0.8)
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5), xlabel="images misread (%)")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure


@drawing()
def attack_errors(errors: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> Figure:
    """Show how the errors of models grow with the largest change that an attack may make: a panel an attack.

    Args:
        errors: from a model's name, by way of an attack's, to pairs of ε (0…1) and the error in percent; the same
            attacks for each of one to six models. ε = 0 is the images as they are.

    Raises:
        ValueError: if there are no models or too many, or they were not attacked in the same ways.
    """
    models = _marked(errors)
    attacks = _same_keys(errors.values())
    if not attacks:
        raise ValueError("there is no attack to show")
    note = "ε: how much each pixel may change; white is 1, black is 0. A network that guesses misreads 90 %."
    figure = new_figure(_attack_title(errors), 3.9, note)
    panels = figure.subplots(1, len(attacks), sharey=True, squeeze=False)[0]
    for axes, attack in zip(panels, attacks, strict=True):
        for model, (colour, mark) in models.items():
            points = sorted(errors[model][attack])
            axes.plot(*zip(*points, strict=True), mark, linestyle="-", color=colour, label=model, clip_on=False)
        axes.set(title=attack, xlabel="largest change of a pixel, ε", ylim=(0, 100), xlim=(0, None))
        axes.set_xticks(sorted({epsilon for of_model in errors.values() for epsilon, _ in of_model[attack]} | {0.0}))
        axes.grid()
    panels[0].set_ylabel("images misread (%)")
    panels[-1].legend(frameon=False, loc="lower right")
    return figure


def _marked(models: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give each model its colour and its mark."""
    names = list(models)
    if not 1 <= len(names) <= len(MODEL_MARKS):
        raise ValueError(f"a figure compares 1 to {len(MODEL_MARKS)} models; got {len(names)}")
    return dict(zip(names, MODEL_MARKS, strict=False))


def _same_keys(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    """What the models were measured on, if it is the same for all."""
    keys = [list(mapping) for mapping in mappings]
    if any(set(other) != set(keys[0]) for other in keys):
        raise ValueError(f"the models must be measured on the same; got {keys}")
    return keys[0]


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _count_kinds(examples: Mapping[str, Array]) -> str:
    count = len(set(examples) - {CLEAN})
    return "1 kind" if count == 1 else f"{count} kinds"


def _means_title(means: Mapping[str, float]) -> str:
    if len(means) == 1:
        ((model, mean),) = means.items()
        return f"Of spoilt images, {model} misreads {mean:.1f} % on average"
    return f"Of spoilt images, the networks misread {min(means.values()):.1f} to {max(means.values()):.1f} % on average"


def _attack_title(errors: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> str:
    """The sentence on the smallest change that deceives nine in ten images of every model."""
    epsilons = sorted(
        {epsilon for of_model in errors.values() for points in of_model.values() for epsilon, _ in points}
    )
    for limit in epsilons:
        reached = [
            any(epsilon <= limit and error >= 90 for points in of_model.values() for epsilon, error in points)
            for of_model in errors.values()
        ]
        if all(reached):
            who = "the network misreads" if len(errors) == 1 else "every network misreads"
            return f"With changes of at most {limit:g} a pixel, {who} nine in ten images"
    return "How often networks misread images that were changed to deceive them"
