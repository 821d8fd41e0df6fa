from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from digits.datasets import Dataset, cache


@pytest.fixture
def arrays(few: Dataset) -> cache.Arrays:
    return few.images[:2], few.labels[:2]


def same(found: cache.Arrays | None, stored: cache.Arrays) -> bool:
    return found is not None and all(np.array_equal(a, b) for a, b in zip(found, stored, strict=True))


def test_what_was_stored_comes_back_read_only(empty_cache: Path, arrays: cache.Arrays) -> None:
    assert cache.load("key") is None
    cache.store("key", arrays)
    found = cache.load("key")
    assert found is not None
    assert same(found, arrays)
    assert not any(array.flags.writeable for array in found if array is not None)
    assert cache.load("another key") is None


def test_images_without_labels_come_back_without_labels(empty_cache: Path, arrays: cache.Arrays) -> None:
    cache.store("key", (arrays[0], None))
    found = cache.load("key")
    assert found is not None
    assert np.array_equal(found[0], arrays[0])
    assert found[1] is None


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("flipped_bits", [0x01, 0xFF])
def test_no_damaged_byte_changes_what_comes_back(
    empty_cache: Path, arrays: cache.Arrays, labelled: bool, flipped_bits: int
) -> None:
    stored = arrays if labelled else (arrays[0], None)
    cache.store("key", stored)
    (path,) = empty_cache.iterdir()
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= flipped_bits
        path.write_bytes(damaged)
        found = cache.load("key")
        assert found is None or same(found, stored) or (not labelled and np.array_equal(found[0], stored[0]))
        assert found is None or (found[1] is None) == (not labelled)


def test_half_a_file_is_none(empty_cache: Path, arrays: cache.Arrays) -> None:
    cache.store("key", arrays)
    (path,) = empty_cache.iterdir()
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert cache.load("key") is None


def test_the_files_used_longest_ago_go(empty_cache: Path, arrays: cache.Arrays) -> None:
    for number in range(cache.KEPT):
        cache.store(f"{number}", arrays)
    for age, path in enumerate(sorted(empty_cache.iterdir(), reverse=True)):  # 0 is the oldest
        os.utime(path, (1e9 - age, 1e9 - age))
    (empty_cache / "not-ours.txt").touch()
    assert cache.load("0") is not None  # used again, so it stays
    cache.store("one more", arrays)
    cache.store("and another", arrays)
    assert (empty_cache / "not-ours.txt").exists()
    assert len(list(empty_cache.glob("parsed-*"))) == cache.KEPT
    assert [cache.load(key) is None for key in ("0", "1", "2", "3", "one more", "and another")] == [
        False, True, True, False, False, False,
    ]  # fmt: skip


def test_what_a_killed_process_left_goes_as_well(empty_cache: Path, arrays: cache.Arrays) -> None:
    empty_cache.mkdir()
    left = empty_cache / ".digits-0123456789abcdef.tmp"
    left.touch()
    os.utime(left, (1e9, 1e9))
    for number in range(cache.KEPT):
        cache.store(f"{number}", arrays)
    assert not left.exists()


@pytest.mark.parametrize("blocked", ["folder", "file"])
def test_a_cache_that_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: cache.Arrays, blocked: str
) -> None:
    monkeypatch.setenv("DIGITS_CACHE", str(tmp_path / "cache"))
    if blocked == "folder":
        (tmp_path / "cache").touch()  # a file where the folder should be
    else:
        cache._path("key").mkdir(parents=True)  # a folder where the file should be
    cache.store("key", arrays)
    assert cache.load("key") is None


def test_several_at_once_do_no_harm(empty_cache: Path, arrays: cache.Arrays) -> None:
    def store_and_load(number: int) -> bool:
        key = f"{number % 12}"  # more keys than are kept, and each from several threads
        cache.store(key, arrays)
        found = cache.load(key)
        return found is None or same(found, arrays)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(store_and_load, range(48)))
    assert len(list(empty_cache.iterdir())) <= cache.KEPT


def test_the_key_is_of_the_content(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    keys = [cache.key_of(tmp_path / name) for name in "abc"]
    assert keys[0] == keys[1] != keys[2]


def test_it_lies_where_the_user_or_the_system_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGITS_CACHE", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.delenv("DIGITS_CACHE")
    assert cache.folder() == platformdirs.user_cache_path("digits", appauthor=False)
