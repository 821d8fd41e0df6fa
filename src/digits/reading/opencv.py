"""OpenCV, or one sentence that says how to get it. Imported by reading only: it takes a quarter of a second."""

from __future__ import annotations

from digits.errors import DigitsError

try:
    import cv2
except ImportError as error:
    raise DigitsError('pictures need the library OpenCV; type: pip install "digits[reading]".') from error

cv2.setNumThreads(1)  # the pictures are small, and more threads would wait for each other

__all__ = ["cv2"]
