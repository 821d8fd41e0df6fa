from __future__ import annotations

import gzip
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.datasets import Dataset, input_files, load_test, load_train
from digits.datasets.idx_files import read_images, read_labels, write_idx
from digits.errors import DigitsError

IMAGES = np.arange(4 * 784, dtype=np.uint32).astype(np.uint8).reshape(4, 28, 28)
LABELS = np.array([3, 1, 4, 1], np.uint8)


def idx(values: np.ndarray) -> bytes:
    file = BytesIO()
    write_idx(values, file)
    return file.getvalue()


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def test_the_header_is_big_endian() -> None:
    assert idx(LABELS) == b"\0\0\x08\x01" + b"\0\0\0\x04" + bytes([3, 1, 4, 1])
    assert idx(IMAGES)[:16] == struct.pack(">4B3I", 0, 0, 8, 3, 4, 28, 28)


def test_what_was_written_is_read() -> None:
    assert np.array_equal(read_images(BytesIO(idx(IMAGES)), "x"), IMAGES)
    assert np.array_equal(read_labels(BytesIO(idx(LABELS)), "x"), LABELS)


@pytest.mark.parametrize(
    ("images_name", "labels_name"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
    ],
)
def test_the_labels_are_found_beside_the_images(tmp_path: Path, images_name: str, labels_name: str) -> None:
    path = write(tmp_path, images_name, idx(IMAGES))
    write(tmp_path, labels_name, idx(LABELS))
    dataset = load_train(path)
    assert np.array_equal(dataset.images, IMAGES)
    assert np.array_equal(dataset.labels, LABELS)
    assert dataset.source == str(path)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "mine.csv"])
def test_images_without_a_labels_file_have_no_labels(tmp_path: Path, name: str) -> None:
    assert not load_test(write(tmp_path, name, idx(IMAGES))).has_labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(LABELS), "holds labels; name the images file"),
        (b"\0\0\x0d\x03" + idx(IMAGES)[4:], "begins with the bytes 00 00 0d 03, not 00 00 08 03"),
        (b"\0\0", "begins with the bytes 00 00, not"),
        (idx(IMAGES)[:15], "breaks off in its first 16 bytes"),
        (idx(IMAGES)[:-1], "breaks off after 3,135 of the 3,136 bytes"),
        (idx(IMAGES)[:16], "breaks off after 0 of the 3,136 bytes"),
        (idx(IMAGES) + b"\0", "goes on after the 3,136 bytes"),
        (idx(IMAGES.reshape(1, 56, 56)), "images of 56 × 56 pixels; scale them to 28 × 28"),
        (idx(IMAGES[:0]), "holds no images"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 28, 28), "claims to hold 4,294,967,295 images"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 5_000_000, 28, 28) + b"0123", "breaks off after 4 of the 3,920,000,000"),
    ],
)
def test_what_is_no_images_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    for name in ("x", "x.gz"):
        path = write(tmp_path, name, content)
        with pytest.raises(DigitsError, match=message) as error:
            load_train(path)
        assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(LABELS[:3]), r"holds 3 labels, but .*train-images-idx3-ubyte 4 images"),
        (idx(LABELS + np.uint8(6)), r"label number 3: 10 is not a digit"),
        (idx(LABELS)[:-1], "breaks off after 3 of the 4 bytes"),
        (idx(IMAGES), "is not an IDX file of labels: it begins with the bytes 00 00 08 03"),
        (b"", "is not an IDX file of labels"),
    ],
)
def test_what_are_no_labels_for_the_images_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    images = write(tmp_path, "train-images-idx3-ubyte", idx(IMAGES))
    labels = write(tmp_path, "train-labels-idx1-ubyte", content)
    with pytest.raises(DigitsError, match=message) as error:
        load_train(images)
    assert str(error.value).startswith(str(labels))


def test_a_gzip_bomb_ends_when_the_images_do(tmp_path: Path) -> None:
    path = write(tmp_path, "x.gz", idx(IMAGES) + bytes(50_000_000))
    with pytest.raises(DigitsError, match="goes on after"):
        load_train(path)


def test_no_more_is_read_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MAX_BYTES", IMAGES.size - 1)
    with pytest.raises(DigitsError, match="more than can be read"):
        read_images(BytesIO(idx(IMAGES)), "x")


@given(st.binary(max_size=64))
def test_random_bytes_are_an_idx_file_or_an_error(content: bytes) -> None:
    for read, start in ((read_images, b""), (read_images, b"\0\0\x08\x03"), (read_labels, b"\0\0\x08\x01")):
        try:
            assert len(read(BytesIO(start + content), "x"))
        except DigitsError:
            continue
        except AssertionError:
            assert read is read_labels  # of no images at all


@given(st.data())
def test_a_changed_file_is_an_idx_file_or_an_error(data: st.DataObject) -> None:
    content = bytearray(idx(IMAGES))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 31))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, 40)) or None]
    try:
        images = read_images(BytesIO(content), "x")
    except DigitsError:
        return
    assert Dataset(images).images.tobytes() == content[16:]
