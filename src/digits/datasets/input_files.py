"""Opening a user's file, plain or gzip: whatever goes wrong becomes one sentence."""

from __future__ import annotations

import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from digits.errors import DigitsError

MAX_BYTES = 4 * 2**30  # after decompression, so that a gzip bomb ends in words: two million images as CSV, five as IDX
GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_content(path: Path) -> Iterator[BufferedIOBase]:
    """Open a file to read what it holds; gzip, which the first two bytes tell, not the name, is decompressed.

    Yields:
        A binary file; ``seek(0)`` works.

    Raises:
        DigitsError: if the file cannot be opened; and, out of the ``with`` block, if it cannot be read on.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DigitsError(f"{path} is a folder; name a file in it.")
        if not stat.S_ISREG(mode):  # a pipe can be read only once, a device for ever
            raise DigitsError(f"{path} is not an ordinary file; save the data to one first.")
        with path.open("rb") as file:
            compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            if not compressed:
                yield file
                return
            with gzip.GzipFile(fileobj=file, mode="rb") as content:
                yield content
    except FileNotFoundError as error:
        raise DigitsError(f"{path} does not exist; check the name and the folder.") from error
    except PermissionError as error:
        raise DigitsError(f"{path} may not be read by you; change its permissions.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DigitsError(f"{path} is a damaged gzip file; download or compress it again.") from error
    except OSError as error:
        raise DigitsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise DigitsError(f"{path} does not fit into the memory of this machine; split it.") from error
