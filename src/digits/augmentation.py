"""Random warps of images: turned, resized, slanted, moved and distorted a little, they are still the same digits.

So they are in another light, drawn with fewer pixels, or noisy. ``shine`` lets a light fall on an image that is as
smooth as the elastic warps are, ``coarsen`` draws it anew on a coarser grid, ``add_noise`` changes each pixel alone.

A warp is told by coordinates: for each pixel of the result, the place in the image where it looks. ``Augmentation``
draws coordinates at random, ``warp`` follows them, and both take whole batches at once.

Every random warp is a small table of coefficients in a fixed basis: along each axis a constant, a slope, and a few
smooth waves. Constant and slope make the affine part, the waves the elastic one (Simard, Steinkraus and Platt 2003,
"Best Practices for Convolutional Neural Networks"). Two small matrix products turn coefficients into coordinates;
nothing is ever blurred.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, fields, replace
from functools import lru_cache
from math import isqrt, radians, sqrt
from typing import Self

import numpy as np

from digits.activations import Array

BLOCK = 128 * 28 * 28  # pixels warped at once: with fewer, the calls cost too much; more do not fit into the caches
LARGEST_SIDE = 4000  # pixels; an image is warped in one block, and up to 2²⁴ float32 counts without gaps
LIGHT_LEVEL = 0.8  # the highest mean of the light on an image; 1 is as bright as ink
LIGHT_MOST = 0.95  # of a pixel's light: under more, nothing could be read
LIGHT_WAVES = 0.4  # their standard deviation, as a share of the mean
LIGHT_SMOOTHNESS = 6.0  # pixels
COARSEST = 2.6  # pixels of an image across a pixel of the coarser grid: a digit is 8 of these high
COARSE_LEVELS = (0.2, 0.55)  # of ink in a pixel of that grid, from which on it is ink: broad pens, and fine ones
COARSE_STEPS = (2.0, 16.0)  # how fast paper becomes ink there: with smooth rims, or none
NOISE_MOST = 0.5  # the largest standard deviation of noise; 1 is as bright as ink
KEPT = 0.999  # share of the variance of an elastic field that its basis keeps


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly images are warped at random. All zero: not at all, the images come back exactly.

    Each image is turned, resized, slanted and moved by amounts drawn evenly between minus and plus the largest ones,
    which are given here. The elastic distortion then moves each pixel at random, and neighbours alike, as an unsteady
    hand does: the displacements are white noise blurred by a Gaussian.

    Simard et al. use ``elastic=1.4, smoothness=4`` (their factor α is elastic·smoothness·√12π); Cireşan et al. 2010,
    "Deep, Big, Simple Neural Nets", about ``rotation=15, scale=0.15, elastic=1.1, smoothness=5.5``.

    Args:
        rotation: degrees, the largest, either way.
        scale: the largest relative change of size, below 1: with 0.15 images are 85 % to 115 % as large.
        shear: the largest slant, in columns a row.
        shift: pixels, the largest, along each axis.
        elastic: pixels, the standard deviation of the elastic displacement along each axis.
        smoothness: pixels, the standard deviation of the Gaussian that blurs the noise.
        light: the share of the images that stand in a random light, from hardly any to nearly blinding; see ``shine``.
        coarse: the share of the images that are drawn anew with fewer pixels; see ``coarsen``.
        noise: the share of the images that are noisy, a little or much; see ``add_noise``.

    Raises:
        ValueError: if a strength is negative or no number, the scale not below 1, the smoothness 0, or a share above 1.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    smoothness: float = 4.0
    light: float = 0.0
    coarse: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for field, value in zip(fields(self), astuple(self), strict=True):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ValueError(f"{field.name} must be a number, 0 or more; got {value!r}")
        if self.scale >= 1:
            raise ValueError(f"scale must be below 1, so that something is left of the image; got {self.scale}")
        if self.smoothness == 0:
            raise ValueError("smoothness must be above 0; got 0")
        for name in ("light", "coarse", "noise"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} is a share of the images, 0…1; got {getattr(self, name)}")

    def __bool__(self) -> bool:
        """Whether anything happens to images."""
        return any(value for name, value in asdict(self).items() if name != "smoothness")

    def scaled(self, strength: float) -> Self:
        """The same kind of warps, but so much as strong; light, coarseness and noise stay."""
        amounts = ("rotation", "scale", "shear", "shift", "elastic")
        return replace(self, **{name: strength * getattr(self, name) for name in amounts})

    def __call__(self, images: Array, random: np.random.Generator, out: Array | None = None) -> Array:
        """Warp each image in its own way. Safe to call from several threads at once, each with its own generator.

        Args:
            images: ``(n, height, width)`` or, if square, ``(n, pixels)``; ``uint8`` 0…255 or floating point 0…1.
            random: where the warps come from.
            out: where to write the result, if given: ``float32`` of the images' shape, C-contiguous.

        Returns:
            ``float32`` 0…1 of the images' shape.

        Raises:
            ValueError: if shapes or dtypes are others.
        """
        images, out, squares = _checked(images, out)
        coefficients, down, across = self._coefficients(random, *squares.shape)
        for block in _blocks(squares):
            places = _room.fit(*squares.shape).places[:, : len(squares[block])]
            np.matmul(down, coefficients[:, block] @ across, out=places)
            _warp(squares[block], places, out[block])
        if self.coarse:
            coarsen(out.reshape(squares.shape), random, self.coarse)
        if self.light:
            shine(out.reshape(squares.shape), random, self.light)
        if self.noise:
            add_noise(out.reshape(squares.shape), random, self.noise)
        return out

    def coordinates(self, count: int, random: np.random.Generator, shape: tuple[int, int] = (28, 28)) -> Array:
        """Draw the coordinates that a call draws for ``count`` images of this shape.

        Returns:
            ``(2, count, *shape) float32``: the rows where each pixel looks, then the columns, as in ``np.indices``.
        """
        coefficients, down, across = self._coefficients(random, count, *shape)
        # BLAS gets one small product per image. It starts no threads for these, nor does their sum depend on the batch.
        coordinates: Array = down @ (coefficients @ across)
        return coordinates

    def _coefficients(
        self, random: np.random.Generator, count: int, height: int, width: int
    ) -> tuple[Array, Array, Array]:
        """Draw warps as coefficients ``(2, count, m, n)`` of bases ``(height, m)`` down and ``(n, width)`` across."""
        smoothness = self.smoothness if self.elastic else None
        down, across = _basis(height, smoothness), np.ascontiguousarray(_basis(width, smoothness).T)
        rows, columns = coefficients = np.zeros((2, count, down.shape[1], across.shape[0]), np.float32)

        # Uniform numbers are drawn five times as fast as normal ones. Each pixel adds up so many that the sum is nearly
        # normal all the same. Their standard deviation is their range / √12.
        waves = random.random((2, count, down.shape[1] - 2, across.shape[0] - 2), dtype=np.float32)
        waves -= 0.5
        waves *= self.elastic * sqrt(12)
        coefficients[:, :, 2:, 2:] = waves

        # From the centre, the pixel (y, x) looks at R·(y, x + shear·y) / size + shift; R turns by an angle.
        largest = (radians(self.rotation), self.scale, self.shear, self.shift, self.shift)
        amounts = random.random((5, count), dtype=np.float32)
        amounts -= 0.5
        angle, size, shear, *shift = amounts * 2 * np.array(largest, np.float32)[:, None]
        size += 1
        cosine, sine = np.cos(angle) / size, np.sin(angle) / size
        rows[:, 0, 0], rows[:, 1, 0], rows[:, 0, 1] = shift[0] + (height - 1) / 2, cosine + shear * sine, sine
        columns[:, 0, 0], columns[:, 1, 0], columns[:, 0, 1] = shift[1] + (width - 1) / 2, shear * cosine - sine, cosine
        return coefficients, down, across


def warp(images: Array, coordinates: Array, out: Array | None = None) -> Array:
    """Let each pixel of the result look at its place in the image: bilinear between pixels, 0 outside.

    The same as ``scipy.ndimage.map_coordinates(order=1)`` on images with a border of zeros. Linear in the images.
    Coordinates that are turned clockwise turn the image counterclockwise.

    Args:
        images: ``(n, height, width)`` or, if square, ``(n, pixels)``; ``uint8`` 0…255 or floating point, any.
        coordinates: ``(2, n, height, width)``: rows, then columns. ``np.indices`` leaves images as they are, exactly.
        out: where to write the result, if given: ``float32`` of the images' shape, C-contiguous.

    Returns:
        ``float32`` of the images' shape; 0…1 if the images are ``uint8``.

    Raises:
        ValueError: if shapes or dtypes are others.
    """
    images, out, squares = _checked(images, out)
    coordinates = np.asarray(coordinates, np.float32)
    if coordinates.shape != (2, *squares.shape):
        raise ValueError(f"coordinates must have shape {(2, *squares.shape)}; got {coordinates.shape}")
    for block in _blocks(squares):
        _warp(squares[block], coordinates[:, block], out[block])
    return out


def shine(images: Array, random: np.random.Generator, share: float = 1.0) -> None:
    """Let a random, smooth light fall on images, in place: paper turns grey, the ink stays as bright as it is.

    A pixel x under the light l becomes 1 − (1 − x)·(1 − l), as two projectors on one screen add up. The light of an
    image is a level, drawn evenly from 0 to 0.8, with hills and valleys in proportion to it: the same waves that
    elastic warps are made of.

    Args:
        images: ``(n, height, width) float32`` 0…1.
        random: where the light comes from.
        share: of the images, 0…1: each is chosen with this probability; the others stay as they are.
    """
    chosen = np.flatnonzero(random.random(len(images)) < share)
    down, across = (_basis(size, LIGHT_SMOOTHNESS)[:, 2:] for size in images.shape[1:])
    waves = random.standard_normal((len(chosen), down.shape[1], across.shape[1]), dtype=np.float32)
    light = down @ (waves @ across.T)  # of variance 1
    light *= LIGHT_WAVES
    light += 1
    light *= LIGHT_LEVEL * random.random((len(chosen), 1, 1), dtype=np.float32)
    np.clip(light, 0, LIGHT_MOST, out=light)
    lit = images[chosen]
    images[chosen] = lit + light * (1 - lit)


def coarsen(images: Array, random: np.random.Generator, share: float = 1.0) -> None:
    """Draw images anew on a coarser grid, in place, as small pictures are: with sharp rims, too thick or too thin.

    Each pixel of the grid has the mean of what it covers, which is then made ink or paper, more or less sharply. In
    between, the result is linear. The size of the grid, the places of its pixels, the level and the sharpness are drawn
    for each image; the grid is at least as coarse as the image.

    Args:
        images: ``(n, height, width) float32`` 0…1.
        random: where the grids come from.
        share: of the images, 0…1: each is chosen with this probability; the others stay as they are.
    """
    chosen = np.flatnonzero(random.random(len(images)) < share)
    pitch, phases, level, step = (random.random((count, len(chosen), 1, 1), np.float32) for count in (1, 2, 1, 1))
    pitch = np.exp(np.log(COARSEST) * pitch[0])
    level = COARSE_LEVELS[0] + (COARSE_LEVELS[1] - COARSE_LEVELS[0]) * level[0]
    step = COARSE_STEPS[0] + (COARSE_STEPS[1] - COARSE_STEPS[0]) * step[0]
    axes = [_grid(size, pitch, phase) for size, phase in zip(images.shape[1:], phases, strict=True)]
    (down, up), (right, left) = axes
    cells = down @ images[chosen] @ right.transpose(0, 2, 1)
    cells -= level
    cells *= step
    cells += 0.5
    np.clip(cells, 0, 1, out=cells)
    images[chosen] = np.minimum(up @ cells @ left.transpose(0, 2, 1), 1)  # rounding makes 1.0000001 of it


def add_noise(images: Array, random: np.random.Generator, share: float = 1.0) -> None:
    """Add noise to images, in place: to each pixel a normal number of its own. What leaves 0…1 is cut off.

    The standard deviation is drawn for each image, evenly from 0 to 0.5. Networks that have seen such noise stand up to
    other kinds as well (Rusak et al. 2020, "A simple way to make neural networks robust against diverse image
    corruptions").

    Args:
        images: ``(n, height, width) float32`` 0…1.
        random: where the noise comes from.
        share: of the images, 0…1: each is chosen with this probability; the others stay as they are.
    """
    chosen = np.flatnonzero(random.random(len(images)) < share)
    noise = random.standard_normal((len(chosen), *images.shape[1:]), dtype=np.float32)
    noise *= NOISE_MOST * random.random((len(chosen), 1, 1), dtype=np.float32)
    images[chosen] = np.clip(images[chosen] + noise, 0, 1)


def _grid(size: int, pitch: Array, phase: Array) -> tuple[Array, Array]:
    """Matrices, for each image, from ``size`` pixels to the means over the coarser grid's, and back, linearly between.

    Args:
        size: pixels of the image along this axis.
        pitch: ``(n, 1, 1)``, 1 or more: how many of them a pixel of the grid has.
        phase: ``(n, 1, 1)``, 0…1: where the first pixel of the grid begins, as a share of its own size before 0.

    Returns:
        ``(n, size + 2, size)`` and ``(n, size, size + 2) float32``.
    """
    pixels = np.arange(size, dtype=np.float32)
    starts = (np.arange(size + 2, dtype=np.float32)[:, np.newaxis] - phase) * pitch  # (n, size + 2, 1)
    overlaps = np.minimum(starts + pitch, pixels + 1) - np.maximum(starts, pixels)
    means = overlaps.clip(0) / pitch
    apart = np.abs((pixels[:, np.newaxis] + 0.5 - (starts + pitch / 2).transpose(0, 2, 1)) / pitch)
    return means, (1 - apart).clip(0)


def _checked(images: Array, out: Array | None) -> tuple[Array, Array, Array]:
    """Return the images, ``out`` (made if need be), and the images as ``(n, height, width)``; or raise an error."""
    images = np.asarray(images)
    side = isqrt(images.shape[-1]) if images.ndim == 2 else 0
    if images.ndim not in (2, 3) or (images.ndim == 2 and side**2 != images.shape[1]):
        raise ValueError(f"images must have shape (n, 784), (n, 28, 28) or (n, height, width); got {images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise ValueError(f"images must be uint8 0…255 or floating point 0…1; got {images.dtype}")
    squares = images.reshape(len(images), side, side) if side else images
    if max(squares.shape[1:]) > LARGEST_SIDE:
        raise ValueError(f"images may have {LARGEST_SIDE} pixels a side; got shape {images.shape}")
    if out is None:
        out = np.empty(images.shape, np.float32)
    elif out.shape != images.shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out must be C-contiguous float32 of shape {images.shape}; got {out.dtype} of {out.shape}")
    return images, out, squares


def _block(shape: tuple[int, ...]) -> int:
    """How many images of this shape to warp at once."""
    return max(1, BLOCK // max(1, *shape) ** 2)


def _blocks(images: Array) -> Iterator[slice]:
    """Cut a batch into blocks."""
    step = _block(images.shape[1:])
    return (slice(first, first + step) for first in range(0, len(images), step))


@lru_cache
def _basis(size: int, smoothness: float | None) -> Array:
    """What coordinates along an axis are made of: ``(size, 2 + waves)``, read-only.

    Its columns: 1; the distance from the centre; the waves, if a smoothness is given. Noise blurred by a Gaussian of
    standard deviation σ has the covariance exp(−d²/4σ²) between pixels a distance d apart. Sums of this matrix's
    eigenvectors, times the roots of their eigenvalues, times random numbers of variance 1, have just this covariance
    (Karhunen and Loève). The eigenvalues fall so fast that for σ = 4 seven of 28 do.
    """
    positions = np.arange(size)
    columns = np.stack([np.ones(size), positions - (size - 1) / 2], axis=1)
    if smoothness is not None:
        distances = np.subtract.outer(positions, positions)
        eigenvalues, vectors = np.linalg.eigh(np.exp(-((distances / (2 * smoothness)) ** 2)))  # the smallest first
        few = 1 + int(np.searchsorted(np.cumsum(eigenvalues[::-1]), sqrt(KEPT) * size))  # the root: there are two axes
        waves = vectors[:, : -few - 1 : -1] * np.sqrt(eigenvalues[: -few - 1 : -1])
        waves *= np.where(waves[0] < 0, -1, 1)  # either sign is right; let all machines choose the same
        columns = np.concatenate([columns, waves], axis=1)
    columns = columns.astype(np.float32)
    columns.flags.writeable = False
    return columns


def _warp(images: Array, coordinates: Array, out: Array) -> None:
    """Warp a block of ``(n, height, width)`` images. The coordinates may be the room's own ``places``."""
    count = len(images)
    room = _room.fit(*images.shape)
    stride, small, indices = room.stride, room.small[:count], room.indices[:count]
    places, lefts, rights = room.places[:, :count], room.lefts[:, :count], room.rights[:, :count]

    # Split each place into the pixel above and left of it, and how far it lies beyond. What looks past the zeros around
    # the image might as well look at them.
    np.clip(coordinates, -1, stride - 1, out=places)
    above, left = np.floor(places, out=rights)
    places -= rights
    downward, across = places
    above *= stride
    above += left
    above += room.origins[:count]
    small[...] = above  # to int64 by way of int32: NumPy has vector instructions for both steps, but not for one step
    indices[...] = small

    # Fetch the pixels on the left, above and below, and the slopes from there to their right neighbours. No index is
    # out of range, and "wrap" is the fastest way to treat those that are.
    end = count * stride**2
    pixels, slopes = room.pixels[: end + 2 * stride + 2], room.slopes[: end + 2 * stride + 2]
    room.interiors[:count] = images
    pixels[end:] = 0  # where an image of an earlier block may stand
    np.subtract(pixels[1:], pixels[:-1], out=slopes[:-1])
    if images.dtype == np.uint8:
        # Fetching costs most. The upper half of a float32 (a bfloat16) has room for any whole number up to 256, so a
        # pixel and its slope are fetched as the two halves of one word.
        words, uppers, lowers = (array.view(np.uint32) for array in (slopes, lefts, rights))
        words >>= 16
        words |= pixels.view(np.uint32)
        words.take(indices, out=lowers[0], mode="wrap")
        words[stride:].take(indices, out=lowers[1], mode="wrap")
        np.bitwise_and(lowers, 0xFFFF0000, out=uppers)
        lowers <<= 16
    else:
        for row, begin in enumerate((0, stride)):
            pixels[begin:].take(indices, out=lefts[row], mode="wrap")
            slopes[begin:].take(indices, out=rights[row], mode="wrap")

    # Go across in both rows, then down from one to the other.
    rights *= across
    rights += lefts
    top, bottom = rights
    bottom -= top
    bottom *= downward
    top += bottom
    np.divide(top, 255 if images.dtype == np.uint8 else 1, out=out.reshape(images.shape))


class _Room(threading.local):
    """Arrays for one block, each thread its own, kept: memory fresh from the system costs more than the work.

    An image stands in a frame: a square with a row of zeros above and a column of zeros on the left. The zeros below
    and on the right of it are those of the next frame and the next row.
    """

    shape: tuple[int, ...] = (0, 0, 0)

    def fit(self, count: int, *shape: int) -> Self:
        """Make room for a block of so many images of this shape, unless there is."""
        count = min(count, _block(shape))
        if count > self.shape[0] or shape != self.shape[1:]:
            whole = (count, *shape)
            self.stride = max(shape) + 1
            frame = self.stride**2
            self.pixels, self.slopes = np.zeros((2, count * frame + 2 * self.stride + 2), np.float32)
            frames = self.pixels[: count * frame].reshape(count, self.stride, self.stride)
            self.interiors = frames[:, 1 : shape[0] + 1, 1 : shape[1] + 1]
            origins = np.arange(count, dtype=np.float32) * frame + self.stride + 1  # of the images, in ``pixels``
            self.origins = np.broadcast_to(origins[:, None, None], whole).copy()
            self.places, self.lefts, self.rights = np.empty((3, 2, *whole), np.float32)
            self.small, self.indices = np.empty(whole, np.int32), np.empty(whole, np.intp)
            self.shape = whole  # last, so that a room left unfinished for want of memory is made again
        return self


_room = _Room()
