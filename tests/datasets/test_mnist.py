from __future__ import annotations

import gzip
import shutil
from importlib.resources import files
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from digits.datasets import Dataset, cache, load_mnist, load_test
from digits.datasets import mnist as embedded
from digits.errors import DigitsError

PACKAGED = Path(str(files("digits.datasets"))) / "mnist"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> Path:
    """The folder of embedded files of an installation that has only the test set."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name in embedded.FILES["test"]:
        shutil.copy(PACKAGED / f"{name}.gz", folder)
    monkeypatch.setattr(embedded, "files", lambda package: tmp_path)
    return folder


def test_the_embedded_data_are_mnist(mnist: tuple[Dataset, Dataset]) -> None:
    train, test = mnist
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # as everybody finds who counts them
    assert np.bincount(train.labels).tolist() == counts
    assert train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # the mean that PyTorch's examples subtract
    assert train.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_they_say_where_they_come_from_and_are_read_only(mnist: tuple[Dataset, Dataset]) -> None:
    assert [part.source for part in mnist] == ["embedded MNIST, train", "embedded MNIST, test"]
    assert not any(array.flags.writeable for part in mnist for array in (part.images, part.labels))


def test_the_licence_file_lists_the_sums_that_are_checked() -> None:
    text = (PACKAGED / "LICENSE.md").read_text(encoding="utf-8")
    assert all(f"| {name}.gz |" in text and f"| {digest} |" in text for name, digest in embedded.SHA256.items())


def test_only_the_part_that_is_asked_for_is_read(installed: Path) -> None:
    assert len(load_test()) == 10_000
    with pytest.raises(DigitsError, match="train-images"):
        load_mnist()


@pytest.mark.parametrize("name", embedded.FILES["test"])
def test_a_damaged_file_is_refused_with_what_to_do(installed: Path, name: str) -> None:
    path = installed / f"{name}.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1  # one bit of the last pixel, or of the last label
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DigitsError, match=rf"embedded file {name}\.gz is .*damaged; install digits again\.$"):
        load_test()


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"hello"])
def test_a_broken_file_is_refused_likewise(installed: Path, content: bytes) -> None:
    (installed / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(DigitsError, match="install digits again"):
        load_test()


def test_the_second_time_it_comes_from_the_cache(installed: Path) -> None:
    first = load_test()
    shutil.rmtree(installed)
    second = load_test()
    assert second.fingerprint == first.fingerprint
    assert not second.images.flags.writeable


def test_a_damaged_cache_is_passed_over(installed: Path, empty_cache: Path) -> None:
    first = load_test()
    (cached,) = empty_cache.iterdir()
    content = bytearray(cached.read_bytes())
    content[len(content) // 2] ^= 1
    cached.write_bytes(content)
    assert load_test().fingerprint == first.fingerprint


def test_no_cache_is_no_obstacle(installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIGITS_CACHE", str(tmp_path / "file" / "folder"))
    assert cache.load(embedded.SHA256["t10k-images-idx3-ubyte"]) is None
    assert len(load_test()) == 10_000


def test_after_the_first_time_both_sets_load_in_no_time(mnist: tuple[Dataset, Dataset]) -> None:
    seconds = []
    for _ in range(5):
        began = perf_counter()
        load_mnist()
        seconds.append(perf_counter() - began)
    assert min(seconds) < 0.3
