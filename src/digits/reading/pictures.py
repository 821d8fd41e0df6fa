"""Picture files → grey arrays, whatever is in the file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.errors import DigitsError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # the decoders that start no other program
MAX_PIXELS = 100_000_000


def open_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture file as shades of grey.

    Turned as its EXIF orientation says; what is transparent becomes white paper; of an animation, the first frame.

    Args:
        path: a PNG, JPEG, WebP, TIFF, BMP, GIF or PPM file.

    Returns:
        ``(height, width) uint8``, 0 black, 255 white.

    Raises:
        DigitsError: if the file cannot be read, is no picture, is damaged, or has over 100 million pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # 30 ms: only when a picture is read

    path = Path(path)
    too_large = f"{path} has over {MAX_PIXELS // 10**6} million pixels; scale it down first."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and odd files; both are dealt with here
            with Image.open(path, formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise DigitsError(too_large)
                return _to_grey(ImageOps.exif_transpose(picture))
    except DigitsError:
        raise
    except IsADirectoryError:
        raise DigitsError(f"{path} is a folder; name a picture file.") from None
    except FileNotFoundError:
        raise DigitsError(f"there is no file {path}.") from None
    except PermissionError:
        raise DigitsError(f"{path} may not be read; change its permissions.") from None
    except UnidentifiedImageError:
        kinds = ", ".join(FORMATS)
        raise DigitsError(f"{path} is no picture that can be read; use one of {kinds}.") from None
    except Image.DecompressionBombError:
        raise DigitsError(too_large) from None
    except Exception as error:  # noqa: BLE001  a damaged file makes Pillow's decoders raise whatever they stumble over
        raise DigitsError(f"{path} is damaged or cut short ({error}); save it again.") from None


def _to_grey(picture: object) -> NDArray[np.uint8]:
    from PIL import Image

    assert isinstance(picture, Image.Image)  # noqa: S101  for mypy: Pillow is imported late
    if picture.mode.startswith("I"):  # 16 bits a pixel or more
        pixels = np.asarray(picture, dtype=np.float64)
        return np.asarray(pixels * (255 / max(pixels.max(initial=0), 1)), dtype=np.uint8)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return np.asarray(picture.convert("L"))
