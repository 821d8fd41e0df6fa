"""One studio at a time works in a folder: two that write the same files would undo each other's work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from digits.errors import DigitsError


class FolderLock:
    """Holds a folder for one process. The system lets go of it however the process ends, also after a kill.

    Args:
        folder: that is held; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: BinaryIO | None = None

    def take(self) -> None:
        """Hold the folder from now on.

        Raises:
            DigitsError: if another process has it, or it cannot be written.
        """
        if self._file is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / "in-use.lock").open("ab")
        except OSError as error:
            raise DigitsError(f"{self.folder} cannot be written: {error.strerror}.") from error
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            file.close()
            raise DigitsError(
                f"another studio has its training runs in {self.folder}; use that one, or end it, or set DIGITS_STUDIO"
                " to another folder for this one."
            ) from None
        self._file = file

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: BinaryIO) -> None:
    """Raises ``BlockingIOError``, on Windows ``PermissionError``, where somebody else has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
