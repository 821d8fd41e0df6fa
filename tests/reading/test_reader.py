"""From a picture to its digits: whole pages, single drawings, and what is no page at all."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import cv2
import numpy as np
import pytest
from handwriting import Ink, put, turned, written
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchmarks.pages import Sheet, compare, make_sheet
from digits import Dataset
from digits.errors import DigitsError
from digits.model_files import load_model
from digits.reading import READING_MODEL, Reader, prepare_digit, read, reader
from digits.reading.reader import NO_DIGIT, energy, verdict
from digits.reading.strokes import draw_strokes


def text_of(train: Dataset, indices: np.ndarray) -> str:
    return "".join(map(str, train.labels[indices]))


def test_a_written_number_is_read(train: Dataset, reader: Reader) -> None:
    right = []
    for seed in range(6):
        indices = np.random.default_rng(seed).integers(len(train), size=4)
        right.append(reader.read(255 - written(train.images[indices])).text == text_of(train, indices))
    assert sum(right) >= 5


def page_of(train: Dataset) -> tuple[Ink, list[str]]:
    """Three lines, the second with a wide gap in it: 255 ink, 0 paper."""
    page, lines = np.zeros((420, 640), np.uint8), []
    for line in range(3):
        indices = np.arange(100 + 5 * line, 105 + 5 * line)
        put(page, written(train.images[indices], gap=20), 60, 30 + 120 * line)
        lines.append(text_of(train, indices))
    return page, lines


@pytest.mark.parametrize("degrees", [-3, 0, 3])
def test_lines_are_read_from_top_to_bottom_on_a_turned_page_too(train: Dataset, reader: Reader, degrees: float) -> None:
    ink, lines = page_of(train)
    page = reader.read(255 - turned(ink, degrees))
    assert page.text.split("\n") == lines
    assert [digit.line for digit in page.digits] == 5 * [0] + 5 * [1] + 5 * [2]


def test_a_wide_gap_is_a_space(train: Dataset, reader: Reader) -> None:
    page = np.zeros((120, 500), np.uint8)
    put(page, written(train.images[:2]), 0, 0)
    put(page, written(train.images[2:4]), 250, 0)
    assert reader.read(255 - page).text == f"{text_of(train, np.arange(2))} {text_of(train, np.arange(2, 4))}"


def sheets_without_rules(train: Dataset, count: int) -> list[Sheet]:
    found: list[Sheet] = []
    number = 0
    while len(found) < count:
        sheet = make_sheet(train, np.random.default_rng([5, number]))
        number += 1
        if not {"lined", "squared"} & set(sheet.traits) and sheet.picture.size < 2_000_000:
            found.append(sheet)
    return found


def test_most_digits_on_made_up_pages_are_read(train: Dataset, reader: Reader) -> None:
    total: Counter[str] = Counter()
    for sheet in sheets_without_rules(train, 4):
        total += compare(sheet.lines, reader.read(sheet.picture).text.split("\n"))
    assert total["right"] >= 0.85 * total["written"]


# -- single drawings ---------------------------------------------------------------------------------------------


def test_an_image_of_mnist_is_seen_as_it_is_prepared(train: Dataset, quick_reader: Reader) -> None:
    for image in train.images[:60]:
        (digit,) = quick_reader.read(image).digits
        assert np.array_equal(digit.image, prepare_digit(image))


def drawing_of(image: Ink, side: int) -> Ink:
    """A digit drawn on white, so many pixels a side."""
    return 255 - cv2.resize(np.pad(image, 4), (side, side), interpolation=cv2.INTER_CUBIC)


def test_a_drawing_no_higher_than_a_line_is_seen_as_it_is_prepared(train: Dataset, quick_reader: Reader) -> None:
    for image in train.images[:4]:
        (digit,) = quick_reader.read(drawing_of(image, 180)).digits
        assert np.array_equal(digit.image, prepare_digit(drawing_of(image, 180)))


def test_a_higher_drawing_is_seen_nearly_as_it_is_prepared(train: Dataset, quick_reader: Reader) -> None:
    """Lines are shrunk to 128 pixels before they are cut: strokes of nearly usual width may go either way."""
    differences = []
    for image in train.images[:4]:
        (digit,) = quick_reader.read(drawing_of(image, 300)).digits
        differences.append(np.abs(digit.image.astype(int) - prepare_digit(drawing_of(image, 300))).max())
    assert np.mean(np.array(differences) <= 4) >= 0.75


def test_a_small_picture_is_one_digit_in_however_many_pieces(quick_reader: Reader) -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[5:8, 8:20] = picture[10:22, 8:11] = picture[19:22, 13:20] = 255
    assert len(quick_reader.read(picture).digits) == 1


# -- boxes -------------------------------------------------------------------------------------------------------


def true_boxes(ink: Ink) -> list[tuple[int, int, int, int]]:
    """Left, top, width, height of each digit, from left to right."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(255 * (ink > 80).astype(np.uint8), connectivity=8)
    return sorted(tuple(row[:4].tolist()) for row in statistics[1:])


