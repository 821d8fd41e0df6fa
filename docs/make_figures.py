"""Draws every picture in docs/images. Run by hand, with the package installed; the pictures are kept in git.

    python docs/make_figures.py              with the shipped model
    python docs/make_figures.py model.pkl    with another

Figures of results come from the program's own functions, the menu from the program itself, in a pseudo-terminal.
Training curves need a run: it trains the recipe "quick" once, in a temporary folder.
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image, ImageDraw, ImageFont
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text
from tables import COMPARED, SHIPPED, evaluation

from digits import RECIPES, NeuralNetwork, activations, load_mnist, optimizers, plots, train
from digits.adversarial import AttackError
from digits.cli.robustness import Robustness
from digits.datasets import Dataset
from digits.evaluation import evaluate
from digits.explanation import explain, nearest
from digits.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from digits.layers.convolution import im2col
from digits.model_files import DEFAULT_MODEL, load_model
from digits.predictions import answer, columns, from_test_set
from digits.recipes import USUAL_WARPS, Recipe
from digits.training import Finished

IMAGES = Path(__file__).parent / "images"
HARD_IMAGE = 8  # a five that looks like a six
LARGEST = 150_000  # bytes of one picture


def main() -> None:
    """Draw them all."""
    trained = load_model(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL)
    network = trained.network
    train_set, test_set = load_mnist()
    measured = evaluate(network, test_set.images, test_set.labels)

    answers = answer(network, from_test_set([0, 1, 2, 3, 4, 5, 6, 7, HARD_IMAGE, 9], test_set))
    keep(plots.predictions(*columns(answers)), "predictions")
    keep(plots.confusion_matrix(measured), "confusion_matrix")
    keep(plots.accuracy_by_digit(measured), "accuracy_by_digit")
    keep(plots.worst_mistakes(test_set.images, measured, limit=15), "worst_mistakes")
    keep(plots.reliability_diagram(measured), "reliability_diagram")
    keep(plots.first_layer_weights(network), "first_layer_weights")
    keep(plots.hidden_layer_map(network, test_set.images, measured), "hidden_layer_map")
    image = test_set.images[HARD_IMAGE]
    neighbours = nearest(network, image, train_set.images, train_set.labels)
    keep(plots.explanation(image, explain(network, image), neighbours), "explanation")
    curve = measured.risk_coverage()
    keep(plots.risk_coverage(curve.coverage, curve.risk), "risk_coverage")
    for name in ("standard", "cnn", "best-cnn"):
        keep(mistakes_of(name, test_set), f"mistakes_{name.replace('-', '_')}")
    for name, figure in robustness().figures(test_set).items():
        keep(figure, name)

    keep(network_flow(), "network_flow")
    keep(activation_functions(), "activations")
    keep(descent(), "descent")
    keep(windows_as_columns(), "im2col")
    keep(convolution_maps(train_set, test_set.images[0]), "convolution_maps")
    keep(batch_normalisation(train_set), "batch_norm")
    keep(warped_digits(train_set.images[[0, 2, 3, 4, 5]]), "warps")
    keep_picture(menu_picture(trained.path.resolve()), "menu")

    recipe = RECIPES["quick"]
    training = train(recipe.network(seed=0), train_set, recipe)
    finished = [event for event in training if isinstance(event, Finished)]
    assert finished
    keep(plots.learning_curves(training.history), "learning_curves")


def mistakes_of(model: str, test_set: Dataset) -> Figure:
    """All that a shipped model gets wrong."""
    measured = evaluate(load_model(model).network, test_set.images, test_set.labels)
    return plots.all_mistakes(test_set.images, test_set.labels, measured.predictions)


def robustness() -> Robustness:
    """What docs/runs has of corruptions and attacks."""
    corruptions = {
        name: {kind: error for kind, error in evaluation(name)["corruptions"].items() if kind != "mean"}
        for name in COMPARED
    }
    attacks = {name: [AttackError(**each) for each in evaluation(name)["attacks"]] for name in SHIPPED}
    return Robustness(corruptions, attacks)


def keep(figure: Figure, name: str) -> None:
    """Write a figure as a PNG of few colours: half the bytes, and nobody sees it."""
    drawn = io.BytesIO()
    with mpl.rc_context(plots.STYLE):
        figure.savefig(drawn, format="png", dpi=150)
    keep_picture(Image.open(drawn), name)


def keep_picture(picture: Image.Image, name: str) -> None:
    """Write a picture, and say how large it became."""
    path = IMAGES / f"{name}.png"
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name:28} {size / 1000:6.0f} kB")
    if size > LARGEST:
        raise SystemExit(f"{path} is larger than {LARGEST:,} bytes.")


# -- drawn for the pages ---------------------------------------------------------------------------------------


def network_flow() -> Figure:
    """The network forward and backward, with shapes."""
    figure = Figure(figsize=(plots.WIDTH, 3.8))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(6.5, 54))
    axes.axis("off")
    parts = [(18, "Dense(128)"), (41, "ReLU"), (64, "Dense(10)"), (87, "softmax,\ncross-\nentropy")]
    for x, name in parts:
        box = FancyBboxPatch(
            (x - 6.5, 27), 13, 10, boxstyle="round,pad=0,rounding_size=1.2", fc="#F4F4F4", ec=plots.GREY
        )
        axes.add_patch(box)
        axes.text(x, 32, name, ha="center", va="center", fontsize=10, fontweight="bold", color=plots.INK)

    middles = [6, 29.5, 52.5, 75.5]
    forward = ["x\n(n, 784)", "x·W + b\n(n, 128)", "max(0, ·)\n(n, 128)", "logits z\n(n, 10)"]
    backward = ["", "∂L/∂y\n(n, 128)", "∂L/∂y\n(n, 128)", "(p − 1ₜ)/n\n(n, 10)"]
    for x, what in zip(middles, forward, strict=True):
        _arrow(axes, (x - 4.7, 34.5), (x + 4.7, 34.5), plots.BLUE)
        axes.text(x, 36.3, what, ha="center", va="bottom", fontsize=8.5, color=plots.BLUE)
    for x, what in list(zip(middles, backward, strict=True))[1:]:
        _arrow(axes, (x + 4.7, 29.5), (x - 4.7, 29.5), plots.VERMILION)
        axes.text(x, 27.6, what, ha="center", va="top", fontsize=8.5, color=plots.VERMILION)
    _arrow(axes, (87, 46.2), (87, 37.3), plots.BLUE)
    axes.text(87, 47, "labels\n(n,)", ha="center", va="bottom", fontsize=8.5, color=plots.BLUE)
    gradients = [(18, "(784, 128)", "(128,)"), (64, "(128, 10)", "(10,)")]
    for x, weights, biases in gradients:
        _arrow(axes, (x, 26.7), (x, 20), plots.VERMILION)
        text = f"∂L/∂W = xᵀ·∂L/∂y   {weights}\n∂L/∂b = column sums   {biases}"
        axes.text(x, 19, text, ha="center", va="top", fontsize=8.5, color=plots.VERMILION, linespacing=1.5)
    axes.text(41, 25.8, "⊙ f′", ha="center", va="top", fontsize=8.5, color=plots.VERMILION)
    title = {"fontsize": 10, "fontweight": "bold", "va": "center"}
    axes.text(2, 51.5, "Forward: from pixels to a loss", color=plots.BLUE, **title)
    axes.text(2, 9, "Backward: from the loss to a gradient for every parameter", color=plots.VERMILION, **title)
    return figure


def _arrow(axes: mpl.axes.Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12}
    axes.annotate("", end, start, arrowprops=style)


@mpl.rc_context(plots.STYLE)
def activation_functions() -> Figure:
    """The four activations and their derivatives."""
    x = np.linspace(-4, 4, 401)
    shown = [
        ("ReLU", activations.relu(x), activations.relu_derivative),
        ("LeakyReLU, slope 0.1", activations.leaky_relu(x, 0.1), lambda y: activations.leaky_relu_derivative(y, 0.1)),
        ("Sigmoid", activations.sigmoid(x), activations.sigmoid_derivative),
        ("Tanh", activations.tanh(x), activations.tanh_derivative),
    ]
    figure = Figure(figsize=(plots.WIDTH, 2.4), layout="constrained")
    for axes, (name, y, derivative) in zip(figure.subplots(1, 4, sharex=True), shown, strict=True):
        axes.axhline(0, color=plots.PALE, linewidth=1)
        axes.axvline(0, color=plots.PALE, linewidth=1)
        slopes = derivative(y)
        slopes[np.abs(np.diff(slopes, prepend=slopes[0])) > 0.5] = np.nan  # a jump is no slope
        axes.plot(x, y, color=plots.BLUE, label="f(x)")
        axes.plot(x, slopes, color=plots.VERMILION, linestyle=plots.DASHES, label="f′(x)")
        axes.set(title=name, ylim=(-1.2, 2.2), xticks=[-4, 0, 4], yticks=[-1, 0, 1, 2])
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    return figure


@mpl.rc_context(plots.STYLE)
def descent() -> Figure:
    """Thirty steps of three optimizers in a long valley, L = (x² + 20·y²)/2."""
    steepness = np.array([1.0, 20.0])
    shown: list[tuple[str, optimizers.Optimizer]] = [
        ("SGD, learning rate 0.09", optimizers.SGD(0.09)),
        ("Momentum, learning rate 0.03", optimizers.Momentum(0.03, momentum=0.8)),
        ("AdamW, learning rate 0.35", optimizers.AdamW(0.35, beta1=0.8, weight_decay=0.0)),
    ]
    figure = Figure(figsize=(plots.WIDTH, 2.5), layout="constrained")
    grid_x, grid_y = np.meshgrid(np.linspace(-5, 1.5, 200), np.linspace(-1.6, 1.6, 200))
    valley = (steepness[0] * grid_x**2 + steepness[1] * grid_y**2) / 2
    for axes, (name, optimizer) in zip(figure.subplots(1, 3, sharey=True), shown, strict=True):
        place = np.array([-4.5, 1.2])
        path = [place.copy()]
        for _ in range(30):
            optimizer.step(place, steepness * place)
            path.append(place.copy())
        axes.contour(grid_x, grid_y, valley, levels=np.geomspace(0.1, 30, 9), colors=plots.BAR, linewidths=0.6)
        axes.plot(*np.transpose(path), "o-", color=plots.BLUE, markersize=3, linewidth=1)
        axes.plot(0, 0, "x", color=plots.VERMILION, markersize=8, markeredgewidth=2)
        loss = float(steepness @ place**2 / 2)
        axes.set(title=f"{name}\nloss after 30 steps: {loss:.2g}", xticks=[], yticks=[])
    return figure


# -- convolution -----------------------------------------------------------------------------------------------

PLACES = ["#009E73", "#CC79A7", "#E69F00", "#56B4E9"]  # the colours of Okabe and Ito that filters do not use


@mpl.rc_context(plots.STYLE)
def windows_as_columns() -> Figure:
    """Convolution as one matrix product: each window a column, each filter a row. Lengths are in cells."""
    image = np.array([[0, 1, 3, 0], [0, 2, 3, 0], [1, 3, 1, 0], [3, 2, 0, 0]])
    filters = np.array([[[1, 0, -1], [1, 0, -1], [1, 0, -1]], [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]])
    patches = np.empty((1, 3, 3, 2, 2, 1), int)
    im2col(image[np.newaxis, :, :, np.newaxis], patches)
    patches = patches.reshape(9, 4)
    answers = filters.reshape(2, 9) @ patches

    figure = Figure(figsize=(plots.WIDTH, 5.85))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.2, 33.4), ylim=(24.85, 0.25), aspect="equal")
    axes.axis("off")
    wide, columns = 4.0, [10.6, 15.0, 19.4, 23.8]
    for place, (x, colour) in enumerate(zip(columns, PLACES, strict=True)):
        row, column = divmod(place, 2)
        _cells(axes, image, (x, 1), fill=_ink)
        _frame(axes, (x + column, 1 + row), 3, 3, colour)
        _arrow(axes, (x + 2, 5.2), (x + 2, 6.1), colour)
        for third in range(3):
            _cells(axes, patches[3 * third : 3 * third + 3, [place]], (x, 6.5 + 3.2 * third), fill=_ink, width=wide)
        _frame(axes, (x, 6.3), wide, 9.8, colour)
        _cells(axes, answers[:, [place]], (x, 17.1), width=wide, height=1.3)
        _frame(axes, (x, 17.1), wide, 2.6, colour)
    for third, name in enumerate(("top", "middle", "bottom")):
        where = {"x": columns[0] - 0.5, "y": 8 + 3.2 * third, "ha": "right", "va": "center"}
        axes.text(s=f"{name} row\nof the window", fontsize=7.5, color=plots.GREY, **where)

    for number, (weights, y, name_y) in enumerate(zip(filters, (11.7, 21.2), (13.2, 22.7), strict=True), start=1):
        _cells(axes, weights, (3.6, y), fill=_sign)
        axes.text(3.2, name_y, f"filter {number}", ha="right", va="center")
        _cells(axes, weights.reshape(1, 9), (0.6, 15.8 + 1.3 * number), fill=_sign, height=1.3)
    for number, (y, name_y) in enumerate(zip((13.9, 19.8), (13.35, 23.45), strict=True)):
        for place, colour in enumerate(PLACES):
            row, column = divmod(place, 2)
            corner = (29.6 + 1.6 * column, y + 1.6 * row)
            _cells(axes, answers[[number]][:, [place]], corner, width=1.5, height=1.5)
            _frame(axes, corner, 1.5, 1.5, colour)
        axes.text(31.15, name_y, f"map {number + 1}", ha="center", va="center")
    for start, end in [
        ((5.1, 14.9), (5.1, 16.9)),
        ((5.1, 21), (5.1, 19.9)),
        ((28, 17.75), (29.35, 16.2)),
        ((28, 19.05), (29.35, 20.6)),
    ]:
        _arrow(axes, start, end, plots.GREY)

    step = {"fontsize": 9.5, "fontweight": "bold", "color": plots.INK, "va": "center"}
    axes.text(0.6, 3, "1  Move the window over\n    the image", **step)
    axes.text(0.6, 7, "2  Write each patch\n    as a column", **step)
    axes.text(0.6, 10.2, "3  Write each filter\n    as a row", **step)
    axes.text(columns[0], 21, "4  Multiply. Each number is a row times a column:", **step)
    products = " + ".join(f"{w}·{x}" for w, x in zip(filters[0].ravel(), patches[:, 1], strict=True))
    products = products.replace("+ -", "− ")
    axes.text(columns[0] + 0.75, 22.2, f"{products} = {answers[0, 1]}", fontsize=8.5, color=plots.INK, va="center")
    axes.text(columns[0] + 0.75, 23.3, "filter 1 at the second place", fontsize=8.5, color="#A8437F", va="center")
    return figure


def _cells(
    axes: mpl.axes.Axes,
    numbers: np.ndarray,
    corner: tuple[float, float],
    fill: Callable[[int], object] = lambda _: "white",
    width: float = 1.0,
    height: float = 1.0,
) -> None:
    """Draw a matrix as cells with numbers, its upper left corner at ``corner``."""
    for (row, column), number in np.ndenumerate(numbers):
        x, y = corner[0] + column * width, corner[1] + row * height
        axes.add_patch(Rectangle((x, y), width, height, fc=fill(number), ec=plots.BAR, lw=0.6))
        text = f"{number}".replace("-", "−")
        axes.text(x + width / 2, y + height / 2, text, ha="center", va="center_baseline", fontsize=8.5)


def _frame(axes: mpl.axes.Axes, corner: tuple[float, float], width: float, height: float, colour: str) -> None:
    axes.add_patch(Rectangle(corner, width, height, fc="none", ec=colour, lw=2.5, zorder=3, joinstyle="round"))


def _ink(pixel: int) -> str:
    return ["#FFFFFF", "#E2E2E2", "#C8C8C8", "#ABABAB"][pixel]


def _sign(weight: int) -> object:
    return plots.SIGNED_COLOURS(0.5 + 0.12 * weight)


@mpl.rc_context(plots.STYLE)
def convolution_maps(train_set: Dataset, image: np.ndarray) -> Figure:
    """An image on its way through the first layers of a small network, trained for one pass over the images."""
    layers = [Conv2D(8, 5, padding=2), MaxPool2D(2), ReLU(), Conv2D(16, 5, padding=2), MaxPool2D(2), ReLU()]
    network = NeuralNetwork([*layers, Flatten(), Dense(10)], input_shape=(1, 28, 28), seed=0)
    recipe = RECIPES["quick"].changed(learning_rate=3e-3, batch_size=100, epochs=1, weight_average=0.0)
    finished = [event for event in train(network, train_set, recipe) if isinstance(event, Finished)]
    assert finished

    convolution, pooling, relu = network.layers[:3]
    maps = convolution.infer(image[np.newaxis, np.newaxis] / np.float32(255))
    pooled = pooling.infer(maps)
    rows = [convolution.weights.transpose(3, 0, 1, 2)[:, 0], maps[0], pooled[0], relu.infer(pooled)[0]]
    names = ["filters\n5 × 5", "maps\n28 × 28", "the largest\nof 2 × 2:\n14 × 14", "after ReLU"]
    figure = Figure(figsize=(plots.WIDTH, 3.15))
    own = figure.add_axes((0.01, 0.515, 0.085, 0.216))
    own.imshow(image, cmap="gray_r")
    own.set(xticks=[], yticks=[], title="the image")
    own.spines[:].set(visible=True, color=plots.PALE)
    grid = figure.subplots(
        4, 8, gridspec_kw={"left": 0.225, "right": 0.995, "bottom": 0.015, "top": 0.985, "hspace": 0.1}
    )
    for row, (pictures, name) in enumerate(zip(rows, names, strict=True)):
        limit = np.abs(pictures).max()
        grid[row, 0].text(-0.15, 0.5, name, transform=grid[row, 0].transAxes, ha="right", va="center")
        for axes, picture in zip(grid[row], pictures, strict=True):
            axes.imshow(picture, cmap=plots.SIGNED_COLOURS, vmin=-limit, vmax=limit)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=plots.BAR, linewidth=0.6)
    return figure


@mpl.rc_context(plots.STYLE)
def batch_normalisation(train_set: Dataset) -> Figure:
    """How far 300 steps of plain gradient descent get with each learning rate, with and without normalisation."""
    rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
    shown = [(False, plots.VERMILION, "s", "without"), (True, plots.BLUE, "o", "with batch normalisation")]
    guessing = np.log(10)
    figure = Figure(figsize=(plots.WIDTH, 2.7), layout="constrained")
    for axes, depth in zip(figure.subplots(1, 2, sharey=True), (2, 10), strict=True):
        axes.axhline(guessing, color=plots.BAR, linewidth=1, linestyle=plots.DASHES)
        for batch_norm, colour, marker, label in shown:
            recipe = Recipe(hidden=(64,) * depth, batch_norm=batch_norm)
            losses = [_loss_after_steps(recipe.network(seed=0), rate, train_set) for rate in rates]
            losses = np.where(np.isfinite(losses), np.minimum(losses, 2.6), 2.6)
            axes.plot(rates, losses, marker=marker, color=colour, markersize=5, label=label)
        axes.set(title=f"{depth} hidden layers of 64", xscale="log", ylim=(0, 2.75), xlabel="learning rate")
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
    first, second = figure.axes
    first.set(ylabel="loss, steps 271 to 300")
    second.text(0.003, guessing + 0.05, "guessing", va="bottom", fontsize=8, color=plots.GREY)
    second.text(0.8, 2.6, "diverged", ha="right", va="center", fontsize=8, color=plots.VERMILION)
    first.legend(frameon=False, loc="center", bbox_to_anchor=(0.43, 0.6), fontsize=8)
    return figure


def _loss_after_steps(network: NeuralNetwork, learning_rate: float, train_set: Dataset) -> float:
    random, optimizer, losses = np.random.default_rng(0), optimizers.SGD(learning_rate), []
    with np.errstate(over="ignore", invalid="ignore"):  # some diverge: that is what is shown
        for _ in range(300):
            batch = random.integers(0, len(train_set.images), 100)
            losses.append(network.loss_and_gradients(train_set.images[batch], train_set.labels[batch]))
            optimizer.step(network.parameters, network.gradients)
    return float(np.mean(losses[-30:]))


# -- a terminal ------------------------------------------------------------------------------------------------

CELL = 18, 36  # pixels of a character: the half blocks of an image become squares
PAPER, LIGHT = "#16181D", "#D6D9DF"
TYPED = ["1", "2 8", "3"]  # at the menu


def warped_digits(images: np.ndarray) -> Figure:
    """Each digit as it is, and warped nine times as ``digits train --augment`` does."""
    random = np.random.default_rng(0)
    columns = [images / 255, *(USUAL_WARPS(images, random) for _ in range(9))]
    figure, grid = plt.subplots(len(images), len(columns), figsize=(7, 3.6), squeeze=False)
    for column, warped in enumerate(columns):
        for row, image in enumerate(warped):
            axes = grid[row, column]
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            for side in axes.spines.values():
                side.set(color="#0072b2" if column == 0 else "#cccccc", linewidth=1.5 if column == 0 else 0.6)
    grid[0, 0].set_title("as it is", fontsize=8, color="#0072b2")
    grid[0, 5].set_title("as an epoch may show it", fontsize=8, color="#555555")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.93, wspace=0.08, hspace=0.08)
    return figure


def menu_picture(model: Path) -> Image.Image:
    """The menu as a terminal shows it, with two predictions."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.pkl").symlink_to(model)
        screen = in_terminal(["digits"], TYPED, folder)
    answered = re.match(r".*? right\n(?=\n  1  )", screen, re.DOTALL)
    assert answered, screen
    return draw_terminal("$ digits\n" + answered.group())


