"""Preparation, as facts about what must not change an image and what must."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from digits import Dataset
from digits.errors import DigitsError
from digits.model_files import load_model
from digits.reading import prepare_digit
from digits.reading.preparation import BOX, FINE, THICK, THIN, as_mnist, as_mnist_steps, stroke_widths

some = st.integers(0, 9999)


def width_of(image: np.ndarray) -> float:
    """How wide the strokes of a digit are, in pixels of MNIST, as preparation measures it."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    cropped = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX * FINE / max(cropped.shape)
    size = round(cropped.shape[1] * scale), round(cropped.shape[0] * scale)
    return BOX * float(stroke_widths(cv2.resize(cropped, size, interpolation=cv2.INTER_CUBIC)).mean())


def test_mnist_of_usual_width_prepared_again_is_mnist(mnist: tuple[Dataset, Dataset]) -> None:
    """Its digits are 20 pixels tall or wide and centred already; those that are not quite are a few. Measured: 88 %."""
    usual = [image for image in mnist[1].images[:300] if THIN + 0.05 < width_of(image) < THICK - 0.05]
    assert len(usual) > 100
    same = [np.abs(prepare_digit(image).astype(int) - image).max() < 8 for image in usual]
    assert np.mean(same) > 0.8


def test_mnist_prepared_again_means_the_same(mnist: tuple[Dataset, Dataset]) -> None:
    """Thin and thick strokes are changed, but no digit is."""
    images = mnist[1].images[:200]
    prepared = np.stack([prepare_digit(image) for image in images])
    assert np.abs(prepared.astype(int) - images).mean() < 8
    network = load_model("quick").network
    assert np.mean(network.predict(prepared) == network.predict(images)) >= 0.99


@pytest.mark.parametrize("pen", [2, 4, 8, 16, 24, 32])
def test_hairlines_and_markers_get_strokes_as_mnist_has_them(pen: int) -> None:
    drawing = np.full((300, 300), 255, np.uint8)
    cv2.ellipse(drawing, (150, 150), (60, 100), 0, 0, 360, 0, pen, cv2.LINE_AA)
    assert THIN - 0.5 <= width_of(prepare_digit(drawing)) <= THICK + 0.5


def test_a_coloured_drawing_is_prepared_as_a_grey_one(mnist: tuple[Dataset, Dataset]) -> None:
    for image in mnist[0].images[:20]:
        grey = prepare_digit(255 - image)
        assert np.array_equal(prepare_digit(np.repeat(255 - image[..., np.newaxis], 3, axis=2)), grey)
        red = np.stack([np.full_like(image, 255), 255 - image, 255 - image], axis=-1)
        assert np.array_equal(prepare_digit(red), grey)


def test_which_is_ink_can_be_said(mnist: tuple[Dataset, Dataset]) -> None:
    for image in mnist[0].images[:10]:
        assert np.array_equal(prepare_digit(image, "yes"), prepare_digit(image))
        assert not np.array_equal(prepare_digit(image, "no"), prepare_digit(image))


@given(some)
def test_dark_on_light_is_read_as_light_on_dark(mnist: tuple[Dataset, Dataset], index: int) -> None:
    image = mnist[1].images[index]
    assert np.array_equal(prepare_digit(image), prepare_digit(255 - image))


def test_margins_hardly_matter(mnist: tuple[Dataset, Dataset]) -> None:
    """How wide strokes may be is measured by the picture's size, so a faint pixel may come or go. Measured: 92 %."""
    differences = []
    for index, image in enumerate(mnist[1].images[:30]):
        top, left = np.random.default_rng(index).integers(1, 40, size=2)
        padded = np.pad(image, ((top, 3), (left, 9)))
        differences.append(np.abs(prepare_digit(padded).astype(int) - prepare_digit(image)).mean())
    assert np.mean(np.array(differences) == 0) >= 0.8
    assert max(differences) < 10


def test_size_hardly_matters_to_the_answers(mnist: tuple[Dataset, Dataset]) -> None:
    network = load_model("quick").network
    images = mnist[1].images[:40]
    enlarged = [np.asarray(Image.fromarray(image).resize((84, 84))) for image in images]
    answers = network.predict(np.stack([prepare_digit(image) for image in enlarged]))
    assert np.mean(answers == network.predict(images)) >= 0.95


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=60)))
def test_any_picture_becomes_an_image_or_is_called_blank(picture: np.ndarray) -> None:
    try:
        image = prepare_digit(picture)
    except DigitsError as error:
        assert "blank" in str(error) or "too faint" in str(error)
    else:
        assert image.shape == (28, 28)
        assert image.dtype == np.uint8
        assert image.max() > 0


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (784,), (3, 28, 28)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DigitsError, match=r"shape \(height, width\)"):
        prepare_digit(np.zeros(shape, np.uint8))


def test_specks_far_apart_are_no_exception() -> None:
    """Two pixels on a large picture: they are ink, and each is as large as the other."""
    picture = np.full((3000, 3000), 255, np.uint8)
    picture[0, 0] = picture[-1, -1] = 0
    assert prepare_digit(picture).shape == (28, 28)


@pytest.mark.parametrize("shade", [0, 1, 128, 255])
def test_one_shade_is_blank(shade: int) -> None:
    with pytest.raises(DigitsError, match="blank"):
        prepare_digit(np.full((50, 50), shade, np.uint8))


def test_the_steps_lead_to_the_image() -> None:
    """Box → strokes → 20 × 20 → placed so that the centre of mass is in the middle."""
    ink = np.zeros((60, 90), np.uint8)
    ink[10:50, 30:38] = 255
    steps = as_mnist_steps(ink, edge=10)
    assert np.array_equal(steps.image, as_mnist(ink, edge=10))
    assert steps.ink.shape == (40, 8)
    assert max(steps.fitted.shape) == 20
    (top, left), (height, width) = steps.corner, steps.fitted.shape
    assert np.array_equal(steps.image[top : top + height, left : left + width], steps.fitted)
    assert steps.image.sum() == steps.fitted.sum()
    assert np.abs(np.array(steps.centre) - 14.5).max() <= 0.5
    assert steps.stroke_width > 3.2  # 8 of 40 pixels are 4 of 20, wider than MNIST has it
    assert steps.strokes.mean() < steps.ink.mean()
