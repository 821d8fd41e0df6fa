"""Picture files → arrays of colours, whatever is in the file."""

from __future__ import annotations

import io
import warnings
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digits.errors import DigitsError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # the decoders that start no other program
MAX_PIXELS = 100_000_000
MAX_BYTES = 200_000_000
MAX_PAGES = 50  # of a PDF
PDF_SCALE = 200 / 72  # dots an inch, by the points that PDF counts in


def open_pictures(path: str | Path, data: bytes | None = None, pages: int = MAX_PAGES) -> list[NDArray[np.uint8]]:
    """Read a picture file, or the pages of a PDF.

    Args:
        path: a file of one of ``FORMATS``, a PDF, or HEIC where pillow-heif is installed.
        data: what is in the file, where it has been read already; ``path`` is then only its name.
        pages: how many of a PDF's are drawn; the others cost neither time nor memory.

    Returns:
        ``(height, width, 3) uint8`` for each page: red, green, blue.

    Raises:
        DigitsError: as from ``open_picture``; or the PDF is damaged, locked, or has over 50 pages.
    """
    data = _read(Path(path)) if data is None else data
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return _pdf_pages(data, path, pages)
    return [_open(data, path)]


def open_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture file.

    Turned as its EXIF orientation says; what is transparent becomes paper, white unless what is drawn is white; of an
    animation, the first frame.

    Args:
        path: a PNG, JPEG, WebP, TIFF, BMP, GIF or PPM file; HEIC where pillow-heif is installed.

    Returns:
        ``(height, width, 3) uint8``: red, green, blue.

    Raises:
        DigitsError: if the file cannot be read, is no picture, is damaged, or has over 100 million pixels.
    """
    return _open(_read(Path(path)), path)


def from_clipboard() -> NDArray[np.uint8]:
    """The picture that was copied last, on a desktop that has a clipboard.

    Raises:
        DigitsError: if there is none.
    """
    from PIL import Image, ImageGrab

    try:
        found = ImageGrab.grabclipboard()
    except (OSError, NotImplementedError) as error:
        raise DigitsError(f"the clipboard cannot be read here ({error}); save the picture to a file.") from error
    if not isinstance(found, Image.Image):
        raise DigitsError("there is no picture on the clipboard; copy one first.")
    return _to_colours(found)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DigitsError(f"{path} has over {MAX_BYTES // 10**6} MB; scale it down first.")
        return path.read_bytes()
    except IsADirectoryError:
        raise DigitsError(f"{path} is a folder; name a picture file.") from None
    except FileNotFoundError:
        raise DigitsError(f"there is no file {path}.") from None
    except PermissionError:
        raise DigitsError(f"{path} may not be read; change its permissions.") from None
    except OSError as error:
        raise DigitsError(f"{path} cannot be read: {error.strerror}.") from None


def _open(data: bytes, path: str | Path) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps, UnidentifiedImageError  # 30 ms: only when a picture is read

    too_large = f"{path} has over {MAX_PIXELS // 10**6} million pixels; scale it down first."
    formats = [*FORMATS, *(["HEIF"] if _register_heif() else [])]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and odd files; both are dealt with here
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise DigitsError(too_large)
                return _to_colours(ImageOps.exif_transpose(picture))
    except DigitsError:
        raise
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        raise DigitsError(f"{path} is no picture that can be read; use one of {kinds}.") from None
    except Image.DecompressionBombError:
        raise DigitsError(too_large) from None
    except Exception as error:  # noqa: BLE001  a damaged file makes Pillow's decoders raise whatever they stumble over
        raise DigitsError(f"{path} is damaged or cut short ({error}); save it again.") from None


def _register_heif() -> bool:
    """Teach Pillow HEIC, if pillow-heif is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _pdf_pages(data: bytes, path: str | Path, most: int) -> list[NDArray[np.uint8]]:
    try:
        import pypdfium2
    except ImportError as error:
        message = f'{path} is a PDF, which needs the library pypdfium2; type: pip install "digits[reading]".'
        raise DigitsError(message) from error
    try:
        with pypdfium2.PdfDocument(data) as document:
            if not 1 <= len(document) <= MAX_PAGES:
                raise DigitsError(f"{path} has {len(document)} pages; at most {MAX_PAGES} are read at once.")
            pages = []
            for page in islice(document, most):
                width, height = page.get_size()
                scale = min(PDF_SCALE, (MAX_PIXELS / 10 / max(1.0, width * height)) ** 0.5)
                pages.append(_to_colours(page.render(scale=scale).to_pil()))
            return pages
    except pypdfium2.PdfiumError as error:
        raise DigitsError(f"{path} is damaged or locked ({error}); save it again.") from None


def _to_colours(picture: Image.Image) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.mode.startswith(("I", "F")):  # 16 bits a pixel or more
        pixels: NDArray[Any] = np.asarray(picture, dtype=np.float32)
        grey = np.asarray(pixels * (255 / max(float(pixels.max(initial=0)), 1e-9)), dtype=np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=2)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        visible = np.asarray(picture.getchannel("A")) > 127
        shades = np.asarray(picture.convert("L"))[visible]
        white = shades.size > 0 and float(shades.mean()) > 200
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black" if white else "white"), picture)
    return np.asarray(picture.convert("RGB"))
