"""Fifteen ways to spoil an image that leave its digit readable: noise, blur, warps, weather, scribbles.

They are those of MNIST-C (Mu and Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision",
arXiv:1906.02337), many of which go back to Hendrycks and Dietterich 2019 (arXiv:1903.12261), written from their
definitions and at the strengths of MNIST-C. The random numbers are ours, so the images are not MNIST-C's own. Three
kinds are defined as MNIST-C's authors meant them, where their library did something else: glass blur blurs along both
axes, not down the columns only; motion blur sees paper outside the image; the last tooth of a zigzag is cut where its
line ends.

Each kind is a function of float images 0…1 ``(n, 28, 28)``, a random generator for each image, and the severity; it
returns images of that shape, which ``corrupt`` clips to 0…1. An image's generator is seeded with the seed, the kind
and the image's index: what happens to an image does not depend on those beside it.

A network that has never seen such images is not expected to read them; how many it misreads says how much it has
learnt about digits, and how much about MNIST.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, log2, pi
from typing import Any

import numpy as np

from digits.activations import Array
from digits.augmentation import warp
from digits.data_preprocessing import SIDE, as_inputs
from digits.errors import DigitsError
from digits.evaluation import evaluate
from digits.neural_network import NeuralNetwork

try:
    from scipy.ndimage import gaussian_filter
    from skimage.feature import canny
except ImportError as error:
    message = 'corruptions need SciPy and scikit-image; install them with: pip install "digits[robustness]"'
    raise DigitsError(message) from error

Randoms = Sequence[np.random.Generator]  # one for each image
Corruption = Callable[[Array, Randoms, float], Array]

SHAPE = (SIDE, SIDE)
CENTRE = (SIDE - 1) / 2
BLOCK = 64  # images at once: enough for NumPy; the clouds of more take too much memory
TINY = np.finfo(np.float32).tiny  # a divisor where an image is black and its corruption too weak to be a number
CLEAN = "clean"  # what ``corruption_errors`` calls the images as they are


def corrupt(images: Array, name: str, seed: int = 0, severity: float = 1.0) -> Array:
    """Spoil each image in its own way.

    Args:
        images: ``(n, 28, 28)`` or ``(n, 784)``; ``uint8`` 0…255 or floating point 0…1.
        name: a key of ``CORRUPTIONS``.
        seed: of the noise, the directions, the places.
        severity: from 0, the images as they are, to 1, the strength of MNIST-C. In between, what is random stays
            the same and only grows.

    Returns:
        ``(n, 28, 28) uint8``.

    Raises:
        ValueError: if there is no such kind, the severity lies outside 0…1, or the images are not such.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"there is no corruption {name!r}; there are {', '.join(CORRUPTIONS)}")
    if not 0 <= severity <= 1:
        raise ValueError(f"severity must lie in 0…1; got {severity}")
    inputs = as_inputs(images, SHAPE, np.dtype(np.float32))
    if severity > 0:
        number = list(CORRUPTIONS).index(name)
        blocks = (range(start, min(start + BLOCK, len(inputs))) for start in range(0, len(inputs), BLOCK))
        corrupted = [
            CORRUPTIONS[name](
                inputs[block.start : block.stop],
                [np.random.default_rng([seed, number, index]) for index in block],
                severity,
            )
            for block in blocks
        ]
        inputs = np.concatenate([inputs[:0], *corrupted])
    pixels: Array = np.rint(255 * np.clip(inputs, 0, 1)).astype(np.uint8)
    return pixels


def corruption_errors(
    network: NeuralNetwork, images: Array, labels: Array, seed: int = 0, severity: float = 1.0
) -> Iterator[tuple[str, float]]:
    """Measure a network on images as they are, then on each kind of spoilt ones.

    Args:
        network: with ten outputs.
        images: ``(n, 28, 28)`` or ``(n, 784)``; ``uint8`` 0…255 or floating point 0…1.
        labels: ``(n,)`` integers 0…9.
        seed: of the corruptions.
        severity: of the corruptions, 0…1, as ``corrupt`` takes it.

    Yields:
        The name of the kind, "clean" first, and the percentage of images that are misread.

    Raises:
        DigitsError: if there are no images, or the network's answers are not finite numbers.
        ValueError: if shapes, dtypes, labels or the severity are not such.
    """
    yield CLEAN, evaluate(network, images, labels).error_percent
    for name in CORRUPTIONS:
        yield name, evaluate(network, corrupt(images, name, seed, severity), labels).error_percent


