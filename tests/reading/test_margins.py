"""Digits without paper around them: what is added, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from digits import Dataset
from digits.model_files import load_model
from digits.reading import prepare_digit, read
from digits.reading.margins import with_margin


def cut_out(image: np.ndarray) -> np.ndarray:
    """A digit of MNIST to the edges of its ink."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_only_what_reaches_the_edge_gets_a_margin(mnist: tuple[Dataset, Dataset]) -> None:
    """As one of a hundred of MNIST's own images does."""
    for image in mnist[1].images[:300]:
        rim = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert (with_margin(image)[1] > 0) == (rim > 51).any()


@pytest.mark.parametrize("dark_on_light", [False, True])
def test_digits_cut_out_to_their_edges_are_read(mnist: tuple[Dataset, Dataset], dark_on_light: bool) -> None:
    """Without a margin, the paper of most would be taken for ink. Measured: 198 and 198 of 200."""
    network = load_model("cnn").network
    pictures = [cut_out(image) for image in mnist[1].images[:200]]
    prepared = np.stack([prepare_digit(~picture if dark_on_light else picture) for picture in pictures])
    assert (network.predict(prepared) == mnist[1].labels[:200]).sum() >= 194


def test_what_is_added_is_paper(mnist: tuple[Dataset, Dataset]) -> None:
    picture = cut_out(mnist[1].images[0])
    framed, margin = with_margin(picture)
    assert margin >= 2
    assert np.array_equal(framed[margin:-margin, margin:-margin], picture)
    assert framed.sum() == picture.sum()  # all else is black


def test_invert_says_which_is_paper() -> None:
    stripes = np.zeros((20, 20), np.uint8)
    stripes[:, ::2] = 255
    assert with_margin(stripes, "yes")[0][0, 0] == 0
    assert with_margin(stripes, "no")[0][0, 0] == 255


def test_boxes_lie_on_the_picture_that_was_given(mnist: tuple[Dataset, Dataset]) -> None:
    picture = cut_out(mnist[1].images[0])
    page = read(picture)
    assert page.text == "7"
    left, top, width, height = page.digits[0].box
    assert 0 <= left <= left + width <= picture.shape[1]
    assert 0 <= top <= top + height <= picture.shape[0]
