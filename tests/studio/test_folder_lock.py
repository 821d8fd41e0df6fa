"""A folder is held by one studio at a time, and by nobody once that has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from digits import DigitsError
from digits.studio.folder_lock import FolderLock

HOLD = """
import sys
from pathlib import Path
from digits.studio.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.take()
print("held", flush=True)
sys.stdin.read()
"""


def test_two_do_not_have_it_at_once(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "runs"), FolderLock(tmp_path / "runs")
    first.take()
    first.take()  # it has it already
    with pytest.raises(DigitsError, match="another studio"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_a_killed_process_has_it_no_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        lock = FolderLock(tmp_path)
        with pytest.raises(DigitsError, match="another studio"):
            lock.take()
        process.kill()
        process.wait(10)
    lock.take()
    lock.release()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DigitsError, match="cannot be written"):
        FolderLock(tmp_path / "file" / "runs").take()
