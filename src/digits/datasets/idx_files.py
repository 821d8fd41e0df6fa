"""IDX, the format of MNIST: four magic bytes, each dimension as a big-endian ``uint32``, then the values.

The magic bytes are 0, 0, the type (8 for ``uint8``) and the number of dimensions: 3 for images, 1 for labels.
"""

from __future__ import annotations

import re
import struct
from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import CLASSES, SIDE
from digits.datasets import input_files
from digits.errors import DigitsError

UINT8 = b"\0\0\x08"
IMAGES = UINT8 + b"\3"
LABELS = UINT8 + b"\1"
CHUNK = 16 * 2**20  # bytes read at once


def read_images(content: BufferedIOBase, source: str) -> Array:
    """Read an IDX file of 28 × 28 images.

    Args:
        content: the file, decompressed.
        source: its name, for messages.

    Returns:
        ``(n, 28, 28) uint8``.

    Raises:
        DigitsError: if it is not such a file, or not a whole one.
    """
    shape = _read_header(content, IMAGES, source)
    if shape[1:] != (SIDE, SIDE):
        raise DigitsError(f"{source} holds images of {shape[1]} × {shape[2]} pixels; scale them to 28 × 28.")
    if shape[0] == 0:
        raise DigitsError(f"{source} holds no images; give a file that does.")
    return _read_values(content, shape, source)


def read_labels(content: BufferedIOBase, source: str) -> Array:
    """Read an IDX file of labels.

    Args:
        content: the file, decompressed.
        source: its name, for messages.

    Returns:
        ``(n,) uint8`` from 0 to 9.

    Raises:
        DigitsError: if it is not such a file, or not a whole one.
    """
    labels = _read_values(content, _read_header(content, LABELS, source), source)
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        first = wrong[0]
        raise DigitsError(
            f"{source}, label number {first + 1}: {labels[first]} is not a digit from 0 to 9; correct it."
        )
    return labels


def read_labels_beside(path: Path, count: int) -> Array | None:
    """Read the labels that belong to an images file, which MNIST's naming tells: images-idx3 → labels-idx1.

    Args:
        path: the images file.
        count: how many images it holds.

    Returns:
        ``(count,) uint8``; None if there is no such file.

    Raises:
        DigitsError: if there is one, and it does not fit or cannot be read.
    """
    name, renamed = re.subn(r"images([-.])idx3", r"labels\1idx1", path.name)
    plain = path.with_name(name.removesuffix(".gz"))
    candidates = [path.with_name(name), plain, plain.with_name(f"{plain.name}.gz")]
    found = next((candidate for candidate in candidates if candidate.exists()), None) if renamed else None
    if found is None:
        return None
    with input_files.open_content(found) as content:
        labels = read_labels(content, str(found))
    if len(labels) != count:
        raise DigitsError(
            f"{found} holds {len(labels):,} labels, but {path} {count:,} images;"
            " put two files together that belong together."
        )
    return labels


def write_idx(values: Array, file: BinaryIO) -> None:
    """Write images ``(n, 28, 28)`` or labels ``(n,)``, ``uint8`` and C-contiguous."""
    file.write(UINT8 + struct.pack(f">B{values.ndim}I", values.ndim, *values.shape))
    file.write(values.reshape(-1).data)


def _read_header(content: BufferedIOBase, magic: bytes, source: str) -> tuple[int, ...]:
    """The shape of what follows."""
    wanted = "images" if magic == IMAGES else "labels"
    dimensions = magic[3]
    start = content.read(len(magic))
    if magic == IMAGES and start == LABELS:
        raise DigitsError(f"{source} holds labels; name the images file, and the labels beside it are found.")
    if start != magic:
        raise DigitsError(
            f"{source} is not an IDX file of {wanted}: it begins with the bytes {start.hex(' ')},"
            f" not {magic.hex(' ')}; give one as MNIST's."
        )
    sizes = content.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DigitsError(f"{source} breaks off in its first {4 + 4 * dimensions} bytes; download or copy it again.")
    return struct.unpack(f">{dimensions}I", sizes)


def _read_values(content: BufferedIOBase, shape: tuple[int, ...], source: str) -> Array:
    """All that follows the header, which has to be as much as the header says."""
    size = prod(shape)
    if size > input_files.MAX_BYTES:
        raise DigitsError(f"{source} claims to hold {shape[0]:,} images or labels, more than can be read; split it.")
    values = bytearray()  # grows with what there is, not with what a broken header claims
    while len(values) <= size and (chunk := content.read(min(CHUNK, size + 1 - len(values)))):
        values += chunk
    if len(values) > size:
        raise DigitsError(
            f"{source} goes on after the {size:,} bytes that its header claims; download or copy it again."
        )
    if len(values) < size:
        raise DigitsError(
            f"{source} breaks off after {len(values):,} of the {size:,} bytes that its header claims;"
            " download or copy it again."
        )
    return np.frombuffer(values, np.uint8).reshape(shape)
