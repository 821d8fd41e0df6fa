"""Warps: what coordinates do to images, what random coordinates look like, and what depends on what."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.activations import Array
from digits.augmentation import BLOCK, Augmentation, add_noise, coarsen, shine, warp
from digits.data_preprocessing import as_inputs
from digits.datasets import Dataset

USUAL = Augmentation(rotation=10, scale=0.12, shear=0.1, shift=2, elastic=1.0, smoothness=4)
STRONG = Augmentation(rotation=180, scale=0.5, shear=0.5, shift=20, elastic=5, smoothness=2)
SHAPES = [(28, 28), (28, 20), (1, 1), (5, 9), (9, 5), (40, 40)]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(count: int, shape: tuple[int, int] = (28, 28), seed: int = 0) -> Array:
    """Images in which no two neighbours are alike, up to the border: the hardest to interpolate."""
    return generator(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def identity(count: int, shape: tuple[int, int] = (28, 28)) -> Array:
    """Coordinates that look at the pixel itself."""
    return np.repeat(np.indices(shape, dtype=np.float32)[:, None], count, axis=1)


def affine(matrix: Array, count: int, shift: Array | tuple[float, float] = (0, 0)) -> Array:
    """Coordinates that look at ``matrix``·(p − centre) + centre + shift."""
    centred = identity(count) - 13.5
    return np.tensordot(matrix, centred, axes=1) + 13.5 + np.reshape(shift, (2, 1, 1, 1))


def bilinear(image: Array, row: float, column: float) -> float:
    """One pixel of a warped image as a textbook has it, every pixel outside being 0."""
    above, left = int(np.floor(row)), int(np.floor(column))
    total = 0.0
    for y, weight_y in ((above, above + 1 - row), (above + 1, row - above)):
        for x, weight_x in ((left, left + 1 - column), (left + 1, column - left)):
            if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                total += weight_y * weight_x * image[y, x]
    return total


def slowly(images: Array, coordinates: Array) -> Array:
    """What ``warp`` should return, pixel by pixel."""
    looks = zip(images, coordinates[0], coordinates[1], strict=True)
    return np.array(
        [
            [[bilinear(i, r, c) for r, c in zip(*rc, strict=True)] for rc in zip(rs, cs, strict=True)]
            for i, rs, cs in looks
        ]
    )


# -- coordinates, followed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strength", [USUAL, STRONG])
def test_it_is_the_bilinear_interpolation_of_the_textbook(shape: tuple[int, int], strength: Augmentation) -> None:
    images = noise(6, shape)
    coordinates = strength.coordinates(6, generator(), shape)
    expected = slowly(images / 255, coordinates)
    assert np.abs(warp(images, coordinates) - expected).max() < 1e-5
    assert np.abs(warp(images / 255, coordinates) - expected).max() < 1e-5


@pytest.mark.parametrize("strength", [USUAL, STRONG])
def test_it_agrees_with_scipy(strength: Augmentation) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    images, coordinates = noise(200), strength.coordinates(200, generator())
    warped = warp(images, coordinates)
    for image, places, result in zip(images, coordinates.swapaxes(0, 1), warped, strict=True):
        framed = np.pad(image / 255, 1)  # SciPy's own border does not fade
        expected = ndimage.map_coordinates(framed, places.astype(float) + 1, order=1, mode="constant", cval=0)
        assert np.abs(result - expected).max() < 1e-5


@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([1e-3, 1.0, 30.0, 1e6]))
def test_wherever_it_looks_it_sees_what_is_between_the_pixels_or_nothing(seed: int, spread: float) -> None:
    places = generator(seed).normal(0, spread, (2, 3, 4, 5)).astype(np.float32)
    images = noise(3, (4, 5), seed)
    warped = warp(images, places)
    assert np.abs(warped - slowly(images / 255, places)).max() < 1e-5
    assert warped.min() >= 0
    assert warped.max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_who_looks_at_the_pixel_itself_sees_it_exactly(shape: tuple[int, int]) -> None:
    images = noise(5, shape)
    scaled = as_inputs(images, shape, np.dtype(np.float32))
    assert np.array_equal(warp(images, identity(5, shape)), scaled)
    assert np.array_equal(warp(scaled, identity(5, shape)), scaled)


@pytest.mark.parametrize("shift", [(0, 3), (-5, 2), (27, -27), (28, 0), (0, -29), (1000, 1000)])
def test_to_look_aside_by_whole_pixels_moves_the_image_the_other_way(shift: tuple[int, int]) -> None:
    images = noise(4)
    moved = np.zeros((4, 28 * 3, 28 * 3), np.float32)
    moved[:, 28:56, 28:56] = as_inputs(images, (28, 28), np.dtype(np.float32))
    limited = tuple(np.clip(shift, -28, 28))
    expected = np.roll(moved, (-limited[0], -limited[1]), axis=(1, 2))[:, 28:56, 28:56]
    assert np.array_equal(warp(images, affine(np.eye(2), 4, shift)), expected)


def test_half_a_pixel_beyond_the_border_half_of_the_border_is_left() -> None:
    white = np.full((1, 28, 28), 255, np.uint8)
    assert warp(white, affine(np.eye(2), 1, (-0.5, 0)))[0, :2, 5].tolist() == [0.5, 1]
    assert warp(white, affine(np.eye(2), 1, (0, 0.5)))[0, 5, -2:].tolist() == [1, 0.5]
    assert warp(white, affine(np.eye(2), 1, (-1, 0)))[0, :2, 5].tolist() == [0, 1]


def test_coordinates_turned_clockwise_turn_the_image_counterclockwise() -> None:
    images = noise(4)
    clockwise = np.array([[0, 1], [-1, 0]])  # in rows and columns: what looked up, (−1, 0), looks right, (0, 1)
    turned = warp(images, affine(clockwise, 4))
    assert np.abs(turned - np.rot90(images / 255, axes=(1, 2))).max() < 1e-5


@given(weight=st.floats(-2, 2, width=32), other=st.floats(-2, 2, width=32), seed=st.integers(0, 99))
def test_it_is_linear_in_the_images(weight: float, other: float, seed: int) -> None:
    one, two = generator(seed).random((2, 3, 28, 28))
    coordinates = USUAL.coordinates(3, generator(seed))
    mixed = warp(weight * one + other * two, coordinates)
    assert np.abs(mixed - (weight * warp(one, coordinates) + other * warp(two, coordinates))).max() < 1e-5


def bump(count: int) -> Array:
    """A smooth hill in the middle, 0…1, with second derivatives of at most 1/16 along any direction."""
    rows, columns = np.indices((28, 28)) - 13.5
    return np.repeat(np.exp(-(rows**2 + columns**2) / (2 * 4.0**2))[None], count, axis=0)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_warp_and_its_inverse_give_the_image_back(seed: int) -> None:
    """Linear interpolation over h = 1 errs by h²/8 times the second derivative, along both axes, in both warps."""
    strength = Augmentation(rotation=180, scale=0.15, shear=0.3, shift=2)
    coordinates = strength.coordinates(4, generator(seed)).astype(float)
    step = coordinates[:, :, 14, 14] - coordinates[:, :, 13, 13]
    shift = coordinates.mean(axis=(2, 3)) - 13.5
    inverse = np.empty_like(coordinates)
    for image in range(4):
        down = coordinates[:, image, 1, 0] - coordinates[:, image, 0, 0]
        matrix = np.stack([down, step[:, image] - down], axis=1)
        back = np.linalg.inv(matrix)
        inverse[:, image] = affine(back, 1, -back @ shift[:, image])[:, 0]
    images = bump(4)
    returned = warp(warp(images, coordinates), inverse)
    curvature = 1 / 16 * max(1, 1 / (1 - 0.15) * (1 + 0.3)) ** 2  # a smaller image is a steeper one
    bound = 2 * 1 / 8 * (1 / 16 + curvature)
    assert np.abs(returned - images)[:, 6:-6, 6:-6].max() < bound


# -- coordinates, drawn --------------------------------------------------------------------------------------


def matrices(coordinates: Array) -> Array:
    """The linear parts of affine coordinates, ``(count, 2, 2)``: columns are where one step down, one right leads."""
    steps = [coordinates[:, :, 1, 0], coordinates[:, :, 0, 1]]
    return np.stack([step - coordinates[:, :, 0, 0] for step in steps], axis=-1).swapaxes(0, 1).astype(float)


@pytest.mark.parametrize("shape", SHAPES)
def test_affine_coordinates_are_planes(shape: tuple[int, int]) -> None:
    strength = replace(STRONG, elastic=0)
    coordinates = strength.coordinates(20, generator(), shape)
    assert coordinates.shape == (2, 20, *shape)
    assert coordinates.dtype == np.float32
    for axis in (2, 3):
        assert np.abs(np.diff(coordinates, 2, axis=axis)).max(initial=0) < 1e-4


def test_a_rotation_turns_by_angles_up_to_the_largest_either_way() -> None:
    turns = matrices(Augmentation(rotation=10).coordinates(2000, generator()))
    assert np.abs(turns @ turns.swapaxes(1, 2) - np.eye(2)).max() < 1e-4
    assert np.abs(np.linalg.det(turns) - 1).max() < 1e-4
    angles = np.degrees(np.arctan2(turns[:, 0, 1], turns[:, 0, 0]))
    assert -10.01 < angles.min() < -9.9
    assert 9.9 < angles.max() < 10.01
    assert abs(angles.std() - 10 / np.sqrt(3)) < 0.2


def test_a_scale_makes_images_larger_or_smaller() -> None:
    scales = matrices(Augmentation(scale=0.2).coordinates(2000, generator()))
    sizes = 1 / scales[:, 0, 0]  # an image twice as large is looked at in half steps
    assert np.abs(scales - scales[:, :1, :1] * np.eye(2)).max() < 1e-4
    assert 0.799 < sizes.min() < 0.805
    assert 1.195 < sizes.max() < 1.201
    assert abs(sizes.mean() - 1) < 0.01


def test_a_shear_moves_rows_sideways() -> None:
    slants = matrices(Augmentation(shear=0.3).coordinates(2000, generator()))
    assert np.abs(slants[:, [0, 0, 1], [0, 1, 1]] - [1, 0, 1]).max() < 1e-4
    assert -0.301 < slants[:, 1, 0].min() < -0.295
    assert 0.295 < slants[:, 1, 0].max() < 0.301


def test_a_shift_moves_all_pixels_alike_along_each_axis() -> None:
    shifts = Augmentation(shift=3).coordinates(2000, generator()) - identity(2000)
    assert np.abs(shifts - shifts[:, :, :1, :1]).max() < 1e-4
    rows, columns = shifts[:, :, 0, 0]
    for moved in (rows, columns):
        assert -3.001 < moved.min() < -2.98
        assert 2.98 < moved.max() < 3.001
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.1


def test_everything_but_a_shift_turns_about_the_centre() -> None:
    strength = Augmentation(rotation=30, scale=0.3, shear=0.3)
    assert np.abs(strength.coordinates(50, generator()).mean(axis=(2, 3)) - 13.5).max() < 1e-4


def test_the_elastic_field_has_its_standard_deviation_at_every_pixel() -> None:
    field = Augmentation(elastic=1.5, smoothness=4).coordinates(20_000, generator()) - identity(1)
    assert np.abs(field.mean(axis=1)).max() < 0.06
    assert np.abs(field.std(axis=1) / 1.5 - 1).max() < 0.03
    assert abs(np.corrcoef(field[0, :, 14, 14], field[1, :, 14, 14])[0, 1]) < 0.03  # rows know nothing of columns


@pytest.mark.parametrize("smoothness", [1.5, 4.0, 8.0])
def test_the_elastic_field_is_noise_blurred_by_a_gaussian(smoothness: float) -> None:
    """Blurring by weights g is a convolution, so the covariance at a distance is g's correlation with itself there."""
    reach = np.arange(-60, 61)
    gaussian = np.exp(-(reach**2) / (2 * smoothness**2))
    blurred = np.correlate(gaussian, gaussian, "full")[120 : 120 + 14] / (gaussian**2).sum()
    field = (Augmentation(elastic=1, smoothness=smoothness).coordinates(8000, generator()) - identity(1)).reshape(
        -1, 28, 28
    )
    down = [(field[:, 5, 9] * field[:, 5 + distance, 9]).mean() for distance in range(14)]
    across = [(field[:, 9, 5] * field[:, 9, 5 + distance]).mean() for distance in range(14)]
    diagonal = [(field[:, 9, 9] * field[:, 9 + distance, 9 + distance]).mean() for distance in range(14)]
    assert np.abs(down - blurred).max() < 0.05
    assert np.abs(across - blurred).max() < 0.05
    assert np.abs(diagonal - blurred**2).max() < 0.05


