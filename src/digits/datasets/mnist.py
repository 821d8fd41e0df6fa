"""The copy of MNIST in this package, byte for byte as it was published; see ``mnist/LICENSE.md``."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from importlib.resources import files
from io import BytesIO

from digits.datasets import cache
from digits.datasets.dataset import Dataset
from digits.datasets.idx_files import read_images, read_labels
from digits.errors import DigitsError

FILES = {  # part: the names of its images and labels files
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SHA256 = {  # of the uncompressed files that LeCun, Cortes and Burges published
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def describe(part: str) -> str:
    """What a person is told that the data are."""
    return f"embedded MNIST, {part}"


def load_part(part: str) -> Dataset:
    """Load one part of MNIST, from the cache after the first time.

    Args:
        part: "train" (60,000 images) or "test" (10,000).

    Raises:
        DigitsError: if the embedded files are not MNIST as it was published.
    """
    images_file, labels_file = FILES[part]
    key = SHA256[images_file]  # what was stored under it had passed the check
    arrays = cache.load(key)
    if arrays is None:
        images = read_images(BytesIO(_read(images_file)), images_file)
        arrays = images, read_labels(BytesIO(_read(labels_file)), labels_file)
        cache.store(key, arrays)
    return Dataset(*arrays, source=describe(part))


def _read(name: str) -> bytes:
    """An embedded file, decompressed and checked."""
    try:
        content = gzip.decompress((files("digits.datasets") / "mnist" / f"{name}.gz").read_bytes())
    except (OSError, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise DigitsError(f"the embedded file {name}.gz is missing or damaged; install digits again.")
    return content
