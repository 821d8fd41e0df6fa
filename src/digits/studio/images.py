"""``/api/images``: the test images, and how arrays travel: 784 whole numbers for an image, base64 for more."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from digits.activations import Array
from digits.data_preprocessing import CLASSES, SIDE
from digits.datasets import Dataset, load_mnist
from digits.reading.opencv import cv2
from digits.studio.failures import NotThere, failures

MOST_IMAGES = 200  # in one answer
MOST_SHOWN = 640  # pixels of the longer side of a picture

router = APIRouter(prefix="/api/images", tags=["images"], responses=failures())

Shade = Annotated[int, Field(ge=0, le=255, strict=True)]
Pixels = Annotated[list[Shade], Field(min_length=SIDE * SIDE, max_length=SIDE * SIDE)]
Digit = Annotated[int, Field(ge=0, lt=CLASSES)]
Probabilities = Annotated[list[float], Field(min_length=CLASSES, max_length=CLASSES)]


class EncodedArray(BaseModel):
    """An array: its numbers in C order, little-endian, as base64."""

    shape: list[int]
    dtype: str = Field(description="As NumPy names it: uint8, float32, int32 …")
    data: str


class LabelledImage(BaseModel):
    """An image of the test set."""

    index: int
    label: Digit
    pixels: Pixels


class Images(BaseModel):
    """Several images of the test set."""

    images: list[LabelledImage]
    count: int = Field(description="How many there are in the set.")


def encoded(array: Array) -> EncodedArray:
    """An array, ready to be sent."""
    plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    return EncodedArray(
        shape=list(array.shape), dtype=array.dtype.name, data=base64.b64encode(plain.tobytes()).decode("ascii")
    )


def as_image(pixels: list[int]) -> Array:
    """784 whole numbers → ``(28, 28) uint8``."""
    return np.array(pixels, np.uint8).reshape(SIDE, SIDE)


def as_pixels(image: Array) -> list[int]:
    """``(28, 28) uint8`` → 784 whole numbers."""
    pixels: list[int] = image.reshape(-1).tolist()
    return pixels


def as_png(shades: Array) -> str:
    """``(height, width) uint8`` → a PNG in a ``data:`` address, which an ``<img>`` shows; a large one is shrunk."""
    scale = MOST_SHOWN / max(shades.shape)
    if scale < 1:
        size = max(1, round(shades.shape[1] * scale)), max(1, round(shades.shape[0] * scale))
        shades = cv2.resize(shades, size, interpolation=cv2.INTER_AREA)
    _, file = cv2.imencode(".png", shades, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    return "data:image/png;base64," + base64.b64encode(file.tobytes()).decode("ascii")


@lru_cache(maxsize=1)
def mnist_test() -> Dataset:
    """MNIST's test set, read once."""
    return load_mnist()[1]


@lru_cache(maxsize=1)
def mnist_train() -> Dataset:
    """MNIST's training set, read once."""
    return load_mnist()[0]


@router.get("/{index}")
def read_image(index: Annotated[int, Path(ge=0, le=10**9)]) -> LabelledImage:
    """One image of the test set."""
    return _labelled(index)


@router.get("")
def list_images(index: Annotated[list[int], Query(min_length=1, max_length=MOST_IMAGES)]) -> Images:
    """Several images of the test set, by ``?index=3&index=7``."""
    return Images(images=[_labelled(each) for each in index], count=len(mnist_test()))


def _labelled(index: int) -> LabelledImage:
    images = mnist_test()
    if not 0 <= index < len(images):
        raise NotThere(f"there is no test image {index}; they go from 0 to {len(images) - 1}.")
    return LabelledImage(index=index, label=int(images.labels[index]), pixels=as_pixels(images.images[index]))