def test_displacements_are_close_to_normal() -> None:
    moved = (Augmentation(elastic=1).coordinates(20_000, generator()) - identity(1))[:, :, 14, 14].ravel()
    assert abs((moved**3).mean()) < 0.1
    assert 2.5 < (moved**4).mean() < 3.1  # the normal distribution has 3, the uniform one 1.8


# -- images, warped at random --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(300, 28, 28), (300, 784), (0, 28, 28), (7, 40, 30)])
def test_a_call_follows_the_coordinates_that_it_draws(shape: tuple[int, ...]) -> None:
    images = generator(1).integers(0, 256, shape, dtype=np.uint8)
    warped = USUAL(images, generator())
    size = shape[1:] if len(shape) == 3 else (28, 28)
    coordinates = USUAL.coordinates(shape[0], generator(), size)
    assert warped.shape == shape
    assert warped.dtype == np.float32
    assert np.array_equal(warped, warp(images, coordinates))
    assert warped.size == 0 or (warped.min() >= 0 and warped.max() <= 1)


@pytest.mark.parametrize("nothing", [Augmentation(), Augmentation(smoothness=9)])
def test_without_strength_images_come_back_exactly(nothing: Augmentation, small_set: Dataset) -> None:
    expected = as_inputs(small_set.images, (28, 28), np.dtype(np.float32))
    assert not nothing
    assert np.array_equal(nothing(small_set.images, generator()), expected)
    assert np.array_equal(nothing(expected, generator()), expected)
    assert all(replace(nothing, **{name: 0.1}) for name in ("rotation", "scale", "shear", "shift", "elastic"))


