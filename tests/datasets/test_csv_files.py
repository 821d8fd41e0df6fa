from __future__ import annotations

import codecs
import gzip
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from digits.datasets import Dataset, csv_files, input_files, load_test, load_train
from digits.datasets.csv_files import _parse_patiently, _parse_strictly, read_csv, write_csv
from digits.errors import DigitsError

PIXELS = 784


def rows_of(dataset: Dataset) -> list[list[str]]:
    """The cells of a dataset as CSV, without a header."""
    pixels = dataset.images.reshape(-1, PIXELS).tolist()
    if dataset.has_labels:
        pixels = [[label, *row] for label, row in zip(dataset.labels.tolist(), pixels, strict=True)]
    return [[str(value) for value in row] for row in pixels]


def text_of(rows: list[list[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)


def read(text: str | bytes) -> Dataset:
    content = text.encode() if isinstance(text, str) else text
    return Dataset(*read_csv(BytesIO(content), "x.csv"), source="x.csv")


def error_of(text: str | bytes) -> str:
    with pytest.raises(DigitsError) as error:
        read(text)
    return str(error.value)


HEADERS = {
    "none": "",
    "Kaggle's": ",".join(["label", *(f"pixel{i}" for i in range(PIXELS))]) + "\n",
    "by row and column": ",".join(["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))]) + "\n",
    "numbers": ",".join(["label", *map(str, range(PIXELS))]) + "\n",
    "pandas' default": ",".join(map(str, range(PIXELS + 1))) + "\n",
    "quoted": ",".join(['"label"', *(f'"pixel{i}"' for i in range(PIXELS))]) + "\r\n",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_may_be_there_or_not(few: Dataset, header: str) -> None:
    assert read(header + text_of(rows_of(few))).fingerprint == few.fingerprint


VARIANTS = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no line break at the end": lambda text: text.removesuffix("\n"),
    "a blank line at the end": lambda text: text + "\n",
    "blank lines with CRLF at the end": lambda text: text.replace("\n", "\r\n") + "\r\n\r\n",
    "a blank line at the beginning": lambda text: "\n" + text,
    "a blank line in between": lambda text: text.replace("\n", "\n\n", 1),
    "a line of spaces in between": lambda text: text.replace("\n", "\n   \n", 1),
    "quoted numbers": lambda text: re.sub("([0-9]+)", r'"\1"', text),
    "spaces after commas": lambda text: text.replace(",", ", "),
    "spaces before commas": lambda text: text.replace(",", " ,"),
    "leading zeros": lambda text: re.sub("([0-9]+)", r"00\1", text),
    "a byte-order mark": lambda text: "\ufeff" + text,
    "a byte-order mark and quotes": lambda text: "\ufeff" + re.sub("([0-9]+)", r'"\1"', text),
}


@pytest.mark.parametrize("vary", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("header", ["none", "Kaggle's"])
def test_the_same_numbers_written_otherwise_are_the_same_images(few: Dataset, vary: object, header: str) -> None:
    text = vary(text_of(rows_of(few)))  # type: ignore[operator]
    if header != "none":
        text = HEADERS[header].replace("\n", "\r\n" if "\r" in text else "\n") + text.replace("\ufeff", "")
    assert read(text).fingerprint == few.fingerprint


def test_without_a_label_column_there_are_no_labels(few: Dataset) -> None:
    unlabelled = Dataset(few.images)
    header = HEADERS["Kaggle's"].removeprefix("label,")
    for start in ("", header):
        dataset = read(start + text_of(rows_of(unlabelled)))
        assert not dataset.has_labels
        assert np.array_equal(dataset.images, few.images)


@pytest.mark.parametrize("labelled", [True, False])
def test_what_was_written_is_read(few: Dataset, labelled: bool) -> None:
    dataset = few if labelled else Dataset(few.images)
    file = BytesIO()
    write_csv(dataset, file)
    assert read(file.getvalue()).fingerprint == dataset.fingerprint
    header = HEADERS["Kaggle's"] if labelled else HEADERS["Kaggle's"].removeprefix("label,")
    assert file.getvalue().decode() == header + text_of(rows_of(dataset))  # Kaggle's very format


@pytest.mark.parametrize("block", [1, 3000, 10_000])
@pytest.mark.parametrize("first_rows", [1, 5])
def test_blocks_and_growth_change_nothing(
    few: Dataset, monkeypatch: pytest.MonkeyPatch, block: int, first_rows: int
) -> None:
    monkeypatch.setattr(csv_files, "BLOCK", block)
    monkeypatch.setattr(csv_files, "FIRST_ROWS", first_rows)
    text = HEADERS["Kaggle's"] + text_of(rows_of(few))
    for variant in (text, text.replace("\n", "\r\n"), text.removesuffix("\n"), text.replace("\n", "\n\n")):
        assert read(variant).fingerprint == few.fingerprint


BAD_CELLS = {
    "abc": '"abc" is not a whole number from 0 to 255',
    "256": '"256" is not a whole number from 0 to 255',
    "-1": '"-1" is not a whole number from 0 to 255',
    "1.5": '"1.5" is not a whole number from 0 to 255',
    "1e2": '"1e2" is not a whole number from 0 to 255',
    "9" * 5000: f'"{"9" * 20}" is not a whole number from 0 to 255',
    "٣": '"٣" is not a whole number from 0 to 255',
    "1\x07": '"1�" is not a whole number from 0 to 255',
    '"7': '""7" is not a whole number from 0 to 255',
    "": "the value is missing",
    "  ": "the value is missing",
    '""': "the value is missing",
}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_an_error_names_row_and_column_as_an_editor_shows_them(few: Dataset, data: st.DataObject) -> None:
    rows = rows_of(few)
    row = data.draw(st.integers(0, len(rows) - 1), "row")
    column = data.draw(st.integers(0, PIXELS), "column")
    cell = data.draw(st.sampled_from(sorted(BAD_CELLS)), "cell")
    header = data.draw(st.booleans(), "header")
    blank = data.draw(st.integers(0, 3), "blank lines at the beginning")
    rows[row][column] = cell
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "BLOCK", data.draw(st.integers(1, 20_000), "block"))
        message = error_of("\n" * blank + HEADERS["Kaggle's"] * header + text_of(rows))
    where = f"x.csv, row {1 + row + header + blank}, column {column + 1}: "
    assert message == f"{where}{BAD_CELLS[cell]}; correct it or remove the row."


def test_a_label_is_a_digit(few: Dataset) -> None:
    rows = rows_of(few)
    rows[4][0] = "10"
    assert error_of(text_of(rows)) == "x.csv, row 5, column 1: the label 10 is not a digit from 0 to 9; correct it."


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("row", [1, 2, 12])
@pytest.mark.parametrize("change", [-300, -1, 1, 2])
def test_every_row_has_as_many_columns_as_the_first(few: Dataset, labelled: bool, row: int, change: int) -> None:
    columns = PIXELS + labelled
    rows = rows_of(few if labelled else Dataset(few.images))
    rows[row - 1] = (rows[row - 1] + ["0", "0"])[: columns + change]
    header = HEADERS["Kaggle's"] if labelled else HEADERS["Kaggle's"].removeprefix("label,")
    message = f"row {row + 1} has {columns + change} columns, but the first row has {columns}; correct or remove it."
    assert error_of(header + text_of(rows)) == f"x.csv, {message}"


@pytest.mark.parametrize("columns", [1, 2, 783, 786])
@pytest.mark.parametrize("cell", ["0", "name"])
def test_the_first_row_says_how_many_columns_there_are(columns: int, cell: str) -> None:
    message = error_of(",".join([cell] * columns) + "\n")
    assert message.startswith(
        f"x.csv, row 1 has {columns} column{'s' if columns > 1 else ''}; it needs 785 with commas"
    )


def test_semicolons_are_no_commas(few: Dataset) -> None:
    assert "row 1 has 1 column; it needs 785 with commas between" in error_of(text_of(rows_of(few)).replace(",", ";"))


def test_a_row_with_a_fault_is_not_taken_for_a_header(few: Dataset) -> None:
    rows = rows_of(few)
    rows[0][0] = "seven"
    assert "row 1, column 1" in error_of(text_of(rows))
    rows[0] = [""] * 785
    assert "row 1, column 1: the value is missing" in error_of(text_of(rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv is empty"),
        (b"\n\r\n\n", "x.csv is empty"),
        (b"\xef\xbb\xbf", "x.csv is empty"),
        (HEADERS["Kaggle's"].encode(), "x.csv holds no images, only a header"),
        (HEADERS["Kaggle's"].encode() + b"\n\n", "x.csv holds no images, only a header"),
        ("label,\u00e9".encode("latin-1"), "x.csv, row 1 is not UTF-8 text; save the file as UTF-8"),
        ("label,pixel0\n".encode("utf-16"), "x.csv is UTF-16 text; save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "x.csv is neither a CSV nor an IDX file"),
        (b"0," * 2_000_000, "x.csv, row 1 has"),
        (b"0," * 20_000_000, "x.csv has a line of over 1,048,576 bytes"),
    ],
)
def test_what_is_no_csv_file_is_refused_in_a_sentence(content: bytes, message: str) -> None:
    assert error_of(content).startswith(message)


@pytest.mark.parametrize("cell", ['"', '""', '"7', '7"', '"7""', '"7,8"'])
@pytest.mark.parametrize("column", [0, 400, 784])
@pytest.mark.parametrize("others", [False, True])
def test_quotes_that_do_not_close(few: Dataset, cell: str, column: int, others: bool) -> None:
    rows = rows_of(few)
    rows[7][3] = '"' * others + rows[7][3]
    rows[11][column] = cell
    message = error_of(text_of(rows).removesuffix("\n"))
    assert re.match(r"x\.csv, row 8, column 4: " if others else r"x\.csv, row 12(, column| has 786 columns)", message)


def test_invalid_utf8_in_a_row(few: Dataset) -> None:
    lines = text_of(rows_of(few)).encode().split(b"\n")
    lines[6] = b"\xff" + lines[6]
    assert error_of(b"\n".join(lines)) == "x.csv, row 7 is not UTF-8 text; save the file as UTF-8."


def test_no_more_is_read_than_fits(few: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(rows_of(few))
    monkeypatch.setattr(csv_files, "BLOCK", 1000)
    monkeypatch.setattr(input_files, "MAX_BYTES", len(text))
    assert len(read(text)) == 12
    monkeypatch.setattr(input_files, "MAX_BYTES", len(text) - 1)
    assert f"more than {len(text) - 1:,} bytes of text" in error_of(text)


def test_a_gzip_bomb_of_rows_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MAX_BYTES", 2**20)
    monkeypatch.setattr(csv_files, "BLOCK", 2**16)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress((",".join(["0"] * 785) + "\n").encode() * 20_000))
    with pytest.raises(DigitsError, match="more than 1,048,576 bytes"):
        load_train(path)


MUTATIONS = [b"", b",", b"\n", b"\r", b'"', b" ", b"-", b".", b"0", b"9", b"99", b"x", b"\0", b"\xff", b"\xef\xbb\xbf"]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Two rows of 785 small numbers, with or without header, of which a few bytes were replaced."""
    row = [str(draw(st.integers(0, 9))), *["0"] * 200, *["37"] * 200, *["255"] * 384]
    content = (HEADERS["Kaggle's"] * draw(st.booleans()) + text_of([row, row])).encode()
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(content)))
        replaced = draw(st.sampled_from([0, 1, 2, 1000]))
        content = content[:position] + draw(st.sampled_from(MUTATIONS)) + content[position + replaced :]
    return content


@settings(deadline=None, max_examples=300)
@given(mutated() | st.binary(max_size=200) | st.text(alphabet=',\n\r"0123x \0', max_size=200).map(str.encode))
def test_any_bytes_are_a_dataset_or_an_error(content: bytes) -> None:
    try:
        dataset = read(content)
    except DigitsError:
        return
    assert 1 <= len(dataset) <= content.count(b"\n") + 1


@settings(deadline=None, max_examples=300)
@given(mutated())
def test_what_the_fast_way_accepts_the_patient_one_reads_alike(content: bytes) -> None:
    text = content.removeprefix(HEADERS["Kaggle's"].encode()).rstrip(b"\r\n")
    assume(text and not text.startswith(codecs.BOM_UTF8))  # which Polars passes over, and read_csv takes away
    fast = _parse_strictly(text, 785)
    if fast is not None:
        assert np.array_equal(fast, _parse_patiently(text, 785, 1, "x.csv"))


def test_mnist_survives_the_journey(mnist: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    _, test_set = mnist
    with gzip.open(tmp_path / "test.csv.gz", "wb", compresslevel=1) as file:
        write_csv(test_set, file)  # type: ignore[arg-type]
    assert load_test(tmp_path / "test.csv.gz").fingerprint == test_set.fingerprint


MEASURE_PEAK = """
import re, sys
from digits.datasets import load_train
count = len(load_train(sys.argv[1]))
with open("/proc/self/status") as status:
    print(count, re.search("VmHWM:[^0-9]*([0-9]+) kB", status.read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told otherwise elsewhere")
def test_a_large_file_takes_little_more_memory_than_its_images(
    mnist: tuple[Dataset, Dataset], tmp_path: Path, empty_cache: Path
) -> None:
    file = BytesIO()
    write_csv(mnist[1], file)
    rows = file.getvalue().split(b"\n", 1)[1]
    path = tmp_path / "large.csv"
    with path.open("wb") as large:
        for _ in range(20):
            large.write(rows)
    result = subprocess.run([sys.executable, "-c", MEASURE_PEAK, path], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, result.stdout.split())
    assert count == 200_000
    assert kilobytes * 1024 < 1.25 * count * PIXELS + 300e6
