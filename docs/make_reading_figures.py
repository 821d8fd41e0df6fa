"""Draws the pictures of docs/reading.md: ``python docs/make_reading_figures.py``, with the package installed.

The pages are made up by ``benchmarks/pages.py``, of MNIST's test digits, which no shipped network was trained on.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.pages import make_sheet
from digits import load_mnist, plots
from digits.augmentation import coarsen
from digits.foreign_digits import draw_foreign_digits
from digits.model_files import load_model
from digits.neural_network import NeuralNetwork
from digits.non_digits import draw_non_digits
from digits.reading import READING_MODEL, Reader, prepare_digit
from digits.reading.drawing import annotated
from digits.reading.reader import UNSURE

PAGE, PAGE_SEED = 93, 0  # the page that is shown
IMAGES = Path(__file__).parent / "images"
RUNS = Path(__file__).parent / "runs"
DRAWN = [2, 2019, 2020, 2021, 8, 2023]  # test images, each drawn in another way
Array = np.ndarray


def main() -> None:
    """Draw them all."""
    reader = Reader(load_model(READING_MODEL).network)
    digits = load_mnist()[1]
    sheet = make_sheet(digits, np.random.default_rng([PAGE_SEED, PAGE]))
    page, steps = reader.read_steps(sheet.picture)
    print(sheet.traits, sheet.lines, page.text.split("\n"))
    keep(Image.fromarray(annotated(sheet.picture, page)), "reading_page")
    assert steps
    keep(plots.reading_steps(page, steps), "reading_steps")
    keep(shapes(draw_non_digits(8 * 28, digits.images)), "reading_non_digits")
    keep(shapes(np.concatenate([foreign(), coarse(digits.images)])), "reading_foreign")
    keep(refusals(), "reading_refusals")
    keep(why_it_fails(digits.images[DRAWN], digits.labels[DRAWN], load_model("gentle-cnn").network), "reading_why")


def keep(picture: Figure | Image.Image, name: str) -> None:
    """Write a picture of a page as a JPEG, which takes a third of a PNG for it."""
    if isinstance(picture, Figure):
        drawn = io.BytesIO()
        with mpl.rc_context(plots.STYLE):
            picture.savefig(drawn, format="png", dpi=125)
        picture = Image.open(drawn)
    path = IMAGES / f"{name}.jpg"
    picture.convert("RGB").save(path, quality=74, optimize=True)
    print(f"{path.name:28} {path.stat().st_size / 1000:6.0f} kB")


def shapes(images: Array) -> Image.Image:
    """Images on a sheet, 28 a row, dark on white."""
    rows = images.reshape(-1, 28, 28, 28)
    sheet = Image.fromarray(255 - rows.transpose(0, 2, 1, 3).reshape(-1, 28 * 28))
    return sheet.resize((2 * sheet.width, 2 * sheet.height), Image.Resampling.BICUBIC)


def foreign() -> Array:
    """Three rows of digits in forms that are rare in MNIST, 0 to 9."""
    images, labels = draw_foreign_digits(3 * 28)
    return images[np.argsort(labels, kind="stable")]


def coarse(digits: Array) -> Array:
    """Two rows of digits, each drawn on a coarser grid."""
    images = digits[: 2 * 28].astype(np.float32) / 255
    coarsen(images, np.random.default_rng(0))
    return np.rint(255 * images).astype(np.uint8)


@plots.drawing()
def refusals() -> Figure:
    """What each threshold refuses: digits by mistake, and letters that it lets through."""
    figure = Figure(figsize=(plots.WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("cnn", plots.VERMILION), (READING_MODEL, plots.BLUE)):
        curve = json.loads((RUNS / f"foreign-{name}.json").read_text(encoding="utf-8"))["curve"]
        thresholds, refused, passed = np.array(curve).T
        axes.plot(100 * refused, 100 * passed, color=colour, label=name)
        chosen = int(np.argmin(np.abs(thresholds - UNSURE)))
        axes.plot(100 * refused[chosen], 100 * passed[chosen], "o", color=colour)
        axes.annotate(
            f"{name}, threshold {UNSURE:g}",
            (100 * refused[chosen], 100 * passed[chosen]),
            xytext=(8, 4),
            textcoords="offset points",
            color=colour,
        )
    axes.set(
        xlabel="digits refused, or not seen as one shape, in %", ylabel="letters taken for digits, in %", ylim=(0, 100)
    )
    axes.set_xlim(left=0)
    return figure


@plots.drawing()
def why_it_fails(images: Array, labels: Array, network: NeuralNetwork) -> Figure:
    """The same digits, spoilt as people's pictures are: as tutorials prepare them, and as this program does."""
    spoilt: list[tuple[str, Callable[[Array], Array]]] = [
        ("dark on light", lambda ink: 255 - 215 * ink),
        ("small, in a corner", lambda ink: 255 - 215 * _in_corner(ink)),
        ("a hairline", lambda ink: 255 - 215 * _hairline(ink)),
        ("a marker", lambda ink: 255 - 215 * cv2.dilate(ink, _disc(21))),
        ("in a shadow", lambda ink: (235 - 140 * ink) * _shadow(ink.shape)),
        ("faint, with grain", _grainy),
    ]
    figure = Figure(figsize=(plots.WIDTH, 4.4), layout="constrained")
    rows = figure.subplots(3, len(spoilt))
    for (name, spoil), image, label, column in zip(spoilt, images, labels, rows.T, strict=True):
        picture = spoil(_enlarged(image)).clip(0, 255).astype(np.uint8)
        squeezed = cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA)
        column[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
        column[0].set_title(name)
        for axes, seen in ((column[1], squeezed), (column[2], prepare_digit(picture))):
            odds = network.predict_proba(seen[np.newaxis])[0]
            axes.imshow(seen, cmap="gray", vmin=0, vmax=255)
            colour = plots.BLUE if odds.argmax() == label else plots.VERMILION
            axes.set_title(f"{odds.argmax()}, {odds.max():.0%} sure", color=colour)
    for axes, name in zip(rows[:, 0], ("the picture", "scaled to 28 × 28", "prepared"), strict=True):
        axes.set_ylabel(name)
    for axes in rows.ravel():
        axes.set(xticks=[], yticks=[])
    return figure


def _enlarged(image: Array) -> Array:
    """A digit as a drawing of 280 × 280 with margins, ink 0…1."""
    large = cv2.resize(image.astype(np.float32) / 255, (280, 280), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.asarray((6 * (cv2.GaussianBlur(large, (0, 0), 3) - 0.5) + 0.5).clip(0, 1))


def _in_corner(ink: Array) -> Array:
    page = np.zeros_like(ink)
    page[10:120, 10:120] = cv2.resize(ink, (110, 110), interpolation=cv2.INTER_AREA)
    return page


def _hairline(ink: Array) -> Array:
    """The middle of the strokes only."""
    depths = cv2.distanceTransform((ink > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    ridge = (depths > 2) & (depths >= cv2.dilate(depths, np.ones((5, 5), np.uint8)) - 0.8)
    return np.asarray(cv2.GaussianBlur(ridge.astype(np.float32), (0, 0), 1).clip(0, 1))


def _shadow(shape: tuple[int, ...]) -> Array:
    y, x = np.indices(shape) / shape[0]
    return np.asarray(1 - 0.65 / (1 + np.exp(-(x + 0.6 * y - 0.75) * 30)))


def _grainy(ink: Array) -> Array:
    return 205 - 38 * ink + np.random.default_rng(0).normal(0, 5, ink.shape)


def _disc(size: int) -> Array:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))


if __name__ == "__main__":
    main()