def test_digits_move_but_keep_their_ink(small_set: Dataset) -> None:
    images = as_inputs(small_set.images, (28, 28), np.dtype(np.float32))
    warped = USUAL(small_set.images, generator())
    assert np.abs(warped - images).max(axis=(1, 2)).min() > 0.1
    ink = warped.sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert 0.5 < ink.min() < 1 < ink.max() < 2
    assert abs(ink.mean() - 1) < 0.05


def test_the_seed_decides() -> None:
    images = noise(50)
    assert np.array_equal(USUAL(images, generator(1)), USUAL(images, generator(1)))
    assert not np.array_equal(USUAL(images, generator(1)), USUAL(images, generator(2)))
    random = generator(1)
    assert not np.array_equal(USUAL(images, random), USUAL(images, random))


@pytest.mark.parametrize("cut", [1, 100, 128, 299])
def test_what_becomes_of_an_image_does_not_depend_on_its_batch(cut: int) -> None:
    images, coordinates = noise(300), USUAL.coordinates(300, generator())
    assert 300 > BLOCK // 784 > 100
    parts = [warp(images[part], coordinates[:, part]) for part in (slice(cut), slice(cut, None))]
    assert np.array_equal(np.concatenate(parts), warp(images, coordinates))
    floats = images / 255
    parts = [warp(floats[part], coordinates[:, part]) for part in (slice(cut), slice(cut, None))]
    assert np.array_equal(np.concatenate(parts), warp(floats, coordinates))