def mean_error(errors: Mapping[str, float]) -> float:
    """The mean of the fifteen errors, without that of the clean images, in percent."""
    return sum(errors[name] for name in CORRUPTIONS) / len(CORRUPTIONS)


def _draws(randoms: Randoms, draw: Callable[[np.random.Generator], Any]) -> Array:
    """Draw the same from each image's generator: ``(n, …)``."""
    return np.array([draw(random) for random in randoms])


def _signs(randoms: Randoms, count: int = 1) -> Array:
    """Draw ``(count, n)`` signs: −1 or 1."""
    return _draws(randoms, lambda random: random.choice((-1, 1), count)).T


# -- noise -------------------------------------------------------------------------------------------------


def shot_noise(images: Array, randoms: Randoms, severity: float) -> Array:
    """Count the light as few photons: a pixel gets as many as Poisson's law says, three on average where it is white.

    Its variance is 1/(photons): fewer photons, more noise. Its standard deviation grows as the severity does.
    """
    photons = 3 / max(severity, 0.001) ** 2  # noise of so many rounds to none
    counts = [random.poisson(image * photons) for image, random in zip(images, randoms, strict=True)]
    noisy: Array = np.stack(counts) / photons
    return noisy


def impulse_noise(images: Array, randoms: Randoms, severity: float) -> Array:
    """Salt and pepper: 17 % of the pixels become white or black."""
    chances = _draws(randoms, lambda random: random.random(SHAPE))
    share = 0.17 * severity
    salt_or_pepper = _draws(randoms, lambda random: random.integers(0, 2, SHAPE))
    return np.where(chances < share, salt_or_pepper, images)


# -- blur --------------------------------------------------------------------------------------------------


def _blurred(images: Array, deviation: float) -> Array:
    """Blur each image by a Gaussian of this standard deviation in pixels; its border goes on outside."""
    blurred: Array = gaussian_filter(images, (0, deviation, deviation), mode="nearest")
    return blurred


def glass_blur(images: Array, randoms: Randoms, severity: float) -> Array:
    """As seen through frosted glass: blurred, then neighbours change places at random, then blurred again.

    Twice each pixel, from the last to the first, changes places, with probability ½, with one that is at most one row
    above and one column to the left.
    """
    deviation, rounds, inner = 0.7 * severity, 2, SIDE - 2
    count = len(images)
    chances = _draws(randoms, lambda random: random.random((rounds, inner, inner)))
    moves = _draws(randoms, lambda random: random.integers(-1, 1, (2, rounds, inner, inner)))
    partners = moves[:, 0] * SIDE + moves[:, 1]  # how far they are, in the flat image
    partners *= chances < 0.5 * severity

    pixels = _blurred(images, deviation).reshape(count, -1)
    every = np.arange(count)
    for turn, row, column in np.ndindex(rounds, inner, inner):
        here = SIDE * SIDE - 1 - (SIDE * row + column)
        there = here + partners[:, turn, row, column]
        swapped = pixels[every, there]
        pixels[every, there] = pixels[:, here]
        pixels[:, here] = swapped
    return _blurred(pixels.reshape(images.shape), deviation)


def motion_blur(images: Array, randoms: Randoms, severity: float) -> Array:
    """As if the camera had moved: each pixel is a mean along a line to its right, within 45° of the horizontal.

    The weights are half a Gaussian, with a standard deviation of 3 pixels, cut off after 20. Places on the line are
    rounded to whole pixels.
    """
    weights = np.exp(-0.5 * (np.arange(21) / (3 * max(severity, 0.001))) ** 2)
    angles = _draws(randoms, lambda random: random.uniform(-pi / 4, pi / 4))
    direction = np.stack([np.sin(angles), np.cos(angles)])  # (2, n): rows, columns
    total = np.zeros_like(images)
    for distance, weight in enumerate(weights / weights.sum()):
        total += np.float32(weight) * _warped(images, np.eye(2), np.rint(distance * direction))
    return total


# -- warps -------------------------------------------------------------------------------------------------


