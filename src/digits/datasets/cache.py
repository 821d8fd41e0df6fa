"""A cache of parsed files, in the user's cache folder, keyed by content: the same bytes are parsed once.

It only ever saves time: a cache that is damaged, deleted or cannot be written means parsing again, never an
error. A cached file is an uncompressed zip, read in milliseconds; its CRC-32 sums are checked each time.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from digits.activations import Array
from digits.atomic_files import atomic_write
from digits.data_preprocessing import SIDE
from digits.errors import DigitsError

Arrays = tuple[Array, Array | None]  # images (n, 28, 28) and, where they are known, labels (n,); uint8

FORMAT = 1  # to be raised when what is parsed from the same bytes changes
KEPT = 8  # files; the ones that were not used for longest go


def folder() -> Path:
    """Where cached files lie: ``$DIGITS_CACHE`` if it is set, else where this system keeps caches."""
    chosen = os.environ.get("DIGITS_CACHE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path  # 1.4 ms: only where nothing else was chosen

    return user_cache_path("digits", appauthor=False)


def key_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(key: str) -> Arrays | None:
    """What was stored under this key, read-only; None if nothing was, or it is damaged."""
    path = _path(key)
    try:
        with zipfile.ZipFile(path) as archive:
            images = np.frombuffer(archive.read("images"), np.uint8).reshape(-1, SIDE, SIDE)
            labels = np.frombuffer(archive.read("labels"), np.uint8)
    except Exception:  # noqa: BLE001  a damaged zip raises this and that, and none of it matters: the source is there
        return None
    if labels.size and len(labels) != len(images):
        return None
    with suppress(OSError):
        os.utime(path)  # used just now, so the last to go
    return images, labels if labels.size else None


def store(key: str, arrays: Arrays) -> None:
    """Keep arrays under this key, if the folder can be written to. Two processes at once do no harm."""
    images, labels = arrays
    with suppress(OSError, DigitsError):
        with atomic_write(_path(key)) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("images", images.reshape(-1).data)
            archive.writestr("labels", b"" if labels is None else labels.data)
        _remove_oldest()


def _path(key: str) -> Path:
    return folder() / f"parsed-{FORMAT}-{key}.zip"


def _remove_oldest() -> None:
    """Keep the newest files; what a killed process left half-written ages and goes as well."""
    files = [*folder().glob("parsed-*.zip"), *folder().glob(".digits-*.tmp")]
    for path in sorted(files, key=_age, reverse=True)[KEPT:]:
        with suppress(OSError):
            path.unlink()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process removed it
        return 0.0