@pytest.mark.parametrize("strength", [USUAL, Augmentation()])
def test_the_result_is_written_where_it_is_wanted(strength: Augmentation) -> None:
    images = noise(5).reshape(5, 784)
    images.flags.writeable = False
    expected = strength(images, generator())
    out = np.full((9, 784), np.nan, np.float32)
    assert np.shares_memory(strength(images, generator(), out=out[2:7]), out)
    assert np.array_equal(out[2:7], expected)
    assert np.isnan(out[[0, 1, 7, 8]]).all()


def test_earlier_images_leave_nothing_behind() -> None:
    images, coordinates = noise(5), identity(5) + 5.5  # some look past the end of the last image
    expected = warp(images, coordinates)
    warp(np.full((20, 28, 28), np.nan), identity(20))
    assert np.array_equal(warp(images, coordinates), expected)
    warp(images / np.float32(np.pi), identity(5))
    assert np.array_equal(warp(images[:2], coordinates[:, :2]), expected[:2])


def test_threads_do_not_disturb_each_other() -> None:
    images = noise(200)

    def call(seed: int) -> Array:
        return USUAL(images[seed:] if seed % 2 else images[seed:] / 255, generator(seed))

    expected = [call(seed) for seed in range(40)]
    with ThreadPoolExecutor(4) as threads:
        for result, wanted in zip(threads.map(call, range(40)), expected, strict=True):
            assert np.array_equal(result, wanted)