def _warped(images: Array, matrix: Array, shift: Array | float = 0.0) -> Array:
    """Let each pixel p look at matrix·(p − centre) + centre + shift.

    Args:
        images: ``(n, 28, 28)``.
        matrix: ``(2, 2)``, or ``(2, 2, n)`` with one for each image; of rows, then columns.
        shift: in pixels, ``(2, n)``, if any.
    """
    rows, columns = np.indices(SHAPE) - CENTRE  # (28, 28)
    terms = np.broadcast_to(np.reshape(matrix, (2, 2, -1, 1, 1)), (2, 2, len(images), 1, 1))
    shifts = np.reshape(shift, (2, -1, 1, 1)) if np.ndim(shift) else shift
    return warp(images, terms[:, 0] * rows + terms[:, 1] * columns + CENTRE + shifts)


def shear(images: Array, randoms: Randoms, severity: float) -> Array:
    """Slant to the left or to the right, by 0.4 radians: 23°; as in MNIST-C, the image grows 9 % taller with it."""
    (angles,) = 0.4 * severity * _signs(randoms)
    zeros = np.zeros_like(angles)
    return _warped(images, np.array([[np.cos(angles), zeros], [-np.sin(angles), zeros + 1]]))


def scale(images: Array, randoms: Randoms, severity: float) -> Array:  # noqa: ARG001
    """Shrink to 70 %."""
    return _warped(images, np.eye(2) / (1 - 0.3 * severity))


def rotate(images: Array, randoms: Randoms, severity: float) -> Array:
    """Turn to the left or to the right, by 0.4 radians: 23°."""
    (angles,) = 0.4 * severity * _signs(randoms)
    cosines, sines = np.cos(angles), np.sin(angles)
    return _warped(images, np.array([[cosines, sines], [-sines, cosines]]))


def translate(images: Array, randoms: Randoms, severity: float) -> Array:
    """Move by three pixels along both axes."""
    return _warped(images, np.eye(2), 3 * severity * _signs(randoms, 2))


# -- light and weather -------------------------------------------------------------------------------------


def brightness(images: Array, randoms: Randoms, severity: float) -> Array:  # noqa: ARG001
    """Add half of white everywhere."""
    return images + np.float32(0.5 * severity)


def stripe(images: Array, randoms: Randoms, severity: float) -> Array:  # noqa: ARG001
    """Turn black into white, and white into black, in the left quarter and in the right one."""
    striped = images.copy()
    for quarter in (striped[:, :, :7], striped[:, :, 21:]):
        quarter += np.float32(severity) * (1 - 2 * quarter)
    return striped


def fog(images: Array, randoms: Randoms, severity: float) -> Array:
    """Add a cloud three times as bright as the image, then scale both down together."""
    strength = np.float32(3 * severity)
    brightest = images.max(axis=(1, 2), keepdims=True)
    foggy: Array = (images + strength * _clouds(randoms)) * brightest / np.maximum(brightest + strength, TINY)
    return foggy


