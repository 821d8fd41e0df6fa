"""Corruptions: what each kind does to images, and what an image's corruption depends on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, center_of_mass
from skimage.feature import canny

from digits import Dataset
from digits.activations import Array
from digits.corruptions import BLOCK, CORRUPTIONS, corrupt, corruption_errors, mean_error
from digits.evaluation import evaluate
from digits.layers import Dense
from digits.neural_network import NeuralNetwork

KINDS = list(CORRUPTIONS)
WITHOUT_CHANCE = {"scale", "brightness", "stripe", "canny_edges"}
BLANK = np.zeros((60, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def digits(mnist: tuple[Dataset, Dataset]) -> Array:
    return mnist[1].images[: BLOCK + 10]


def test_the_kinds_are_those_of_mnist_c_in_its_order() -> None:
    first = "shot_noise impulse_noise glass_blur motion_blur shear scale rotate brightness"
    assert " ".join(KINDS) == f"{first} translate stripe fog spatter dotted_line zigzag canny_edges"


# -- all kinds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_is_changed_and_the_original_is_not(kind: str, digits: Array) -> None:
    before = digits.copy()
    corrupted = corrupt(digits, kind)
    assert (corrupted.shape, corrupted.dtype) == (digits.shape, np.uint8)
    assert np.all((corrupted != digits).any(axis=(1, 2)))
    assert np.array_equal(digits, before)


@pytest.mark.parametrize("kind", KINDS)
def test_what_happens_to_an_image_does_not_depend_on_those_beside_it(kind: str, digits: Array) -> None:
    others = digits[::-1].copy()
    others[[2, BLOCK + 1]] = digits[[2, BLOCK + 1]]
    alone, together = corrupt(others, kind), corrupt(digits, kind)
    assert np.array_equal(alone[[2, BLOCK + 1]], together[[2, BLOCK + 1]])
    assert np.array_equal(corrupt(digits[:3], kind), together[:3])


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_what_is_random(kind: str, digits: Array) -> None:
    first, again, other = (corrupt(digits[:20], kind, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (kind in WITHOUT_CHANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_an_image_are_spoilt_each_in_its_own_way(kind: str, digits: Array) -> None:
    copies = corrupt(np.repeat(digits[:1], 20, axis=0), kind)
    assert (len(np.unique(copies, axis=0)) == 1) == (kind in WITHOUT_CHANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_severity_0_is_no_corruption_and_a_little_is_less_than_all(kind: str, digits: Array) -> None:
    assert np.array_equal(corrupt(digits, kind, severity=0), digits)
    change = [np.abs(corrupt(digits, kind, severity=s) / 255 - digits / 255).mean() for s in (0.05, 0.5, 1)]
    assert change[0] < change[1] < change[2]
    assert change[0] < 0.3 * change[2]


@settings(max_examples=30, deadline=None)
@example("fog", 5e-324, 0, 0)  # black, and three times the severity rounds to 0
@given(st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 2**32), st.sampled_from((0, 1, 128, 255)))
def test_any_image_can_be_spoilt_to_any_degree(kind: str, severity: float, seed: int, grey: int) -> None:
    images = np.full((2, 28, 28), grey, np.uint8)
    images[1, ::2] = 255 - grey
    assert corrupt(images, kind, seed, severity).shape == (2, 28, 28)


@pytest.mark.parametrize("kind", KINDS)
def test_images_come_in_any_of_the_usual_forms(kind: str, digits: Array) -> None:
    expected = corrupt(digits[:2], kind)
    assert np.array_equal(corrupt(digits[:2].reshape(2, 784), kind), expected)
    floating = corrupt(digits[:2].astype(np.float64) / 255, kind)
    assert np.abs(floating.astype(int) - expected).mean() < 0.01
    assert corrupt(digits[:0], kind).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BLANK, "snow"), "there is no corruption 'snow'; there are shot_noise"),
        ((BLANK, "fog", 0, 1.5), r"severity must lie in 0…1; got 1\.5"),
        ((BLANK, "fog", 0, float("nan")), "severity must lie in 0…1; got nan"),
        ((np.zeros((2, 32, 32), np.uint8), "fog"), r"\(n, 784\) or \(n, 28, 28\); got \(2, 32, 32\)"),
    ],
)
def test_a_wrong_argument_is_named(arguments: tuple[Array, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        corrupt(*arguments)


# -- noise -------------------------------------------------------------------------------------------------


def test_shot_noise_counts_photons() -> None:
    """Of mean and variance x/3, where x is bright: in thirds of white, and none where there is no light."""
    images = np.full((60, 28, 28), 51, np.uint8)  # a fifth of white: of 0.6 photons, 4 or more come in 0.3 % of cases
    counts = corrupt(images, "shot_noise") / 85
    assert set(np.unique(counts)) == {0, 1, 2, 3}
    assert counts.mean() == pytest.approx(0.6, rel=0.02)
    assert counts.var() == pytest.approx(0.6, rel=0.04)
    assert not corrupt(BLANK, "shot_noise").any()


def test_impulse_noise_is_salt_and_pepper_on_a_sixth_of_the_pixels() -> None:
    noisy = corrupt(np.full((60, 28, 28), 100, np.uint8), "impulse_noise")
    assert np.mean(noisy == 0) == pytest.approx(0.085, rel=0.05)
    assert np.mean(noisy == 255) == pytest.approx(0.085, rel=0.05)
    assert set(np.unique(noisy)) == {0, 100, 255}


# -- blur --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["glass_blur", "motion_blur"])
def test_blurs_move_light_but_lose_none(kind: str) -> None:
    images = BLANK.astype(np.float32)
    images[:, 10:18, 12:16] = 0.9  # far from the border
    blurred = corrupt(images, kind) / 255
    assert blurred.sum(axis=(1, 2)) == pytest.approx(images.sum(axis=(1, 2)), rel=0.02)
    assert blurred.max() < 0.9


def test_motion_smears_a_dot_into_a_fading_line() -> None:
    images = BLANK.copy()
    images[:, 14, 22] = 255
    for smeared in corrupt(images, "motion_blur"):
        rows, columns = np.nonzero(smeared)
        distances, light = np.hypot(rows - 14, columns - 22), smeared[rows, columns]
        assert np.average(distances, weights=light) == pytest.approx(3 * np.sqrt(2 / np.pi), abs=0.5)  # half a Gaussian
        assert np.all(columns <= 22)
        assert np.all(np.abs(rows - 14) <= 22 - columns)  # at most 45° from the horizontal
        slope = np.sum((rows - 14) * (22 - columns)) / np.sum((22 - columns) ** 2)
        assert np.abs(rows - 14 - slope * (22 - columns)).max() < 1


def test_glass_moves_a_dot_by_few_pixels() -> None:
    images = BLANK.copy()
    images[:, 14, 14] = 255
    centres = np.array([center_of_mass(blurred) for blurred in corrupt(images, "glass_blur")])
    assert 0.5 < np.abs(centres - 14).max() < 8
    assert np.ptp(centres, axis=0).min() > 0.5


# -- warps -------------------------------------------------------------------------------------------------


def looks_at(matrix: list[list[float]], image: Array) -> Array:
    """SciPy's affine warp about the centre: the pixel p looks at matrix·(p − centre) + centre."""
    offset = 13.5 - np.array(matrix) @ (13.5, 13.5)
    return affine_transform(image / 255, matrix, offset, order=1, mode="grid-constant")