# -- light ---------------------------------------------------------------------------------------------------


def grey(count: int, level: float) -> Array:
    return np.full((count, 28, 28), level, np.float32)


def test_light_makes_paper_brighter_and_leaves_full_ink_as_it_is() -> None:
    paper, ink, between = grey(200, 0), grey(200, 1), grey(200, 0.5)
    for images in (paper, ink, between):
        shine(images, generator())
    assert (paper >= 0).all()
    assert 0.8 < paper.max() <= np.float32(0.95)
    assert np.array_equal(ink, grey(200, 1))
    assert np.allclose(between, 1 - (1 - paper) * 0.5, atol=1e-6)  # the same light: two projectors on one screen


def test_light_is_as_bright_as_its_level_and_smooth() -> None:
    paper = grey(2000, 0)
    shine(paper, generator())
    means = paper.mean(axis=(1, 2))
    assert means.mean() == pytest.approx(0.4, abs=0.03)  # half of the highest level
    across = np.abs(np.diff(paper, axis=2))
    assert across.max() < 0.2
    assert paper.std(axis=(1, 2)).mean() > 0.01  # but not the same everywhere


def test_light_falls_on_a_share_of_the_images_and_no_others() -> None:
    images = grey(2000, 0.5)
    shine(images, generator(), share=0.3)
    untouched = (images == 0.5).all(axis=(1, 2))
    assert np.mean(~untouched) == pytest.approx(0.3, abs=0.05)
    shine(dark := grey(5, 0), generator(), share=0)
    assert not dark.any()


def test_a_call_warps_first_and_then_lets_the_light_fall() -> None:
    images = noise(20)
    warped = USUAL(images, random := generator())
    shine(warped, random, 0.5)
    assert np.array_equal(replace(USUAL, light=0.5)(images, generator()), warped)
    assert Augmentation(light=0.1)


# -- coarser grids -------------------------------------------------------------------------------------------


