"""Which data are used: a file that was named, else the user's own in ``data/``, else the embedded MNIST."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from digits.atomic_files import atomic_write
from digits.data_preprocessing import CLASSES
from digits.datasets import cache, mnist
from digits.datasets.csv_files import read_csv, write_csv
from digits.datasets.dataset import Dataset
from digits.datasets.idx_files import read_images, read_labels_beside, write_idx
from digits.datasets.input_files import open_content
from digits.errors import DigitsError

OWN_FOLDER = Path("data")  # in the working directory


def load_mnist() -> tuple[Dataset, Dataset]:
    """Load the embedded MNIST: 60,000 training and 10,000 test images, whatever lies in ``data/``.

    Raises:
        DigitsError: if the installed files are damaged.
    """
    return mnist.load_part("train"), mnist.load_part("test")


def load_train(path: str | Path | None = None) -> Dataset:
    """Load the training set.

    Args:
        path: a CSV file, or an IDX file of images with its labels beside it; plain or gzip. None takes
            ``data/train.csv`` or ``data/train.csv.gz`` where there is one, and else the embedded MNIST.

    Raises:
        DigitsError: if the file cannot be read or is not what it should be; says where and what.
    """
    return _load("train", path)


def load_test(path: str | Path | None = None) -> Dataset:
    """Load the test set, likewise; its own file is ``data/test.csv``, which may be without labels."""
    return _load("test", path)


def describe_source(part: str) -> str:
    """Say where a part ("train" or "test") would be loaded from, without loading it."""
    path = _own_file(part)
    return mnist.describe(part) if path is None else str(path)


def data_info() -> dict[str, Any]:
    """Say what ``load_train()`` and ``load_test()`` load from where.

    Returns:
        ``train`` and ``test``, each a dictionary of ``source`` (a string), ``path`` (a string; None for the
        embedded MNIST), ``count``, ``labelled`` (a boolean) and ``per_digit`` (ten counts; None without labels);
        and ``cache``, the folder of parsed files.

    Raises:
        DigitsError: if they cannot be loaded.
    """
    return {"train": _info("train"), "test": _info("test"), "cache": str(cache.folder())}


def export(dataset: Dataset, part_name: str, file_format: str, folder: str | Path) -> list[Path]:
    """Write a dataset into a folder, which is made if need be. Old files stay until the new ones are complete.

    Args:
        dataset: what to write.
        part_name: "train" or "test".
        file_format: "csv" for Kaggle's format, ``train.csv``; "idx" for MNIST's, ``train-images-idx3-ubyte``
            and ``train-labels-idx1-ubyte`` (``t10k-…`` for the test set), byte for byte as published if it is
            MNIST.
        folder: where to.

    Returns:
        The files written.

    Raises:
        DigitsError: if they cannot be written.
        ValueError: if there is no such part or format.
    """
    if part_name not in mnist.FILES or file_format not in ("csv", "idx"):
        raise ValueError(f"no part {part_name!r} or no format {file_format!r}")
    folder = Path(folder)
    if file_format == "csv":
        path = folder / f"{part_name}.csv"
        with atomic_write(path) as file:
            write_csv(dataset, file)
        return [path]
    return _export_idx(dataset, *(folder / name for name in mnist.FILES[part_name]))


def _export_idx(dataset: Dataset, images_path: Path, labels_path: Path) -> list[Path]:
    if dataset.has_labels:
        with atomic_write(images_path) as images_file, atomic_write(labels_path) as labels_file:
            write_idx(dataset.images, images_file)
            write_idx(dataset.labels, labels_file)
        return [images_path, labels_path]
    if labels_path.exists():
        raise DigitsError(
            f"{labels_path} would be taken for the labels of {dataset.source}, which has none; remove it."
        )
    with atomic_write(images_path) as images_file:
        write_idx(dataset.images, images_file)
    return [images_path]


def _load(part: str, path: str | Path | None) -> Dataset:
    path = _own_file(part) if path is None else Path(path)
    return mnist.load_part(part) if path is None else _read(path)


def _own_file(part: str) -> Path | None:
    """The user's own file of a part, if any. A link that leads nowhere counts: better an error than other data."""
    candidates = [OWN_FOLDER / f"{part}.csv", OWN_FOLDER / f"{part}.csv.gz"]
    return next((path for path in candidates if os.path.lexists(path)), None)


def _read(path: Path) -> Dataset:
    """Read a user's file, which its content tells to be IDX or CSV: no text begins with zero bytes."""
    with open_content(path) as content:
        idx = content.read(2) == b"\0\0"
        content.seek(0)
        if idx:
            images = read_images(content, str(path))
            return Dataset(images, read_labels_beside(path, len(images)), source=str(path))
        opened = _state(os.fstat(content.fileno()))
        key = cache.key_of(path)
        arrays = cache.load(key)
        if arrays is None:
            arrays = read_csv(content, str(path))
            if _state(path.stat()) == opened:  # else somebody is writing it, and the key may be of other bytes
                cache.store(key, arrays)
        return Dataset(*arrays, source=str(path))


def _state(status: os.stat_result) -> tuple[int, int, int]:
    """What changes when a file is written to or replaced."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _info(part: str) -> dict[str, Any]:
    path = _own_file(part)
    dataset = _load(part, path)
    return {
        "source": dataset.source,
        "path": None if path is None else str(path),
        "count": len(dataset),
        "labelled": dataset.has_labels,
        "per_digit": np.bincount(dataset.labels, minlength=CLASSES).tolist() if dataset.has_labels else None,
    }