@pytest.mark.parametrize("kind", ["shear", "rotate", "scale"])
def test_warps_are_affine_and_leave_the_centre(kind: str, digits: Array) -> None:
    cosine, sine = np.cos(0.4), np.sin(0.4)
    matrices = {  # of rows and columns
        "shear": [[[cosine, 0], [-sign * sine, 1]] for sign in (1, -1)],
        "rotate": [[[cosine, sign * sine], [-sign * sine, cosine]] for sign in (1, -1)],
        "scale": [[[1 / 0.7, 0], [0, 1 / 0.7]]],
    }[kind]
    seen = set()
    for image, warped in zip(digits[:20], corrupt(digits[:20], kind) / 255, strict=True):
        differences = [np.abs(looks_at(matrix, image) - warped).max() for matrix in matrices]
        assert min(differences) < 0.01
        seen.add(int(np.argmin(differences)))
    assert seen == set(range(len(matrices)))


def test_translation_is_by_three_pixels_along_both_axes(digits: Array) -> None:
    padded = np.pad(digits, ((0, 0), (3, 3), (3, 3)))
    moved = {(y, x): padded[:, y : y + 28, x : x + 28] for y in (0, 6) for x in (0, 6)}
    seen = set()
    for index, translated in enumerate(corrupt(digits, "translate")):
        (direction,) = (d for d, images in moved.items() if np.array_equal(images[index], translated))
        seen.add(direction)
    assert len(seen) == 4


# -- light and weather -------------------------------------------------------------------------------------


