"""CSV files of images: one a row, the label first where there is one, then 784 pixels from 0 to 255.

A file is read a block of whole lines at a time. Polars parses a block in one go, strictly. Where it refuses, or
what it found is not plainly right, the block is read again line by line: that is slow, but it knows which cell is
wrong, and it accepts what is only unusual (a blank line, a space before a comma).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from io import BufferedIOBase
from typing import BinaryIO

import numpy as np

from digits.activations import Array
from digits.data_preprocessing import CLASSES, SIDE
from digits.datasets import input_files
from digits.datasets.cache import Arrays
from digits.datasets.dataset import Dataset
from digits.errors import DigitsError

PIXELS = SIDE * SIDE
BLOCK = 16 * 2**20  # bytes parsed at once: about 9,000 rows; more is no faster and takes more memory
LONGEST_LINE = 2**20  # bytes; 785 numbers take about 3,000
FIRST_ROWS = 65_536  # room for MNIST; more is made as it is needed
WRITTEN_ROWS = 8192  # rows written at once

WHOLE_NUMBER = re.compile(r"""(?P<quote>"?)\+?0*(?P<digits>[0-9]{1,3})(?P=quote)""")


def read_csv(content: BufferedIOBase, source: str) -> Arrays:
    """Read a CSV file, with a header or without one, of 785 columns or, without labels, of 784.

    Args:
        content: the file, decompressed.
        source: its name, for messages.

    Returns:
        Images ``(n, 28, 28) uint8`` and labels ``(n,) uint8``, or None where there are no labels.

    Raises:
        DigitsError: names the first row and column that is wrong.
    """
    pixels = np.empty((FIRST_ROWS, PIXELS), np.uint8)
    labels = []
    count = 0
    for table in _tables(content, source):
        start, count = count, count + len(table)
        if count > len(pixels):  # grown in place: the operating system moves pages, it does not copy them
            pixels.resize((max(count, len(pixels) * 5 // 4), PIXELS), refcheck=False)
        pixels[start:count] = table[:, -PIXELS:]
        labels.append(table[:, :-PIXELS].copy())  # (rows, 1), or (rows, 0) where there are none
    if not count:
        raise DigitsError(f"{source} holds no images, only a header; give a file that does.")
    pixels.resize((count, PIXELS), refcheck=False)
    label_columns = np.concatenate(labels)
    return pixels.reshape(-1, SIDE, SIDE), label_columns[:, 0] if label_columns.size else None


def write_csv(dataset: Dataset, file: BinaryIO) -> None:
    """Write a dataset as Kaggle does: a header, then a row an image; without labels only the pixels."""
    import polars as pl

    names = [*["label"] * dataset.has_labels, *(f"pixel{pixel}" for pixel in range(PIXELS))]
    file.write((",".join(names) + "\n").encode())
    for start in range(0, len(dataset), WRITTEN_ROWS):
        rows = slice(start, start + WRITTEN_ROWS)
        table = dataset.images[rows].reshape(-1, PIXELS)
        if dataset.has_labels:
            table = np.column_stack([dataset.labels[rows], table])
        pl.from_numpy(table, schema=names).write_csv(file, include_header=False)


def _tables(content: BufferedIOBase, source: str) -> Iterator[Array]:
    """The rows of a file, ``(rows, columns) uint8``, a block at a time, the header left out."""
    if content.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        content.seek(0)
    row = 1  # the number of the line that the next block begins with
    columns = 0
    for block in _blocks(content, source):
        text = block.rstrip(b"\r\n")  # a blank line at the end is usual enough
        if not columns and text:
            columns, first_row, text = _begin(text, row, source)
        else:
            first_row = row
        if text:
            table = _parse_strictly(text, columns)
            yield _parse_patiently(text, columns, first_row, source) if table is None else table
        row += block.count(b"\n")
    if not columns:
        raise DigitsError(f"{source} is empty; give a file that holds images.")


def _blocks(content: BufferedIOBase, source: str) -> Iterator[bytes]:
    """Whole lines, about ``BLOCK`` bytes at a time."""
    size = 0
    while text := content.read(BLOCK):
        rest_of_line = content.readline(LONGEST_LINE)
        if len(rest_of_line) == LONGEST_LINE:
            raise DigitsError(f"{source} has a line of over {LONGEST_LINE:,} bytes; give a CSV file, an image a row.")
        text += rest_of_line
        size += len(text)
        if size > input_files.MAX_BYTES:
            raise DigitsError(f"{source} holds more than {input_files.MAX_BYTES:,} bytes of text; split it.")
        yield text


def _begin(text: bytes, row: int, source: str) -> tuple[int, int, bytes]:
    """Look at the first line that is not blank; ``row`` is the number of the text's first line.

    Returns:
        The number of columns, the number of the first line after blank ones and a header, and the text from there.
    """
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DigitsError(f"{source} is UTF-16 text; save it as UTF-8.")
    if b"\0" in text:
        raise DigitsError(f"{source} is neither a CSV nor an IDX file; give one of them.")
    data = text.lstrip(b"\r\n")
    row += text.count(b"\n", 0, len(text) - len(data))
    first, _, rest = data.partition(b"\n")
    cells = _cells(first, f"{source}, row {row}")
    columns = len(cells)
    if columns not in (PIXELS, PIXELS + 1):
        raise DigitsError(
            f"{source}, row {row} has {columns} column{'s' * (columns > 1)}; it needs {PIXELS + 1} with commas"
            f" between, a label and {PIXELS} pixels, or only the {PIXELS} pixels."
        )
    return (columns, row + 1, rest) if _is_header(cells) else (columns, row, data)


def _is_header(cells: list[str]) -> bool:
    """Whether most cells hold something, but no value: names, or column numbers; not a row with a fault."""
    values = [_value(cell) for cell in cells]
    names = [cell for cell, value in zip(cells, values, strict=True) if cell.strip() and value is None]
    return len(names) > len(cells) / 2


def _parse_strictly(text: bytes, columns: int) -> Array | None:
    """Parse whole lines with Polars: ``(rows, columns) uint8``; None if anything about them is unusual."""
    import polars as pl

    if text.count(b'"') % 2:  # a quote that is not closed, on which Polars may panic
        return None
    schema = {f"column {column}": pl.UInt8 for column in range(1, columns + 1)}
    try:
        frame = pl.read_csv(text + b"\n", has_header=False, schema=schema)  # without, it overlooks a comma too many
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if frame.height != text.count(b"\n") + 1 or any(frame.null_count().row(0)):
        return None  # a line break between quotes; missing cells, among them those of short and of blank lines
    table = frame.to_numpy()
    return None if columns > PIXELS and table[:, 0].max() >= CLASSES else table


def _parse_patiently(text: bytes, columns: int, first_row: int, source: str) -> Array:
    """Parse line by line: ``(rows, columns) uint8``.

    Raises:
        DigitsError: at the first thing that is wrong.
    """
    table = bytearray()
    for row, line in enumerate(text.split(b"\n"), first_row):
        if line.strip():
            table += _parse_row(line, columns, f"{source}, row {row}")
    return np.frombuffer(table, np.uint8).reshape(-1, columns)


def _parse_row(line: bytes, columns: int, where: str) -> bytearray:
    cells = _cells(line, where)
    if len(cells) != columns:
        raise DigitsError(f"{where} has {len(cells)} columns, but the first row has {columns}; correct or remove it.")
    values = bytearray()
    for column, cell in enumerate(cells, start=1):
        value = _value(cell)
        if value is None:
            raise DigitsError(f"{where}, column {column}: {_fault(cell)}; correct it or remove the row.")
        values.append(value)
    if columns > PIXELS and values[0] >= CLASSES:
        raise DigitsError(f"{where}, column 1: the label {values[0]} is not a digit from 0 to 9; correct it.")
    return values


def _cells(line: bytes, where: str) -> list[str]:
    try:
        return line.decode().split(",")
    except UnicodeDecodeError as error:
        raise DigitsError(f"{where} is not UTF-8 text; save the file as UTF-8.") from error


def _value(cell: str) -> int | None:
    """The number from 0 to 255 that a cell holds, quoted or not; None if it holds something else."""
    match = WHOLE_NUMBER.fullmatch(cell.strip())
    value = int(match["digits"]) if match else 256
    return value if value < 256 else None


def _fault(cell: str) -> str:
    shown = "".join(character if character.isprintable() else "�" for character in cell.strip()[:20])
    return f'"{shown}" is not a whole number from 0 to 255' if shown.strip('"') else "the value is missing"