def test_boxes_are_around_the_digits(train: Dataset, quick_reader: Reader) -> None:
    """Within three pixels: the rim of a stroke is half paper."""
    ink = written(train.images[[0, 1, 2]], gap=40)
    found = [digit.box for digit in quick_reader.read(255 - ink).digits]
    assert np.abs(np.array(found) - true_boxes(ink)).max() <= 3


def test_boxes_are_in_pixels_of_the_picture_however_large_it_is(
    train: Dataset, quick_reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ink = written(train.images[[0, 1, 2]], tall=120, gap=80)
    monkeypatch.setattr(reader, "LARGEST", ink.size // 5)
    page, steps = quick_reader.read_steps(255 - ink)
    assert steps
    assert steps.mask.size <= 1.02 * ink.size / 5
    assert steps.scale == pytest.approx(5**-0.5, rel=0.01)
    assert np.abs(np.array([digit.box for digit in page.digits]) - true_boxes(ink)).max() <= 8


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 9999), st.integers(0, 40))
def test_boxes_lie_within_the_picture(train: Dataset, quick_reader: Reader, seed: int, margin: int) -> None:
    random = np.random.default_rng(seed)
    indices, gap = random.integers(len(train), size=3), int(random.integers(-3, 20))
    ink = written(train.images[indices], tall=int(random.integers(30, 160)), gap=gap, margin=margin)
    for left, top, width, height in (digit.box for digit in quick_reader.read(255 - ink).digits):
        assert left >= 0
        assert top >= 0
        assert width > 0
        assert height > 0
        assert left + width <= ink.shape[1]
        assert top + height <= ink.shape[0]


# -- what is no page ---------------------------------------------------------------------------------------------


def noise(*shape: int) -> Ink:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


EMPTY = {
    "black": np.zeros((50, 70), np.uint8),
    "nearly black": np.ones((50, 70), np.uint8),
    "white": np.full((50, 70, 3), 255, np.uint8),
    "one colour": np.full((50, 70, 3), (200, 30, 90), np.uint8),
    "one pixel": noise(1, 1),
    "one row": noise(1, 10_000),
    "one column": noise(10_000, 1),
    "noise": noise(500, 500),
    "uneven light": np.tile(np.linspace(100, 200, 300).astype(np.uint8), (80, 1)),
}


@pytest.mark.parametrize("picture", EMPTY.values(), ids=EMPTY)
def test_on_what_is_no_page_nothing_is_read_and_it_says_why(reader: Reader, picture: Ink) -> None:
    page = reader.read(picture)
    assert page.text == ""
    assert page.reason or all(digit.reason for digit in page.digits)


def test_a_page_full_of_small_shapes_is_refused_before_each_is_looked_at(quick_reader: Reader) -> None:
    """Printed text has them; the time that a picture takes must have a limit."""
    picture = np.full((900, 900), 255, np.uint8)
    for row, column in product(range(30), repeat=2):
        cv2.circle(picture, (15 + 30 * column, 15 + 30 * row), 9, 0, 2)
    page = quick_reader.read(picture)
    assert page.digits == ()
    assert page.reason == "over 800 shapes: this is no page of digits"


def test_tangles_with_too_many_ways_to_cut_them_are_refused(
    train: Dataset, quick_reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = 255 - written(train.images[:6], gap=-8)
    assert quick_reader.read(picture).digits
    monkeypatch.setattr(reader, "MOST_CANDIDATES", 8)
    page = quick_reader.read(picture)
    assert page.digits == ()
    assert page.reason == "so many shapes hang together that this is no page of digits"


def test_a_rule_alone_is_no_digit(quick_reader: Reader) -> None:
    picture = np.full((100, 300), 255, np.uint8)
    picture[50:54, 40:260] = 0
    page = quick_reader.read(picture)
    assert page.digits == ()
    assert page.reason == "rules and specks, but no digits"


@pytest.mark.parametrize("side", [1, 2, 4, 8, 20])
def test_a_chessboard_is_no_exception(quick_reader: Reader, side: int) -> None:
    board = ((np.indices((120, 160)) // side).sum(axis=0) % 2 * 255).astype(np.uint8)
    page = quick_reader.read(board)
    assert page.reason or page.digits


def test_coloured_noise_is_no_exception(quick_reader: Reader) -> None:
    page = quick_reader.read(noise(90, 120, 3))
    assert page.reason or page.digits


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70)) | st.just((50, 9, 3))),
    st.sampled_from(["auto", "yes", "no"]),
)
def test_any_picture_is_read_without_an_exception(quick_reader: Reader, picture: Ink, invert: str) -> None:
    page = quick_reader.read(picture, invert)
    assert page.digits or page.reason
    for digit in page.digits:
        assert (digit.label is None) == (digit.reason is not None)
        assert sum(digit.probabilities) == pytest.approx(1, abs=1e-4)
        assert digit.confidence == max(digit.probabilities)
        assert digit.score <= np.log(digit.confidence)
        assert digit.image.shape == (28, 28)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (784,), (5, 5, 4), (2, 28, 28, 3)])