def _clouds(randoms: Randoms, size: int = 256, decay: float = 1.96) -> Array:
    """The upper left corners, ``(n, 28, 28)``, of random height maps that reach from 0 to 1.

    Maps of ``(size, size)`` by the diamond-square algorithm (Fournier, Fussell and Carpenter 1982), without edges: the
    last row is the first one's neighbour. First the centre of each square of known points becomes their mean plus
    noise, then the middle of each edge the mean of the points around it plus noise; then the squares are half as large,
    and the noise is smaller by a factor of ``decay``.
    """
    noises = _draws(randoms, lambda random: random.random(size * size, np.float32))
    noises -= np.float32(0.5)
    maps = np.zeros((len(randoms), size, size), np.float32)
    for level in range(int(log2(size))):
        step, cells = size >> level, 1 << level
        noise = noises[:, cells**2 : 4 * cells**2].reshape(-1, 3, cells, cells) * np.float32(decay**-level)
        corners = maps[:, ::step, ::step].copy()
        below, right = np.roll(corners, -1, axis=1), np.roll(corners, -1, axis=2)
        centres = (corners + below + right + np.roll(below, -1, axis=2)) / 4 + noise[:, 0]
        maps[:, step // 2 :: step, step // 2 :: step] = centres
        maps[:, ::step, step // 2 :: step] = (corners + right + centres + np.roll(centres, 1, axis=1)) / 4 + noise[:, 1]
        maps[:, step // 2 :: step, ::step] = (corners + below + centres + np.roll(centres, 1, axis=2)) / 4 + noise[:, 2]
    lowest, highest = (limit(axis=(1, 2), keepdims=True) for limit in (maps.min, maps.max))
    clouds: Array = (maps[:, :SIDE, :SIDE] - lowest) / (highest - lowest)
    return clouds


def spatter(images: Array, randoms: Randoms, severity: float) -> Array:
    """Splash dark grey mud on it: where blurred noise is high, in spots with soft edges."""
    liquid = _blurred(_draws(randoms, lambda random: random.normal(0.65, 0.3, SHAPE)), 1)
    spots = _blurred((liquid > 0.65).astype(np.float32), 1.5)
    opacity = severity * np.where(spots < 0.8, 0, spots)
    return (1 - opacity) * images + opacity * 63 / 255


# -- scribbles ---------------------------------------------------------------------------------------------


def dotted_line(images: Array, randoms: Randoms, severity: float) -> Array:
    """Draw a dotted line from the left edge to the right one."""
    rows = _draws(randoms, lambda random: random.integers(0, SIDE - 1, 2)).T
    ink = _lines((rows[0], np.zeros(len(images))), (rows[1], np.full(len(images), SIDE - 1)))
    ink *= np.arange(SIDE) // 2 % 2  # two columns without ink, two with
    return images + severity * ink


def zigzag(images: Array, randoms: Randoms, severity: float) -> Array:
    """Draw a zigzag from the left to the right, with teeth 2 pixels high and 4 wide, up to 12° from the horizontal."""
    left, right, tooth = 2, 25, 2
    starts = _draws(randoms, lambda random: random.integers(0, SIDE - 1))
    climbs = _draws(randoms, lambda random: random.integers(-5, 5))
    angles = np.arctan2(climbs, right - left)
    lengths = (right - left) / np.cos(angles)  # 23 to 23.5

    # The zigzag's corners, along its line and across it: (0, 0), (2, 2), (6, −2), … (22, −2), and where it ends.
    peaks = np.arange(tooth, right - left, 2 * tooth)
    heights = tooth * (-1.0) ** np.arange(len(peaks))
    inner = np.broadcast_to(np.stack([peaks, heights])[:, :, None], (2, len(peaks), len(images)))
    end = np.stack([lengths, heights[-1] + lengths - peaks[-1]])
    along, across = np.concatenate([np.zeros((2, 1, len(images))), inner, end[:, None]], axis=1)
    rows = starts + np.sin(angles) * along + np.cos(angles) * across
    columns = left + np.cos(angles) * along - np.sin(angles) * across
    corners = list(zip(rows, columns, strict=True))
    return images + severity * sum(_lines(start, end) for start, end in pairwise(corners))


def _lines(starts: tuple[Array, Array], ends: tuple[Array, Array]) -> Array:
    """Draw soft lines: ``(n, 28, 28)``, 1 on the line, 1 + ln(1 − d/2.3) at a distance of d pixels above or below.

    Starts and ends are rows ``(n,)`` and columns ``(n,)``; each end lies to the right of its start.
    """
    (start_row, start_column), (end_row, end_column) = (
        [values[:, None] for values in point] for point in (starts, ends)
    )
    columns = np.arange(SIDE)
    heights = start_row + (columns - start_column) * (end_row - start_row) / (end_column - start_column)  # (n, 28)
    distances = np.abs(np.arange(SIDE)[:, None] - heights[:, None])
    ink = 1 + np.log(np.maximum(1 - distances / 2.3, exp(-1)))
    within = (columns >= np.floor(start_column)) & (columns < np.ceil(end_column))
    lines: Array = ink * within[:, None]
    return lines


def canny_edges(images: Array, randoms: Randoms, severity: float) -> Array:  # noqa: ARG001
    """Keep only the edges (Canny 1986), as white lines."""
    edges = np.array([canny(image) for image in images])
    mixture: Array = (1 - severity) * images + severity * edges
    return mixture


CORRUPTIONS: dict[str, Corruption] = {
    corruption.__name__: corruption
    for corruption in (
        shot_noise,
        impulse_noise,
        glass_blur,
        motion_blur,
        shear,
        scale,
        rotate,
        brightness,
        translate,
        stripe,
        fog,
        spatter,
        dotted_line,
        zigzag,
        canny_edges,
    )
}
