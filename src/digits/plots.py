"""Figures: what a network answers, where it fails, whether it knows, what it has learnt.

Each function takes data and returns a Matplotlib ``Figure``; ``save`` writes one to a file. Figures are made
without pyplot: no global state, no window, no screen needed. All are 8 inches wide, 1600 pixels as PNG.

The colours are those of Okabe and Ito (2008), which people with any colour vision tell apart. Blue is right
or training, vermilion wrong or validation; a word or a mark always says the same.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digits.atomic_files import atomic_write
from digits.data_preprocessing import SIDE
from digits.errors import DigitsError
from digits.evaluation import wilson_interval
from digits.layers import Dense

try:
    from matplotlib import rc_context
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as error:
    raise DigitsError('figures need Matplotlib; install it with: pip install "digits[plots]"') from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

    from digits.activations import Array
    from digits.evaluation import Evaluation
    from digits.explanation import Explanation
    from digits.neural_network import NeuralNetwork
    from digits.training import EpochEnd

BLUE, VERMILION = "#0072B2", "#D55E00"
INK, GREY, BAR, PALE = "#222222", "#6B6B6B", "#B0B0B0", "#E6E6E6"
DASHES = (0, (4, 3))
WIDTH = 8.0  # inches
MOST_IMAGES = 100  # in one figure of predictions
MOST_UNITS = 64  # in the figure of weights
MISTAKE_COLOURS = LinearSegmentedColormap.from_list("mistakes", ["#FFFFFF", "#F6C9A6", VERMILION, "#7A3000"])
SIGNED_COLOURS = LinearSegmentedColormap.from_list(
    "signed",
    ["#00395A", BLUE, "#FFFFFF", VERMILION, "#6B2F00"],
    N=257,  # odd, so that 0 is exactly white
)

STYLE: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so figures are the same everywhere
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": False,
    "grid.color": PALE,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "figure.dpi": 200,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.w_pad": 0.07,
    "savefig.dpi": "figure",
    "lines.linewidth": 1.8,
}


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file, whole or not at all, and make its folder where there is none.

    Args:
        figure: of this module.
        path: its ending chooses the format: .png, .svg, .pdf and the others that Matplotlib knows.

    Raises:
        DigitsError: if there is no such format, or the file cannot be written.
    """
    path = Path(path)
    file_format = path.suffix.lower().lstrip(".")
    if file_format not in figure.canvas.get_supported_filetypes():
        raise DigitsError(f"{path}: the name of a figure must end in .png, .svg or .pdf.")
    picture = BytesIO()  # drawn first: a figure that cannot be drawn leaves no trace on the disk
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of a file's name; a box stands for it
        figure.savefig(picture, format=file_format)
    with atomic_write(path) as file:
        file.write(picture.getvalue())


