"""Figures of robustness: they hold the right numbers, and nothing is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from digits.plots import save
from digits.plots.robustness import attack_errors, corruption_errors, corruption_examples

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
NAMES = ("fog", "dotted_line", "stripe", "impulse_noise", "zigzag", "canny_edges", "scale")
EXAMPLES = {"clean": IMAGES, **{name: IMAGES // (2 + n) for n, name in enumerate(NAMES)}}
ERRORS = {"clean": 1.5, "fog": 86.0, "dotted_line": 7.0, "scale": 24.0}
PERFECT = dict.fromkeys(ERRORS, 0.0)
HALF = {kind: error / 2 for kind, error in ERRORS.items()}
FIVE = {"standard without warps": ERRORS, "standard": HALF, "cnn without warps": HALF, "cnn": PERFECT, "best": PERFECT}
ATTACKS = {"FGSM": [(0.0, 1.5), (0.1, 74.0), (0.2, 98.0)], "PGD": [(0.0, 1.5), (0.1, 89.0), (0.2, 100.0)]}
WEAK = {"FGSM": [(0.1, 12.0)], "PGD": [(0.1, 15.0)]}


def texts(figure: Figure) -> list[str]:
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


FIGURES = {
    "examples": lambda: corruption_examples(EXAMPLES),
    "examples, one kind": lambda: corruption_examples({"fog": IMAGES[:3]}),
    "errors": lambda: corruption_errors({"quick": ERRORS}),
    "errors, five models": lambda: corruption_errors(FIVE),
    "errors, none": lambda: corruption_errors({"quick": PERFECT}),
    "attacks": lambda: attack_errors({"quick": ATTACKS, "standard": ATTACKS}),
    "attacks, one ε": lambda: attack_errors({"quick": WEAK}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_1600_pixels_wide_on_white_and_nothing_is_cut_off(name: str, tmp_path: Path) -> None:
    figure = FIGURES[name]()
    save(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.width == 1600
        pixels = np.asarray(picture.convert("L"))
    assert set(pixels[0]) | set(pixels[-1]) | set(pixels[:, 0]) | set(pixels[:, -1]) == {255}
    content, page = figure.get_tightbbox(), figure.bbox_inches
    assert page.x0 <= content.x0 < content.x1 <= page.x1
    assert page.y0 <= content.y0 < content.y1 <= page.y1


def test_examples_stand_beside_the_names_of_their_kinds() -> None:
    figure = corruption_examples(EXAMPLES)
    shown = [image.get_array() for axes in figure.axes for image in axes.images]
    np.testing.assert_allclose(shown, np.concatenate([images / 255 for images in EXAMPLES.values()]))
    assert [text for text in texts(figure) if text in {"clean", "fog", "dotted line"}] == [
        "clean",
        "fog",
        "dotted line",
    ]
    assert figure.get_suptitle().startswith("7 kinds")


def test_errors_are_sorted_and_their_mean_leaves_the_clean_images_out() -> None:
    figure = corruption_errors({"quick": ERRORS, "standard": HALF})
    (axes,) = figure.axes
    figure.draw_without_rendering()
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["fog", "scale", "dotted line", "mean of the 3", "clean"]
    numbers = [float(text.get_text()) for text in axes.texts]
    assert numbers == [86, 43, 24, 12, 7, 3.5, 39, 19.5, 1.5, 0.8]
    assert figure.get_suptitle() == "Of spoilt images, the networks misread 19.5 to 39.0 % on average"


def test_lines_of_an_attack_go_through_its_errors() -> None:
    figure = attack_errors({"quick": ATTACKS})
    for axes, (attack, points) in zip(figure.axes, ATTACKS.items(), strict=True):
        assert axes.get_title(loc="left") == attack
        np.testing.assert_allclose(axes.lines[0].get_xydata(), points)
    assert "0.2 a pixel" in figure.get_suptitle()
    assert "0.2" not in attack_errors({"quick": ATTACKS, "robust": WEAK}).get_suptitle()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: corruption_examples({"fog": IMAGES, "scale": IMAGES[:2]}), r"as many examples.*got \[2, 5\]"),
        (lambda: corruption_examples({}), "as many examples"),
        (lambda: corruption_errors({}), "1 to 6 models; got 0"),
        (lambda: corruption_errors(dict.fromkeys("abcdefg", ERRORS)), "1 to 6 models; got 7"),
        (lambda: corruption_errors({"a": ERRORS, "b": {"fog": 3.0}}), "measured on the same"),
        (lambda: corruption_errors({"a": {"clean": 1.0}}), "no corruption to show"),
        (lambda: attack_errors({"a": {}}), "no attack to show"),
    ],
)
def test_what_cannot_be_compared_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
