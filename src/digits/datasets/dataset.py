"""Labelled images, as everything downstream takes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import CLASSES, SIDE
from digits.errors import DigitsError


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset:
    """Images of digits, their labels where they are known, and where both came from. Its arrays are read-only.

    Args:
        images: ``(n, 28, 28)`` or ``(n, 784)`` ``uint8``; not copied if it lies in one piece.
        labels: ``(n,)`` integers from 0 to 9, or None where nobody knows them.
        source: what a person is told, e.g. "embedded MNIST, test" or "data/test.csv".

    Attributes:
        images: ``(n, 28, 28) uint8``, C-contiguous and read-only.
        source: as given.

    Raises:
        ValueError: if shapes, dtypes or labels are not such.
    """

    images: Array
    source: str
    _labels: Array | None

    def __init__(self, images: Array, labels: Array | None = None, source: str = "images in memory") -> None:
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] not in [(SIDE, SIDE), (SIDE * SIDE,)]:
            raise ValueError(
                f"images must be uint8 of shape (n, 28, 28) or (n, 784); got {images.dtype}, {images.shape}"
            )
        if labels is not None:
            labels = _checked_labels(np.asarray(labels), len(images))
        set_once = object.__setattr__  # the way around ``frozen`` that a constructor of one's own has to take
        set_once(self, "images", _read_only(images.reshape(-1, SIDE, SIDE)))
        set_once(self, "source", source)
        set_once(self, "_labels", None if labels is None else _read_only(labels))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        labelled = "" if self.has_labels else ", no labels"
        return f"Dataset({self.source}: {len(self):,} images{labelled})"

    @property
    def has_labels(self) -> bool:
        """Whether the labels are known."""
        return self._labels is not None

    @property
    def labels(self) -> Array:
        """``(n,) uint8`` from 0 to 9, read-only.

        Raises:
            DigitsError: if the source had none.
        """
        if self._labels is None:
            raise DigitsError(
                f"{self.source} has no labels: give a CSV file whose first column is the label,"
                " or an IDX file with its labels file beside it."
            )
        return self._labels

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of images and labels, in hexadecimal: the same for the same content, whatever the source."""
        digest = hashlib.sha256(f"{len(self)} images, labels: {self.has_labels}".encode())
        digest.update(self.images.reshape(-1).data)
        if self._labels is not None:
            digest.update(self._labels.data)
        return digest.hexdigest()


def _checked_labels(labels: Array, count: int) -> Array:
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be {count} integers, one for each image; got {labels.dtype}, {labels.shape}")
    if count and (labels.min() < 0 or labels.max() >= CLASSES):
        raise ValueError(f"labels must lie in 0…9; got {labels.min()}…{labels.max()}")
    return labels.astype(np.uint8, copy=False)


def _read_only(array: Array) -> Array:
    """A view that cannot be written to; whoever gave the array may still write to it, and had better not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