def _figure(title: str, height: float, note: str = "") -> Figure:
    """Make an empty figure: a sentence above, perhaps a grey note below. The height is in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold")
    if note:
        figure.supxlabel(note, x=0.012, ha="left", fontsize=8, color=GREY)
    return figure


def _pictures(images: Array) -> Array:
    """Any images → ``(n, 28, 28)``, 0…1."""
    pictures = np.asarray(images).reshape(-1, SIDE, SIDE)
    return pictures / 255 if pictures.dtype == np.uint8 else pictures


def _show(axes: Axes, picture: Array) -> None:
    """Draw one image as ink on paper."""
    axes.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=PALE, linewidth=0.8)


def _percent(share: float) -> str:
    """0.9876 → "98.8 %". What is not quite 1 is never shown as 100 %."""
    return "> 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _a(digit: int) -> str:
    return f"an {digit}" if digit == 8 else f"a {digit}"


# -- answers -------------------------------------------------------------------------------------------------


@rc_context(STYLE)
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
    figure = _figure(title, 0.7 + rows * (2.3 if few else 2.05), note)
    grid = figure.add_gridspec(rows, columns)
    for n, picture in enumerate(_pictures(images)):
        cell = grid[n // columns, n % columns]
        parts = cell.subgridspec(1, 2, width_ratios=(1, 2)) if few else cell.subgridspec(2, 1, height_ratios=(2, 1))
        image_axes, bar_axes = figure.add_subplot(parts[0]), figure.add_subplot(parts[1])
        answer, colour = _answer(probabilities[n], truths[n])
        _show(image_axes, picture)
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
        judgement = "" if truth is None else ", rightly" if answer == truth else f", but it is {_a(truth)}"
        return f"The network reads {_a(answer)}{judgement}", note
    if not known:
        return f"What the network reads in {_images(len(pairs))}", note
    return f"The network reads {sum(known)} of {_images(len(known))} right", note


def _answer(probabilities: Array, truth: int | None) -> tuple[str, str]:
    """What to write of one image, and in which colour."""
    answer = int(probabilities.argmax())
    text = f"{answer}  ({_percent(probabilities[answer])})"
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
        labels = [_percent(p) if p >= 0.001 else "" for p in probabilities]
        axes.bar_label(bars, labels=labels, fontsize=7, padding=1)
    axes.set(ylim=(0, 1.1), xlim=(-0.6, 9.6), xticks=range(10), yticks=[])
    axes.tick_params(axis="x", length=0, pad=3.5, labelsize=9 if values else 7)
    axes.spines["left"].set_visible(False)
    if truth is not None and truth != probabilities.argmax():
        ring = {"boxstyle": "circle,pad=0.15", "facecolor": "none", "edgecolor": INK}
        axes.get_xticklabels()[truth].set(fontweight="bold", bbox=ring)


# -- where it fails ------------------------------------------------------------------------------------------


@rc_context(STYLE)
def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Show how many images of each digit (rows) were read as which (columns); the mistakes stand out."""
    confusion = evaluation.confusion
    mistakes = confusion - np.diag(confusion.diagonal())
    note = "Grey: read right. Orange: misread, the darker the more often."
    figure = _figure(_misread(evaluation) + _most_confused(evaluation), 6.6, note)
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
        axes.text(11.5, digit, "–" if accuracy is None else _percent(accuracy), ha="right", va="center")


def _misread(evaluation: Evaluation) -> str:
    if not evaluation.mistake_count:
        return f"All {_images(evaluation.count)} are read right"
    verb = "is" if evaluation.mistake_count == 1 else "are"
    return f"{evaluation.mistake_count:,} of {_images(evaluation.count)} {verb} misread"


def _most_confused(evaluation: Evaluation) -> str:
    kinds = evaluation.most_confused()
    most = [(truth, read) for truth, read, count in kinds if count == kinds[0][2]]
    if not most or kinds[0][2] == 1 or len(most) > 2:
        return ""
    pairs = " and ".join(f"{_a(truth)} for {_a(read)}" for truth, read in most)
    return f"; most often {pairs} ({kinds[0][2]:,} times{' each' if len(most) > 1 else ''})"