def in_terminal(command: list[str], typed: list[str], folder: str) -> str:
    """Run a command in a pseudo-terminal, answering each of its questions; return what the screen got."""
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "96"}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)
    seen, answers = b"", iter(typed)
    try:
        while some := os.read(terminal, 65536):
            seen += some
            if re.search(rb": $", seen):
                os.write(terminal, next(answers).encode() + b"\n")
    except OSError:  # the child has closed its end
        pass
    os.waitpid(child, 0)
    return seen.decode().replace("\r", "")


def draw_terminal(screen: str) -> Image.Image:
    """Paint the characters of a screen, with their colours, in Matplotlib's own monospaced font."""
    console = Console(width=96, color_system="truecolor", file=io.StringIO())
    lines = [list(line.render(console)) for line in Text.from_ansi(screen.strip("\n")).split("\n")]
    fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
    faces = [ImageFont.truetype(str(fonts / f"DejaVuSansMono{bold}.ttf"), 30) for bold in ("", "-Bold")]
    width, height = CELL
    columns = max(sum(len(segment.text) for segment in line) for line in lines)
    picture = Image.new("RGB", ((columns + 4) * width, (len(lines) + 2) * height), PAPER)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines, start=1):
        column = 2
        for text, style, _ in line:
            style = style or Style.null()
            ink, ground = _rgb(style.color), _rgb(style.bgcolor)
            for character in text:
                x, y = column * width, row * height
                column += 1
                if ground:
                    draw.rectangle((x, y, x + width - 1, y + height - 1), ground)
                if character in "▀█":
                    bottom = y + height // (2 if character == "▀" else 1) - 1
                    draw.rectangle((x, y, x + width - 1, bottom), ink or LIGHT)
                elif character != " ":
                    draw.text((x, y), character, ink or LIGHT, faces[bool(style.bold)])
    return picture


def _rgb(colour: Color | None) -> tuple[int, int, int] | None:
    return None if colour is None or colour.is_default else tuple(colour.get_truecolor(SVG_EXPORT_THEME))


if __name__ == "__main__":
    main()
