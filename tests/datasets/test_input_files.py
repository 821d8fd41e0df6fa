from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import pytest

from digits.datasets.input_files import open_content
from digits.errors import DigitsError


def read(path: Path) -> bytes:
    with open_content(path) as content:
        return content.read()


@pytest.mark.parametrize(  # without the time, which would be part of the test's name, and another in each process
    "content", [b"", b"\x1f", b"hello", gzip.compress(b"hello", mtime=0), gzip.compress(b"", mtime=0)]
)
def test_gzip_is_decompressed_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert read(path) == (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)


def test_gzip_files_one_after_the_other_are_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert read(path) == b"one two"


def test_damaged_gzip(tmp_path: Path) -> None:
    content = gzip.compress(bytes(range(256)) * 9)
    wrong_sum = content[:-8] + b"1234" + content[-4:]
    for number, damaged in enumerate(
        [content[:-1], content[:30], content + b"x", wrong_sum, b"\x1f\x8b", b"\x1f\x8bxx"]
    ):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(damaged)
        with pytest.raises(DigitsError) as error:
            read(path)
        assert str(error.value) == f"{path} is a damaged gzip file; download or compress it again."


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match=r"none\.csv does not exist; check the name and the folder\.$"):
        read(tmp_path / "none.csv")


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("none.csv")
    with pytest.raises(DigitsError, match="link does not exist"):
        read(tmp_path / "link")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match=r"is a folder; name a file in it\.$"):
        read(tmp_path)


def test_a_file_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DigitsError, match=r"x\.csv cannot be read: .+\.$"):
        read(tmp_path / "file" / "x.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DigitsError, match="not an ordinary file"):
        read(tmp_path / "pipe")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    path.touch(mode=0)
    if sys.platform == "win32" or os.access(path, os.R_OK):  # Windows knows no such mode; root may read everything
        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DigitsError, match=r"x\.csv may not be read by you; change its permissions\.$"):
        read(path)


def refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_file_that_does_not_fit_into_memory(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(DigitsError, match="does not fit into the memory"), open_content(tmp_path / "x"):
        raise MemoryError
