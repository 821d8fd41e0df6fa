"""How a picture was read, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from digits.plots.style import BLUE, GREY, VERMILION, WIDTH, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from digits.activations import Array
    from digits.reading import Page
    from digits.reading.reader import Steps

ACROSS = 12  # digits side by side
MOST = 60  # digits shown
LARGEST = 900  # pixels of a panel's longer side


@drawing()
def reading_steps(page: Page, steps: Steps) -> Figure:
    """Draw how a picture was read: the picture, even light, ink, shapes, and each digit as the network sees it.

    Args:
        page: what was read.
        steps: the way there, of ``Reader.read_steps``.
    """
    digits = page.digits[:MOST]
    rows = -(-len(digits) // ACROSS)
    height, width = steps.picture.shape[:2]
    beside = 4 if height > 1.2 * width else 2  # panels
    panel = min(4.5, max(1.2, WIDTH / beside * height / width)) + 0.35
    panels, below_height = 4 // beside * panel, rows * 0.95 + 0.4
    figure = Figure(figsize=(WIDTH, panels + below_height), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(panels, below_height), squeeze=False)[:, 0]
    first, second, third, fourth = above.subplots(4 // beside, beside, squeeze=False).ravel()
    narrow = beside == 4
    _panel(first, steps.picture, "1  the picture")
    polarity = "light ink on dark, turned round" if steps.ink.inverted else "dark ink on light"
    _panel(second, steps.ink.even, "2  even light" if narrow else f"2  light and pale rules evened out: {polarity}")
    ruled = np.where(steps.mask != steps.ink.mask, 200, 255 - steps.ink.mask.astype(np.int16)).clip(0, 255)
    _panel(third, ruled.astype(np.uint8), "3  ink" if narrow else "3  ink; in grey, what is taken for a ruled line")
    _panel(fourth, 255 - steps.mask, "4  shapes" if narrow else "4  shapes, in reading order, and what each is")
    shown = steps.scale / _step(steps.mask)
    for digit in page.digits:
        left, top, wide, tall = (side * shown for side in digit.box)
        colour = BLUE if digit.label is not None else VERMILION
        fourth.add_patch(Rectangle((left, top), wide, tall, fill=False, edgecolor=colour, linewidth=0.8))
        fourth.text(left, top - 1, digit.text or "×", color=colour, fontsize=7, va="bottom", clip_on=True)
    if not digits:
        below.text(0.02, 0.5, f"5  nothing is read: {page.reason}", color=GREY)
        return figure
    axes = below.subplots(rows, ACROSS, squeeze=False).ravel()
    for digit, each in zip(digits, axes, strict=False):
        each.imshow(digit.image, cmap="gray", vmin=0, vmax=255)
        wrong = digit.label is None
        title = digit.reason if wrong else f"{digit.label}  {digit.confidence:.0%}"
        each.set_title(str(title).replace("unsure: ", "unsure:\n"), color=VERMILION if wrong else BLUE, fontsize=6.5)
    for each in axes:
        each.set_axis_off()
    more = f" (the first {MOST} of {len(page.digits)})" if len(page.digits) > MOST else ""
    below.suptitle(f"5  each as the network sees it: 28 × 28{more}", x=0.01, ha="left", fontsize=9)
    return figure


def _panel(axes: Axes, picture: Array, title: str) -> None:
    step = _step(picture)
    axes.imshow(picture[::step, ::step], cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GREY, linewidth=0.5)


def _step(picture: Array) -> int:
    """Every how manyeth row and column is shown, so that a figure of a large photo is drawn in a second."""
    return max(1, round(float(max(picture.shape[:2])) / LARGEST))