def test_what_has_no_pixels_is_refused(quick_reader: Reader, shape: tuple[int, ...]) -> None:
    with pytest.raises(DigitsError, match=r"shape \(height, width\)"):
        quick_reader.read(np.zeros(shape, np.uint8))


# -- the verdict -------------------------------------------------------------------------------------------------


def odds(**likely: float) -> np.ndarray:
    found = np.full(10, (1 - sum(likely.values())) / (10 - len(likely)))
    for name, share in likely.items():
        found[int(name[1:])] = share
    return found


def test_a_sure_digit_is_told() -> None:
    assert verdict(odds(_7=0.9), 0.0) == (7, None)


def test_an_unsure_digit_is_refused_with_both_that_it_may_be() -> None:
    assert verdict(odds(_9=0.45, _4=0.4), 0.0) == (None, "unsure: 4 or 9")


def test_what_resembles_nothing_is_no_digit_however_sure_the_network_is() -> None:
    assert verdict(odds(_8=0.99), -10.0) == (None, "not a digit")


@given(arrays.arrays(np.float64, (3, 10), elements=st.floats(-50, 50)), st.floats(-20, 20))
def test_energy_grows_with_the_logits(logits: np.ndarray, more: float) -> None:
    assert energy(logits + more) == pytest.approx(energy(logits) + more)
    assert (energy(logits) >= logits.max(axis=1)).all()


def test_read_needs_no_reader(train: Dataset) -> None:
    page = read(255 - written(train.images[[0]]), model="quick")
    assert page.text == str(train.labels[0])


def test_one_reader_serves_several_threads(train: Dataset, quick_reader: Reader) -> None:
    pictures = [255 - written(train.images[index : index + 2]) for index in range(3)]
    alone = [quick_reader.read(picture) for picture in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(quick_reader.read, pictures))
    for one, other in zip(alone, together, strict=True):
        assert one.text == other.text
        for mine, yours in zip(one.digits, other.digits, strict=True):
            assert mine.box == yours.box
            assert np.array_equal(mine.image, yours.image)
            assert mine.probabilities == pytest.approx(yours.probabilities, abs=1e-6)


def test_where_ten_are_alike_probable_there_is_no_digit() -> None:
    """As *robust* was trained to answer for what is none."""
    assert verdict(np.full(10, 0.1), 0.0) == (None, NO_DIGIT)


@given(wide=st.integers(60, 200), longer=st.floats(0, 0.8), angle=st.floats(0, np.pi), x=st.integers(400, 600))
@settings(max_examples=40, deadline=None)
def test_a_blot_is_no_digit_whatever_the_network_says(
    reader: Reader, wide: int, longer: float, angle: float, x: int
) -> None:
    """A pen as wide as its stroke is long, or nearly so."""
    across, down = longer * wide / 2 * np.cos(angle), longer * wide / 2 * np.sin(angle)
    stroke = [(round(x + sign * across), round(384 + sign * down), wide) for sign in (-1, 1)]
    page = reader.read(draw_strokes([stroke], 1024, 768, 0.25))
    assert [(digit.label, digit.reason) for digit in page.digits] == [(None, NO_DIGIT)]


def test_letters_and_signs_are_refused() -> None:
    """Unlike digits, and in a font that the network never saw."""
    reader = Reader(load_model(READING_MODEL).network)
    for sign in "MWKX#&?@":
        picture = np.full((120, 120), 255, np.uint8)
        cv2.putText(picture, sign, (25, 90), cv2.FONT_HERSHEY_SIMPLEX, 2.5, 30, 6, cv2.LINE_AA)
        assert reader.read(picture).text in ("", "?"), sign


def test_digits_of_eight_by_eight_pixels_to_their_edges_are_read(mnist: tuple[Dataset, Dataset]) -> None:
    reader = Reader(load_model(READING_MODEL).network)
    right = 0
    for image, label in zip(mnist[1].images[:100], mnist[1].labels[:100], strict=True):
        inked = np.argwhere(image)
        (top, left), (bottom, right_edge) = inked.min(axis=0), inked.max(axis=0) + 1
        tiny = cv2.resize(image[top:bottom, left:right_edge], (8, 8), interpolation=cv2.INTER_AREA)
        right += reader.read(tiny).text == str(label)
    assert right >= 80