@rc_context(STYLE)
def worst_mistakes(images: Array, evaluation: Evaluation, limit: int = 25) -> Figure:
    """Show the misread images, first those where the network was most sure of its wrong answer.

    Args:
        images: those that were evaluated, in the same order.
        evaluation: of them.
        limit: how many to show at most.
    """
    worst = evaluation.mistakes(limit)
    if len(worst) == 0:
        return _figure(_misread(evaluation), 0.7, "There is no mistake to show.")
    columns = 5
    rows = -(-len(worst) // columns)
    shown = f", these {len(worst)} most confidently" if len(worst) < evaluation.mistake_count else ""
    note = "True digit → what the network read. Right of it: the probability of that, and the image's number."
    figure = _figure(_misread(evaluation) + shown, 0.8 + 1.8 * rows, note)
    for place, index in enumerate(worst):
        axes = figure.add_subplot(rows, columns, place + 1)
        _show(axes, _pictures(images[index : index + 1])[0])
        truth, read = evaluation.labels[index], evaluation.predictions[index]
        axes.set_title(f"{truth} → {read}", color=VERMILION, fontweight="bold", fontsize=12)
        caption = f"{_percent(evaluation.confidences[index])}\n#{index}"
        axes.set_title(caption, loc="right", color=GREY, fontsize=7, linespacing=1.1)
    return figure


@rc_context(STYLE)
def accuracy_by_digit(evaluation: Evaluation) -> Figure:
    """Show the accuracy on the images of each digit, with the interval that so few images leave open."""
    totals = evaluation.confusion.sum(axis=1)
    rights = evaluation.confusion.diagonal()
    intervals = [wilson_interval(r, n) if n else (1.0, 1.0) for r, n in zip(rights, totals, strict=True)]
    lowest = 100 * min(low for low, _ in intervals)
    floor = int(lowest) if lowest > 90 else int(lowest / 10) * 10
    note = "Pale bars: 95 % confidence intervals (Wilson 1927). The fewer the images, the longer the bar."
    figure = _figure(_accuracy_title(evaluation), 4.2, note)
    axes = figure.add_subplot()
    mean = 100 * evaluation.accuracy
    axes.axhline(mean, color=GREY, linewidth=1, linestyle=DASHES)
    axes.annotate(f"all: {mean:.2f} %", (9.55, mean), va="center", fontsize=8, color=GREY, annotation_clip=False)
    for digit, (accuracy, interval) in enumerate(zip(evaluation.per_digit, intervals, strict=True)):
        if accuracy is not None:
            _dot(axes, digit, 100 * accuracy, 100 * interval[0], 100 * interval[1])
    shares = ["none" if accuracy is None else _percent(accuracy) for accuracy in evaluation.per_digit]
    axes.set_xticks(range(10), [f"{digit}\n{share}" for digit, share in enumerate(shares)])
    axes.set(xlim=(-0.5, 9.5), ylim=(floor, 100 + 0.02 * (100 - floor)), xlabel="true digit, and its accuracy")
    axes.set_ylabel(f"accuracy (%); the axis starts at {floor} %")
    axes.grid(axis="y")
    return figure


def _dot(axes: Axes, x: float, y: float, low: float, high: float) -> None:
    """Draw a measured value with the interval in which the true one may lie."""
    axes.vlines(x, low, high, color=BLUE, alpha=0.35, linewidth=5, clip_on=False)
    axes.plot(x, y, "o", color=BLUE, markersize=7, clip_on=False)


def _accuracy_title(evaluation: Evaluation) -> str:
    known = [(accuracy, digit) for digit, accuracy in enumerate(evaluation.per_digit) if accuracy is not None]
    worst, best = min(known), max(known)
    if worst[0] == best[0]:
        return f"Every digit has the same accuracy: {_percent(best[0])}"
    easiest, hardest = (f"({_percent(accuracy)})" for accuracy, _ in (best, worst))
    return f"{best[1]} is read right most often {easiest}, {worst[1]} least often {hardest}"


# -- whether it knows ----------------------------------------------------------------------------------------


@rc_context(STYLE)
def reliability_diagram(evaluation: Evaluation) -> Figure:
    """Show how often the network is right when it is so and so sure (Guo et al. 2017, figure 1)."""
    bins = evaluation.calibration()
    sure, right = _percent(evaluation.confidences.mean(dtype=np.float64)), _percent(evaluation.accuracy)
    error = f"{100 * bins.expected_error:.2f} %"
    title = f"The network is {sure} sure on average, and right {right} of the time (ECE {error})"
    note = "ECE: expected calibration error (Guo et al. 2017). Pale bars: 95 % intervals (Wilson 1927)."
    figure = _figure(title, 6.4, note)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=DASHES)
    top.text(0.03, 0.93, "above the line: right more often than it claims", color=GREY, fontsize=8)
    top.text(0.97, 0.03, "below the line: surer than it should be", color=GREY, fontsize=8, ha="right")
    for claimed, right, count in zip(bins.confidence, bins.accuracy, bins.counts, strict=True):
        if count:
            _dot(top, claimed, right, *wilson_interval(right * count, count))
    top.set(ylabel="share read right", xlim=(0, 1), ylim=(0, 1.02))
    top.grid()
    width = 1 / len(bins.counts)
    bars = bottom.bar((np.arange(len(bins.counts)) + 0.5) * width, bins.counts, width=0.9 * width, color=BAR)
    bottom.bar_label(bars, labels=[f"{n:,}" if n else "" for n in bins.counts], fontsize=8, padding=1)
    bottom.set(ylabel="images", xlabel="confidence: the probability of the answer", yticks=[])
    bottom.margins(y=0.25)
    return figure


# -- what it has learnt --------------------------------------------------------------------------------------