def test_on_a_coarser_grid_there_are_paper_and_ink_and_rims_between() -> None:
    images = np.concatenate([noise(50).astype(np.float32) / 255, grey(50, 1)])
    coarsen(images, generator())
    assert images.min() >= 0
    assert images.max() <= 1  # exactly: a teacher is a network that answers, and refuses anything else
    flat = np.concatenate([grey(50, 0), grey(50, 1)])
    coarsen(inside := flat.copy(), generator())
    assert np.allclose(inside[:, 3:-3, 3:-3], flat[:, 3:-3, 3:-3], atol=1e-6)  # beyond the edges is paper


def test_a_coarser_grid_makes_strokes_thicker_or_thinner_but_leaves_them_where_they_are() -> None:
    stroke = grey(2000, 0)
    stroke[:, :, 13:15] = 1
    coarsen(stroke, generator())
    widths = stroke[:, 14].sum(axis=1)
    assert widths.min() < 1.5
    assert widths.max() > 3.5
    centres = (stroke[:, 14] @ np.arange(28))[widths > 0.5] / widths[widths > 0.5]
    assert abs(centres.mean() - 13.5) < 0.05
    assert np.abs(centres - 13.5).max() < 2


def test_a_share_of_the_images_is_coarse_and_no_others() -> None:
    images = noise(2000).astype(np.float32) / 255
    coarsen(other := images.copy(), generator(), share=0.3)
    assert np.mean((other != images).any(axis=(1, 2))) == pytest.approx(0.3, abs=0.05)


def test_a_call_warps_first_then_coarsens_and_then_lets_the_light_fall() -> None:
    images = noise(20)
    warped = USUAL(images, random := generator())
    coarsen(warped, random, 0.5)
    shine(warped, random, 0.5)
    assert np.array_equal(replace(USUAL, coarse=0.5, light=0.5)(images, generator()), warped)
    assert replace(USUAL, coarse=0.3).scaled(0.5).coarse == 0.3
    assert Augmentation(coarse=0.1)


# -- noise ---------------------------------------------------------------------------------------------------


def test_noise_is_of_each_pixel_for_itself_and_of_another_strength_on_each_image() -> None:
    middle = grey(3000, 0.5)
    add_noise(middle, generator())
    apart = middle - 0.5
    assert abs(apart.mean()) < 0.005
    assert abs(np.mean(apart[:, :, 1:] * apart[:, :, :-1])) < 0.001  # neighbours know nothing of each other
    strengths = apart.std(axis=(1, 2))
    assert strengths.min() < 0.02
    assert 0.3 < strengths.max() < 0.4  # of 0.5, less what is cut off above 1 and below 0
    assert (middle.min(), middle.max()) == (0, 1)


def test_a_share_of_the_images_is_noisy_and_no_others() -> None:
    images = grey(2000, 0.5)
    add_noise(images, generator(), share=0.3)
    assert np.mean((images != 0.5).any(axis=(1, 2))) == pytest.approx(0.3, abs=0.05)


def test_noise_comes_after_everything_else_and_does_not_fade() -> None:
    images = noise(20)
    everything = replace(USUAL, coarse=0.5, light=0.5)
    expected = everything(images, random := generator())
    add_noise(expected, random, 0.5)
    assert np.array_equal(replace(everything, noise=0.5)(images, generator()), expected)
    assert replace(USUAL, noise=0.3).scaled(0.5).noise == 0.3
    assert Augmentation(noise=0.1)


# -- weaker warps --------------------------------------------------------------------------------------------


def test_weaker_warps_move_each_pixel_less_far_the_same_way() -> None:
    """But for the size, by which is divided, and the rotation, which is no straight line: all is in proportion."""
    warps = replace(STRONG, rotation=0.0, scale=0.0)
    full = warps.coordinates(20, generator()) - identity(20)
    half = warps.scaled(0.5).coordinates(20, generator()) - identity(20)
    assert np.allclose(half, full / 2, atol=1e-4)
    assert np.abs(full).max() > 5


