from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageGrab

from digits.errors import DigitsError
from digits.reading import open_picture, pictures
from digits.reading.pictures import from_clipboard, open_pictures

COLOURS = np.stack(
    [
        np.add.outer(np.arange(30) * 3, np.arange(40) * 3),
        np.add.outer(np.arange(30) * 0, np.arange(40) * 5),
        np.add.outer(np.arange(30)[::-1] * 6, np.arange(40) * 2),
    ],
    axis=-1,
).astype(np.uint8)
GREY = COLOURS[..., 0]


def encoded(file_format: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture or Image.fromarray(COLOURS)).save(buffer, file_format, **options)
    return buffer.getvalue()


SEEDS = [encoded(name) for name in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")]
PDF = encoded("PDF", resolution=72)


@pytest.mark.parametrize("data", SEEDS, ids=lambda data: repr(data[:4]))
def test_each_format_is_read_in_colour_whatever_the_file_is_called(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(data)
    picture = open_picture(path)
    assert picture.shape == (30, 40, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - COLOURS).mean() < 8  # JPEG, WebP and GIF lose a little


def test_png_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "exact.png").write_bytes(encoded("PNG"))
    assert np.array_equal(open_picture(tmp_path / "exact.png"), COLOURS)


def test_shades_of_grey_are_three_equal_colours(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(encoded("PNG", Image.fromarray(GREY)))
    assert np.array_equal(open_picture(tmp_path / "grey.png"), np.repeat(GREY[..., np.newaxis], 3, axis=2))


def test_a_photo_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90°
    path = tmp_path / "turned.png"
    path.write_bytes(encoded("PNG", exif=exif))
    assert np.array_equal(open_picture(path), np.rot90(COLOURS, -1))


def test_transparent_is_white_paper_under_black_strokes(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (5, 5, 10, 10))
    picture.save(tmp_path / "drawn.png")
    drawn = open_picture(tmp_path / "drawn.png")
    assert drawn[0, 0].tolist() == [255, 255, 255]
    assert drawn[7, 7].tolist() == [0, 0, 0]


def test_transparent_is_black_paper_under_white_strokes(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (5, 5, 10, 10))
    picture.save(tmp_path / "drawn.png")
    drawn = open_picture(tmp_path / "drawn.png")
    assert drawn[0, 0].tolist() == [0, 0, 0]
    assert drawn[7, 7].tolist() == [255, 255, 255]


def test_what_is_all_transparent_is_one_colour(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (30, 60, 90, 0)).save(tmp_path / "nothing.png")
    assert np.ptp(open_picture(tmp_path / "nothing.png")) == 0


def test_transparent_shades_of_grey_become_paper(tmp_path: Path) -> None:
    picture = Image.new("LA", (20, 20), (0, 0))
    picture.paste((0, 255), (5, 5, 10, 10))
    picture.save(tmp_path / "drawn.png")
    drawn = open_picture(tmp_path / "drawn.png")
    assert drawn[0, 0].tolist() == [255, 255, 255]
    assert drawn[7, 7].tolist() == [0, 0, 0]


def test_a_transparent_colour_of_a_palette_becomes_paper(tmp_path: Path) -> None:
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.paste(0, (5, 5, 10, 10))
    picture.save(tmp_path / "drawn.png", transparency=1)
    drawn = open_picture(tmp_path / "drawn.png")
    assert drawn[0, 0].tolist() == [255, 255, 255]
    assert drawn[7, 7].tolist() == [0, 0, 0]


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    picture = Image.frombytes("P", (40, 30), (GREY > 100).astype(np.uint8).tobytes())
    picture.putpalette([200, 10, 20, 30, 40, 250])
    picture.save(tmp_path / "palette.png")
    expected = np.where((GREY > 100)[..., np.newaxis], (30, 40, 250), (200, 10, 20))
    assert np.array_equal(open_picture(tmp_path / "palette.png"), expected)


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_printers_colours_become_screen_colours(tmp_path: Path, file_format: str) -> None:
    (tmp_path / "print").write_bytes(encoded(file_format, Image.new("CMYK", (20, 20), (0, 255, 255, 0))))
    red, green, blue = open_picture(tmp_path / "print")[10, 10].tolist()
    assert red > 230
    assert max(green, blue) < 60


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(GREY > 100).save(tmp_path / "fax.tif", compression="group4")
    assert np.array_equal(open_picture(tmp_path / "fax.tif")[..., 1] == 255, GREY > 100)


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    deep = open_picture(tmp_path / "deep.png").astype(int)
    assert deep.shape == (30, 40, 3)
    assert np.abs(deep - GREY[..., np.newaxis] * (255 / GREY.max())).max() <= 1


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert open_picture(tmp_path / "moving.gif")[4, 4].tolist() == [255, 0, 0]


# -- limits ------------------------------------------------------------------------------------------------------


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 30 * 40 - 1)
    (tmp_path / "large.png").write_bytes(encoded("PNG"))
    with pytest.raises(DigitsError, match="scale it down"):
        open_picture(tmp_path / "large.png")
    monkeypatch.setattr(pictures, "MAX_PIXELS", 30 * 40)
    assert open_picture(tmp_path / "large.png").shape == (30, 40, 3)


def test_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    (tmp_path / "large.png").write_bytes(encoded("PNG"))
    with pytest.raises(DigitsError, match="scale it down"):
        open_picture(tmp_path / "large.png")


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DigitsError, match="is a folder"):
        open_picture(tmp_path)
    with pytest.raises(DigitsError, match="there is no file"):
        open_picture(tmp_path / "missing.png")