def _pixel_weights(network: NeuralNetwork) -> Array | None:
    """The weights ``(784, units)`` that look at the image itself, if it is a Dense layer that does."""
    learning = [layer for layer in network.layers if layer.parameter_shapes(layer.input_shape)]
    if learning and isinstance(learning[0], Dense) and learning[0].input_shape == (SIDE * SIDE,):
        return learning[0].weights
    return None


@rc_context(STYLE)
def first_layer_weights(network: NeuralNetwork) -> Figure:
    """Show what each unit of the first layer looks for: its weights, as a picture of 28 × 28.

    Of more than 64 units, the 64 with the largest weights (by Euclidean norm) are shown, the largest first.

    Raises:
        ValueError: if the first layer that learns is not a Dense layer with 784 inputs.
    """
    weights = _pixel_weights(network)
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
    figure = _figure(title, 0.8 + rows * (6.2 / columns + 0.15), note)
    limit = float(np.quantile(np.abs(weights[:, shown]), 0.999)) or 1.0
    for place, unit in enumerate(shown):
        axes = figure.add_subplot(rows, columns, place + 1)
        picture = axes.imshow(weights[:, unit].reshape(SIDE, SIDE), cmap=SIGNED_COLOURS, vmin=-limit, vmax=limit)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"#{unit}", loc="center", fontsize=7, color=GREY, pad=2)
        axes.spines[:].set(visible=True, color=PALE)
    figure.colorbar(picture, ax=figure.axes, extend="both", shrink=0.8, aspect=8 + 3 * rows, label="weight")
    return figure


@rc_context(STYLE)
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
    title = f"After {epochs} the network reads {_percent(reached)} of the {kind} images right"
    note = "Training loss: the mean over the epoch, while weights change and with dropout, if there is any."
    figure = _figure(title, 3.8, note)
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


@rc_context(STYLE)
def explanation(image: Array, parts: Explanation) -> Figure:
    """Show which pixels speak for the answer and which for the runner-up.

    Args:
        image: ``(28, 28)`` or ``(784,)``, ``uint8`` or 0…1.
        parts: what ``digits.explanation.explain`` returned for it.
    """
    winner, runner_up = parts.winner, parts.runner_up
    pixels = parts.contributions.sum()
    note = f"Margin of logits: {parts.margin:+.2f} = pixels {pixels:+.2f}, biases {parts.bias_share:+.2f}."
    note = note.replace("-", "−")  # as Matplotlib writes numbers on its axes
    figure = _figure(f"Why the network reads {_a(winner)} rather than {_a(runner_up)}", 4.2, note)
    image_axes, part_axes = figure.subplots(1, 2)
    _show(image_axes, _pictures(image)[0])
    shares = " and ".join(f"{_percent(parts.probabilities[digit])} {_a(digit)}" for digit in (winner, runner_up))
    image_axes.set_title(f"The image: {shares}")
    limit = float(np.abs(parts.contributions).max()) or 1.0
    picture = part_axes.imshow(parts.contributions, cmap=SIGNED_COLOURS, vmin=-limit, vmax=limit)
    part_axes.set(xticks=[], yticks=[], title=f"Orange: ink that speaks for {winner}. Blue: for {runner_up}")
    part_axes.spines[:].set(visible=True, color=PALE)
    figure.colorbar(picture, ax=part_axes, shrink=0.8, label="part of the margin")
    return figure


# -- all of an evaluation ------------------------------------------------------------------------------------


def evaluation_figures(network: NeuralNetwork, images: Array, evaluation: Evaluation) -> dict[str, Figure]:
    """Make all figures of ``digits evaluate --plots``, by the name of their file without its ending.

    Args:
        network: that was evaluated. Its weights are left out where they cannot be shown as pictures.
        images: those that were evaluated, in the same order.
        evaluation: of them.
    """
    figures = {
        "confusion_matrix": confusion_matrix(evaluation),
        "accuracy_by_digit": accuracy_by_digit(evaluation),
        "worst_mistakes": worst_mistakes(images, evaluation),
        "reliability_diagram": reliability_diagram(evaluation),
    }
    if _pixel_weights(network) is not None:
        figures["first_layer_weights"] = first_layer_weights(network)
    return figures
