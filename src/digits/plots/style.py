"""What all figures share: colours and style, an empty figure, a picture, words for numbers, and the file."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from digits.atomic_files import atomic_write
from digits.data_preprocessing import SIDE
from digits.errors import DigitsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

    from digits.activations import Array

BLUE, VERMILION = "#0072B2", "#D55E00"
INK, GREY, BAR, PALE = "#222222", "#6B6B6B", "#B0B0B0", "#E6E6E6"
DASHES = (0, (4, 3))
WIDTH = 8.0  # inches
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

_ONE_THREAD = RLock()  # one thread may nest: to save is to draw


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in this style: a context, or a decorator. Matplotlib's settings are global, so threads take turns."""
    with _ONE_THREAD, rc_context(STYLE):
        yield


def file_format(path: str | Path) -> str:
    """The format of a figure by its file's ending, e.g. "png".

    Raises:
        DigitsError: if Matplotlib knows no such format.
    """
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in FigureCanvasBase.get_supported_filetypes():
        raise DigitsError(f"{path}: the name of a figure must end in .png, .svg or .pdf.")
    return ending


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a file, whole or not at all, and make its folder where there is none.

    Args:
        figure: of this package.
        path: its ending chooses the format: .png, .svg, .pdf and the others that Matplotlib knows.

    Raises:
        DigitsError: if there is no such format, or the file cannot be written.
    """
    ending = file_format(path)
    picture = BytesIO()  # drawn first: a figure that cannot be drawn leaves no trace on the disk
    with drawing(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of a file's name; a box stands for it
        figure.savefig(picture, format=ending)
    with atomic_write(path) as file:
        file.write(picture.getvalue())


def new_figure(title: str, height: float, note: str = "") -> Figure:
    """Make an empty figure: a sentence above, perhaps a grey note below. The height is in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold")
    if note:
        figure.supxlabel(note, x=0.012, ha="left", fontsize=8, color=GREY)
    return figure


def as_pictures(images: Array) -> Array:
    """Any images → ``(n, 28, 28)``, 0…1."""
    pictures = np.asarray(images).reshape(-1, SIDE, SIDE)
    return pictures / 255 if pictures.dtype == np.uint8 else pictures


def show_image(axes: Axes, picture: Array) -> None:
    """Draw one image as ink on paper."""
    axes.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=PALE, linewidth=0.8)


def percent(share: float) -> str:
    """0.9876 → "98.8 %". What is not quite 1 is never shown as 100 %."""
    return "> 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def count_images(count: int) -> str:
    """1000 → "1,000 images"."""
    return "1 image" if count == 1 else f"{count:,} images"


def with_article(digit: int) -> str:
    """8 → "an 8"."""
    return f"an {digit}" if digit == 8 else f"a {digit}"


def show_interval(axes: Axes, x: float, y: float, low: float, high: float) -> None:
    """Draw a measured value with the interval in which the true one may lie."""
    axes.vlines(x, low, high, color=BLUE, alpha=0.35, linewidth=5, clip_on=False)
    axes.plot(x, y, "o", color=BLUE, markersize=7, clip_on=False)