def test_to_weaken_scales_every_strength_and_leaves_the_smoothness() -> None:
    assert Augmentation(10, 0.2, 0.1, 2, 1.0, 4).scaled(0.5) == Augmentation(5, 0.1, 0.05, 1, 0.5, 4)
    assert USUAL.scaled(1) == USUAL
    assert replace(USUAL, light=0.3).scaled(0.5).light == 0.3  # a share of the images, no strength
    assert USUAL.scaled(0.5).scaled(0.5) == USUAL.scaled(0.25)


def test_with_no_strength_left_nothing_happens() -> None:
    nothing = USUAL.scaled(0)
    assert USUAL
    assert not nothing
    assert np.array_equal(nothing(noise(5), generator()), noise(5) / np.float32(255))


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strengths", "message"),
    [
        ({"rotation": -1}, "rotation must be a number, 0 or more; got -1"),
        ({"elastic": float("nan")}, "elastic must be a number, 0 or more; got nan"),
        ({"shift": float("inf")}, "shift must be a number, 0 or more; got inf"),
        ({"shear": "0.1"}, "shear must be a number, 0 or more; got '0.1'"),
        ({"scale": True}, "scale must be a number, 0 or more; got True"),
        ({"scale": 1}, "scale must be below 1, so that something is left of the image; got 1"),
        ({"light": 1.5}, "light is a share of the images, 0…1; got 1.5"),
        ({"coarse": 1.5}, "coarse is a share of the images, 0…1; got 1.5"),
        ({"noise": -0.1}, "noise must be a number, 0 or more; got -0.1"),
        ({"noise": 1.5}, "noise is a share of the images, 0…1; got 1.5"),
        ({"smoothness": 0}, "smoothness must be above 0; got 0"),
    ],
)
def test_strengths_that_make_no_sense_are_refused(strengths: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Augmentation(**strengths)


def test_an_augmentation_is_a_record() -> None:
    assert replace(USUAL, elastic=1) == USUAL
    assert len({USUAL, replace(USUAL, shift=1)}) == 2
    with pytest.raises(FrozenInstanceError):
        USUAL.shift = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 783)), "images must have shape (n, 784), (n, 28, 28) or (n, height, width); got (2, 783)"),
        (np.zeros(784), "images must have shape (n, 784), (n, 28, 28) or (n, height, width); got (784,)"),
        (np.zeros((2, 1, 28, 28)), "got (2, 1, 28, 28)"),
        (np.zeros((2, 28, 28), int), "images must be uint8 0…255 or floating point 0…1; got int64"),
        (np.zeros((0, 28, 5000)), "images may have 4000 pixels a side; got shape (0, 28, 5000)"),
    ],
)
@pytest.mark.parametrize("strength", [USUAL, Augmentation()])
def test_what_is_no_image_is_refused(strength: Augmentation, images: Array, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        strength(images, generator())
    with pytest.raises(ValueError, match=re.escape(message)):
        warp(images, identity(2))


def test_coordinates_must_fit_the_images() -> None:
    for coordinates in (identity(4), identity(3)[0], identity(3).swapaxes(0, 1)):
        message = f"coordinates must have shape (2, 3, 28, 28); got {coordinates.shape}"
        with pytest.raises(ValueError, match=re.escape(message)):
            warp(noise(3), coordinates)


@pytest.mark.parametrize(
    ("out", "got"),
    [
        (np.empty((4, 28, 28), np.float32), "float32 of (4, 28, 28)"),
        (np.empty((3, 28, 28)), "float64 of (3, 28, 28)"),
        (np.empty((28, 28, 3), np.float32).T, "float32 of (3, 28, 28)"),
    ],
)
@pytest.mark.parametrize("strength", [USUAL, Augmentation()])
def test_there_must_be_room_for_the_result(strength: Augmentation, out: Array, got: str) -> None:
    message = f"out must be C-contiguous float32 of shape (3, 28, 28); got {got}"
    with pytest.raises(ValueError, match=re.escape(message)):
        strength(noise(3), generator(), out=out)
