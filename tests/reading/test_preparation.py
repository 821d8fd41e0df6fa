"""Preparation, as facts about what must not change an image and what must."""

from __future__ import annotations

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

some = st.integers(0, 9999)


def test_mnist_prepared_again_is_mnist(mnist: tuple[Dataset, Dataset]) -> None:
    """Its digits are 20 pixels tall or wide and centred already; those that are not quite are a few."""
    images = mnist[1].images[:500]
    same = [np.abs(prepare_digit(image).astype(int) - image).max() < 8 for image in images]
    assert np.mean(same) > 0.9


@given(some)
def test_dark_on_light_is_read_as_light_on_dark(mnist: tuple[Dataset, Dataset], index: int) -> None:
    image = mnist[1].images[index]
    assert np.array_equal(prepare_digit(image), prepare_digit(255 - image))


@given(some, st.integers(1, 40), st.integers(1, 40))
def test_margins_do_not_matter(mnist: tuple[Dataset, Dataset], index: int, top: int, left: int) -> None:
    image = mnist[1].images[index]
    assert np.array_equal(prepare_digit(np.pad(image, ((top, 3), (left, 9)))), prepare_digit(image))


def test_size_hardly_matters_to_the_answers(mnist: tuple[Dataset, Dataset]) -> None:
    network = load_model("quick").network
    images = mnist[1].images[:300]
    enlarged = [np.asarray(Image.fromarray(image).resize((224, 224))) for image in images]
    answers = network.predict(np.stack([prepare_digit(image) for image in enlarged]))
    assert np.mean(answers == network.predict(images)) > 0.97


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=60)))
def test_any_picture_becomes_an_image_or_is_called_blank(picture: np.ndarray) -> None:
    try:
        image = prepare_digit(picture)
    except DigitsError as error:
        assert "blank" in str(error)
    else:
        assert image.shape == (28, 28)
        assert image.dtype == np.uint8
        assert image.max() > 0


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (784,), (3, 28, 28)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DigitsError, match=r"shape \(height, width\)"):
        prepare_digit(np.zeros(shape, np.uint8))


def test_specks_far_apart_are_no_digit() -> None:
    picture = np.full((3000, 3000), 255, np.uint8)
    picture[0, 0] = picture[-1, -1] = 0
    with pytest.raises(DigitsError, match="blank"):
        prepare_digit(picture)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_one_shade_is_blank(shade: int) -> None:
    with pytest.raises(DigitsError, match="blank"):
        prepare_digit(np.full((50, 50), shade, np.uint8))
