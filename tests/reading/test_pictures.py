from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from digits.errors import DigitsError
from digits.reading import open_picture

GREY = (np.add.outer(np.arange(30), np.arange(40)) * 3).astype(np.uint8)


def encoded(file_format: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture or Image.fromarray(GREY)).save(buffer, file_format, **options)
    return buffer.getvalue()


SEEDS = [encoded(name) for name in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")]


@pytest.mark.parametrize("data", SEEDS, ids=lambda data: repr(data[:4]))
def test_each_format_is_read_whatever_the_file_is_called(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(data)
    assert np.abs(open_picture(path).astype(int) - GREY).mean() < 6  # JPEG, WebP and GIF lose a little


def test_a_photo_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90°
    path = tmp_path / "turned.png"
    path.write_bytes(encoded("PNG", exif=exif))
    assert np.array_equal(open_picture(path), np.rot90(GREY, -1))


def test_transparent_is_white_paper(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (5, 5, 10, 10))
    picture.save(tmp_path / "drawn.png")
    grey = open_picture(tmp_path / "drawn.png")
    assert grey[0, 0] == 255
    assert grey[7, 7] == 0


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    grey = open_picture(tmp_path / "deep.png").astype(int)
    assert np.abs(grey - GREY * (255 / GREY.max())).max() <= 1


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.data())
def test_a_mutated_picture_is_read_or_refused_in_a_sentence(tmp_path: Path, seed: bytes, data: st.DataObject) -> None:
    mutated = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 5))):
        mutated[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated"
    path.write_bytes(mutated[: data.draw(st.integers(0, len(seed)))])
    try:
        picture = open_picture(path)
    except DigitsError as error:
        assert str(error).endswith(".")
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 2


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_picture_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "noise"
    path.write_bytes(data)
    with pytest.raises(DigitsError):
        open_picture(path)
