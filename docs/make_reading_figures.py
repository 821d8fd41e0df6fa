"""Draws the pictures of docs/reading.md: ``python docs/make_reading_figures.py``, with the package installed.

The pages are made up by ``benchmarks/pages.py``, of MNIST's test digits, which no shipped network was trained on.
"""

from __future__ import annotations

import io
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
from digits.model_files import load_model
from digits.reading import READING_MODEL, Reader, prepare_digit
from digits.reading.drawing import annotated

PAGE, PAGE_SEED = 93, 0  # the page that is shown
IMAGES = Path(__file__).parent / "images"
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
    keep(why_it_fails(digits.images[DRAWN], digits.labels[DRAWN], reader), "reading_why")


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


@plots.drawing()
def why_it_fails(images: Array, labels: Array, reader: Reader) -> Figure:
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
            odds = reader.network.predict_proba(seen[np.newaxis])[0]
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
