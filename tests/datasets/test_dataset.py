from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from digits.datasets import Dataset
from digits.errors import DigitsError

IMAGES = np.arange(3 * 784, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 0, 9], np.uint8)


def test_a_dataset_is_read_only() -> None:
    dataset = Dataset(IMAGES.copy(), LABELS.copy())
    for array in (dataset.images, dataset.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(FrozenInstanceError):
        dataset.source = "elsewhere"  # type: ignore[misc]


def test_the_arrays_are_not_copied_and_the_givers_own_stay_writable() -> None:
    images = IMAGES.copy()
    dataset = Dataset(images, LABELS)
    assert np.shares_memory(dataset.images, images)
    assert images.flags.writeable


@pytest.mark.parametrize(
    "images", [IMAGES.reshape(3, 784), np.asfortranarray(IMAGES), np.repeat(IMAGES, 2, axis=0)[::2]]
)
def test_images_come_out_in_one_piece_however_they_went_in(images: np.ndarray) -> None:
    dataset = Dataset(images, LABELS)
    assert dataset.images.shape == (3, 28, 28)
    assert dataset.images.flags.c_contiguous
    assert np.array_equal(dataset.images, IMAGES)


def test_labels_of_any_integer_type_become_uint8() -> None:
    dataset = Dataset(IMAGES, LABELS.astype(np.int64))
    assert dataset.labels.dtype == np.uint8
    assert np.array_equal(dataset.labels, LABELS)


def test_without_labels_asking_for_them_says_what_to_do() -> None:
    dataset = Dataset(IMAGES, source="data/test.csv")
    assert not dataset.has_labels
    with pytest.raises(DigitsError, match=r"^data/test\.csv has no labels: give .*\.$"):
        _ = dataset.labels


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES / 255, LABELS, r"must be uint8 .* got float64, \(3, 28, 28\)"),
        (IMAGES[:, :14], LABELS, r"got uint8, \(3, 14, 28\)"),
        (IMAGES[0, 0], LABELS, r"got uint8, \(28,\)"),
        (IMAGES, LABELS[:2], r"must be 3 integers.* got uint8, \(2,\)"),
        (IMAGES, LABELS / 1, "got float64"),
        (IMAGES, LABELS + 1, r"must lie in 0…9; got 1…10"),
        (IMAGES, LABELS.astype(int) - 1, r"must lie in 0…9; got -1…8"),
    ],
)
def test_what_is_no_dataset_is_refused(images: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dataset(images, labels)


def test_the_fingerprint_is_of_the_content_alone() -> None:
    fingerprint = Dataset(IMAGES, LABELS, source="a").fingerprint
    assert Dataset(IMAGES.reshape(3, 784).copy(), LABELS.astype(int), source="b").fingerprint == fingerprint
    other = IMAGES.copy()
    other[2, 27, 27] += 1
    changed = [Dataset(other, LABELS), Dataset(IMAGES, LABELS[::-1]), Dataset(IMAGES), Dataset(IMAGES[:2], LABELS[:2])]
    assert len({fingerprint, *(dataset.fingerprint for dataset in changed)}) == 5


def test_the_repr_tells_source_and_count() -> None:
    assert repr(Dataset(IMAGES, LABELS, source="x.csv")) == "Dataset(x.csv: 3 images)"
    assert repr(Dataset(IMAGES, source="x.csv")) == "Dataset(x.csv: 3 images, no labels)"
    assert len(Dataset(IMAGES)) == 3