def test_brightness_adds_half_of_white(digits: Array) -> None:
    expected = np.minimum(digits / 255 + 0.5, 1) * 255
    assert np.abs(corrupt(digits, "brightness") - expected).max() < 0.501


def test_stripes_inverted_twice_are_gone(digits: Array) -> None:
    striped = corrupt(digits, "stripe")
    assert np.array_equal(striped[:, :, 7:21], digits[:, :, 7:21])
    assert np.array_equal(striped[:, :, :7], 255 - digits[:, :, :7])
    assert np.array_equal(corrupt(striped, "stripe"), digits)


def test_fog_leaves_a_quarter_of_the_contrast_and_changes_slowly() -> None:
    images = BLANK.copy()
    images[:, 1::2] = 255
    foggy = corrupt(images, "fog") / 255
    dark, bright = foggy[:, ::2], foggy[:, 1::2]
    assert np.abs(bright - dark - 0.25).mean() < 0.03
    assert dark.min() >= 0
    assert dark.max() <= 0.75
    assert dark.std(axis=(1, 2)).mean() < 0.5 * dark.std()  # less within an image than over all
    assert dark.std() > 0.05


def test_mud_is_dark_grey_and_covers_spots(digits: Array) -> None:
    white = np.full((60, 28, 28), 255, np.uint8)
    on_black, on_white = corrupt(BLANK, "spatter"), corrupt(white, "spatter")
    assert on_black.max() <= 63
    assert on_white.min() >= 63
    assert np.array_equal(on_black > 0, on_white < 255)  # the same spots
    assert 0.02 < np.mean(on_black > 0) < 0.4


# -- scribbles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dotted_line", "zigzag"])
def test_scribbles_only_add_ink(kind: str, digits: Array) -> None:
    assert np.all(corrupt(digits, kind) >= digits)


def test_a_dotted_line_runs_straight_across_in_dots_two_columns_wide() -> None:
    for line in corrupt(BLANK, "dotted_line").astype(float):
        inked = line.any(axis=0)
        assert inked.tolist() == [column // 2 % 2 == 1 and column < 27 for column in range(28)]
        columns = np.flatnonzero(inked)
        columns = columns[line[[0, -1]][:, columns].sum(axis=0) == 0]  # where the border cuts nothing off
        if len(columns) > 3:
            heights = np.arange(28) @ line[:, columns] / line[:, columns].sum(axis=0)
            assert np.abs(heights - np.polyval(np.polyfit(columns, heights, 1), columns)).max() < 0.5


def test_a_zigzag_has_its_teeth_on_both_sides() -> None:
    for line in corrupt(BLANK, "zigzag").astype(float):
        assert not line[:, :1].any()
        if not line[[0, -1]].any():
            heights = np.arange(28) @ line[:, 3:24] / line[:, 3:24].sum(axis=0)
            turns = np.count_nonzero(np.diff(np.sign(np.diff(heights))))
            assert turns >= 4
    assert any(not line[[0, -1]].any() for line in corrupt(BLANK, "zigzag"))


def test_edges_are_white_lines_on_black(digits: Array) -> None:
    edges = corrupt(digits, "canny_edges")
    expected = np.array([canny(image / np.float32(255)) for image in digits.astype(np.float32)])
    assert np.array_equal(edges, 255 * expected.astype(np.uint8))


# -- errors ------------------------------------------------------------------------------------------------


def test_errors_are_those_of_the_spoilt_images(digits: Array, mnist: tuple[Dataset, Dataset]) -> None:
    network, labels = NeuralNetwork([Dense(10)], seed=0), mnist[1].labels[: len(digits)]
    errors = dict(corruption_errors(network, digits, labels, seed=5))
    assert list(errors) == ["clean", *KINDS]
    assert errors["clean"] == evaluate(network, digits, labels).error_percent
    assert errors["fog"] == evaluate(network, corrupt(digits, "fog", seed=5), labels).error_percent
    assert mean_error(errors) == pytest.approx(np.mean([errors[kind] for kind in KINDS]))
    milder = dict(corruption_errors(network, digits, labels, seed=5, severity=0.5))
    assert milder["fog"] == evaluate(network, corrupt(digits, "fog", seed=5, severity=0.5), labels).error_percent


@pytest.mark.parametrize("library", ["scipy", "skimage"])
def test_without_the_libraries_an_error_says_what_to_install(library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from digits.errors import DigitsError\n"
        "try:\n    import digits.corruptions\nexcept DigitsError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "digits[robustness]"' in done.stdout
