"""Writing a file whole or not at all: whatever goes wrong, the old file is still there."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from digits.errors import DigitsError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to write; it takes its place only when the ``with`` block ends well.

        with atomic_write("model.pkl") as file:
            file.write(data)

    The bytes go to ``.digits-….tmp`` in the same folder, are forced to the disk, and that file is renamed. So
    a reader at any moment, and everybody after a kill, finds the old file or the new one, whole. A link stays
    a link: the file it points to is replaced. The old file's permissions stay; a new file's follow the umask.

    Args:
        path: the file to make or to replace. Folders that are missing are made, and removed if the file is not.

    Yields:
        A binary file, open for writing.

    Raises:
        DigitsError: if it cannot be written: no permission, not a file, a full disk.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".digits-{secrets.token_hex(8)}.tmp")
    missing: list[Path] = []
    old_mode = None
    try:
        old_mode = _mode(target)
        missing = [folder for folder in target.parents if not folder.exists()]  # the innermost first
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if old_mode is not None:
            temporary.chmod(old_mode)
        temporary.replace(target)
    except OSError as error:
        unchanged = " The old file is unchanged." if old_mode is not None else ""
        raise DigitsError(f"cannot write {path}: {error.strerror or error}.{unchanged}") from error
    finally:
        with suppress(OSError):  # it is there only if something went wrong
            temporary.unlink()
        with suppress(OSError):  # which a folder with anything in it raises
            for folder in missing:
                folder.rmdir()


class _Rehearsed(Exception):
    pass


def require_writable(path: str | Path) -> None:
    """Fail before the work rather than after it: rehearse writing the file, all but the renaming.

    Raises:
        DigitsError: as ``atomic_write`` would.
    """
    with suppress(_Rehearsed), atomic_write(path):
        raise _Rehearsed


def _mode(target: Path) -> int | None:
    """The permissions of the file that is there already; None if there is none.

    Raises:
        OSError: if what is there is no file, or write-protected: to rename over it would not ask.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is a folder" if stat.S_ISDIR(mode) else "it is not an ordinary file")
    if not os.access(target, os.W_OK):
        raise PermissionError(0, "it is write-protected")
    return stat.S_IMODE(mode)