# -- PDF ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_one_page() -> None:
    (page,) = open_pictures("a name", encoded("PNG"))
    assert np.array_equal(page, COLOURS)


def test_each_page_of_a_pdf_is_a_picture_of_two_hundred_dots_an_inch() -> None:
    pytest.importorskip("pypdfium2")
    pages = [Image.new("RGB", (72, 36), colour) for colour in ("red", "blue", "white")]
    found = open_pictures("form", encoded("PDF", pages[0], resolution=72, save_all=True, append_images=pages[1:]))
    assert [page.shape for page in found] == 3 * [(100, 200, 3)]
    middles = np.array([page[50, 100] for page in found]).astype(int)
    assert np.abs(middles - [(255, 0, 0), (0, 0, 255), (255, 255, 255)]).max() <= 3  # it has JPEGs in it


def test_only_as_many_pages_are_drawn_as_are_asked_for() -> None:
    pytest.importorskip("pypdfium2")
    pages = [Image.new("L", (100, 50), shade) for shade in (0, 255)]
    (first,) = open_pictures("form.pdf", encoded("PDF", pages[0], save_all=True, append_images=pages[1:]), pages=1)
    assert first.max() < 10


def test_a_pdf_is_known_by_its_content(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    (tmp_path / "form.png").write_bytes(PDF)
    assert len(open_pictures(tmp_path / "form.png")) == 1


def test_a_pdf_with_too_many_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pictures, "MAX_PAGES", 2)
    pages = 3 * [Image.new("L", (10, 10))]
    with pytest.raises(DigitsError, match="has 3 pages; at most 2"):
        open_pictures("form.pdf", encoded("PDF", pages[0], save_all=True, append_images=pages[1:]))


def test_a_page_as_large_as_a_wall_is_rendered_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100_000)
    (page,) = open_pictures("poster.pdf", encoded("PDF", Image.new("L", (400, 200)), resolution=72))
    assert page.shape[0] * page.shape[1] == pytest.approx(10_000, rel=0.05)
    assert page.shape[1] == pytest.approx(2 * page.shape[0], abs=2)


# -- the clipboard -----------------------------------------------------------------------------------------------


def test_the_clipboard_gives_its_picture_or_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: Image.fromarray(COLOURS))
    assert np.array_equal(from_clipboard(), COLOURS)
    for nothing in (None, ["a/file.txt"]):
        monkeypatch.setattr(ImageGrab, "grabclipboard", lambda nothing=nothing: nothing)
        with pytest.raises(DigitsError, match="no picture on the clipboard"):
            from_clipboard()

    def fails() -> None:
        raise NotImplementedError("wl-paste or xclip is required")

    monkeypatch.setattr(ImageGrab, "grabclipboard", fails)
    with pytest.raises(DigitsError, match="xclip is required"):
        from_clipboard()


# -- damaged files -----------------------------------------------------------------------------------------------


def mutated(seed: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 5))):
        changed[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed[: data.draw(st.integers(0, len(seed)))])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.data())
def test_a_mutated_picture_is_read_or_refused_in_a_sentence(tmp_path: Path, seed: bytes, data: st.DataObject) -> None:
    path = tmp_path / "mutated"
    path.write_bytes(mutated(seed, data))
    try:
        picture = open_picture(path)
    except DigitsError as error:
        assert str(error).endswith(".")
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_mutated_pdf_is_read_or_refused_in_a_sentence(data: st.DataObject) -> None:
    pytest.importorskip("pypdfium2")
    try:
        found = open_pictures("form.pdf", mutated(PDF, data))
    except DigitsError as error:
        assert str(error).endswith(".")
    else:
        assert all(page.dtype == np.uint8 and page.shape[2:] == (3,) for page in found)


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_picture_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "noise"
    path.write_bytes(data)
    with pytest.raises(DigitsError):
        open_picture(path)
