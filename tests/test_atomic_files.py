"""A file is written whole or not at all, whatever stops the writing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from digits.atomic_files import atomic_write, require_writable
from digits.errors import DigitsError


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def write(path: Path, data: bytes = b"new") -> None:
    with atomic_write(path) as file:
        file.write(data)


def assert_untouched(target: Path) -> None:
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_replaces_the_old_file_and_leaves_nothing_else(target: Path) -> None:
    write(target)
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_the_old_file_is_there_until_the_end(target: Path) -> None:
    with atomic_write(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "file")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"


def test_folders_made_for_nothing_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    require_writable(tmp_path / "old" / "new" / "newer" / "file")
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ValueError, MemoryError])
def test_an_exception_while_writing_leaves_the_old_file(target: Path, exception: type[BaseException]) -> None:
    with pytest.raises(exception), atomic_write(target) as file:  # noqa: PT012
        file.write(b"half of the n")
        raise exception
    assert_untouched(target)


FULL_DISK = """
import resource, sys
from digits.atomic_files import atomic_write
from digits.errors import DigitsError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # SIGXFSZ is ignored by Python, so: OSError
try:
    with atomic_write(sys.argv[1]) as file:
        file.write(bytes(1_000_000))
except DigitsError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_no_room_for_the_file_leaves_the_old_one(target: Path) -> None:
    run = subprocess.run([sys.executable, "-c", FULL_DISK, target], capture_output=True, text=True, check=True)
    assert run.stdout == f"cannot write {target}: File too large. The old file is unchanged.\n"
    assert_untouched(target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence(target: Path) -> None:
    with (
        pytest.raises(DigitsError, match=r": No space left on device\. The old file is unchanged\.$"),
        atomic_write(target),
        Path("/dev/full").open("wb") as full,
    ):
        full.write(b"new")
    assert_untouched(target)


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_permissions_of_the_old_file_stay(target: Path, mode: int) -> None:
    target.chmod(mode)
    write(target)
    assert stat.S_IMODE(target.stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write(tmp_path / "atomic")
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    goal, link = tmp_path / "elsewhere" / "file", tmp_path / "link"
    if exists:
        goal.write_bytes(b"old")
    link.symlink_to(goal)
    write(link)
    assert link.is_symlink()
    assert goal.read_bytes() == b"new"


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match="it is a folder"):
        write(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_device_or_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DigitsError, match="it is not an ordinary file"):
        write(pipe)
    assert pipe.is_fifo()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
def test_a_write_protected_file_is_not_replaced(target: Path) -> None:
    target.chmod(0o444)
    with pytest.raises(DigitsError, match="it is write-protected"):
        write(target)
    assert_untouched(target)


@pytest.mark.parametrize("name", ["file/below", "x" * 300])
def test_an_impossible_path_is_one_sentence(target: Path, name: str) -> None:
    with pytest.raises(DigitsError, match=r"^cannot write "):
        write(target.parent / name)
    assert_untouched(target)


def test_whether_a_file_could_be_written_is_known_before_the_work(target: Path) -> None:
    require_writable(target)
    require_writable(target.parent / "other")
    assert_untouched(target)
    with pytest.raises(DigitsError, match=r"^cannot write "):
        require_writable(target / "below")
