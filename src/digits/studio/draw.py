"""``/api/draw``: what is drawn, read while it is drawn: the answer, the way there, and what speaks for it.

A drawing is read as ``digits read`` reads a photo: one digit or several, in a line. For one of the digits the answer
shows the preparation step by step; what its pixels count for is a request of its own, since it takes as long again.
"""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Self

import numpy as np
from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field, model_validator

from digits.activations import Array
from digits.reading import Digit as FoundDigit
from digits.reading import Page
from digits.reading.pictures import open_pictures
from digits.reading.preparation import as_mnist_steps
from digits.reading.reader import NO_DIGIT, NOT_A_DIGIT, UNSURE, Steps, verdict
from digits.reading.strokes import draw_strokes
from digits.studio.failures import failures
from digits.studio.images import (
    Digit,
    EncodedArray,
    Pixels,
    Probabilities,
    as_image,
    as_pixels,
    as_png,
    encoded,
)
from digits.studio.models import ModelName
from digits.studio.networks import Loaded
from digits.studio.state import TheDrawings, TheNetworks

WIDTH, HEIGHT = 1024, 768  # of the canvas, in the units of strokes
SCALE = 0.25  # pixels of the picture that is read, a unit
MOST_STROKES, MOST_POINTS = 200, 4000

router = APIRouter(prefix="/api/draw", tags=["draw"], responses=failures())

Point = tuple[
    Annotated[int, Field(ge=0, lt=WIDTH)], Annotated[int, Field(ge=0, lt=HEIGHT)], Annotated[int, Field(ge=1, le=200)]
]
Stroke = Annotated[list[Point], Field(min_length=1, max_length=MOST_POINTS)]
Which = Annotated[int, Field(ge=0, lt=1000, description="Which of the digits that were found; 0 is the first.")]


class Drawing(BaseModel):
    """A drawing on a canvas of 1024 × 768."""

    strokes: list[Stroke] = Field(
        max_length=MOST_STROKES, description="Each a list of points: x, y and the pen's width there."
    )
    model: ModelName = None
    which: Which = 0

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if sum(map(len, self.strokes)) > MOST_POINTS:
            raise ValueError(f"a drawing has at most {MOST_POINTS} points")
        return self


class Prepared(BaseModel):
    """A digit as the network sees it; null where there is none on the drawing."""

    pixels: Pixels | None


class ReadDigit(BaseModel):
    """What one shape was read as."""

    label: Digit | None = Field(description="The digit; null where the shape is refused.")
    reason: str | None = Field(description="Why it is refused.")
    probabilities: Probabilities
    distance: float = Field(
        description="How far the energy of its logits is from that of training images, in standard deviations."
    )
    box: tuple[int, int, int, int] | None = Field(description="Left, top, width, height in the picture that was read.")
    pixels: Pixels


class Preparation(BaseModel):
    """The way from ink to the image that the network sees."""

    ink: str = Field(description="All ink of the picture that was read, white on black, as a PNG in a data: address.")
    width: int = Field(description="Of the picture as it came; boxes are in its pixels.")
    height: int
    box: str = Field(description="The digit's ink in its bounding box, likewise.")
    box_size: tuple[int, int] = Field(description="Width and height of the box.")
    stroke_width: float = Field(description="In pixels of the 20 × 20 box, before it was changed to what MNIST has.")
    fitted: EncodedArray = Field(description="The ink scaled into 20 × 20.")
    corner: tuple[int, int] = Field(description="Row and column at which that lies in the 28 × 28.")
    centre: tuple[float, float] = Field(description="Row and column of the centre of mass in the 28 × 28.")


class Reading(BaseModel):
    """What was read."""

    model: str
    text: str = Field(description="The digits as written, line by line; ? where it is unsure which.")
    reason: str | None = Field(description="Why there are none.")
    answers: list[ReadDigit]
    which: int = Field(description="Which of the answers the preparation belongs to.")
    preparation: Preparation | None = Field(description="Null where the image was prepared already, or is blank.")
    refused_below: float = Field(description="The distance below which a shape is no digit.")
    unsure_below: float = Field(description="The probability below which it is unsure which digit.")
    milliseconds: float = Field(description="That the studio took.")


class Picture(BaseModel):
    """An image that is prepared already, such as a test image."""

    pixels: Pixels
    model: ModelName = None


class Comparison(Picture):
    """Asks why one digit is likelier than another."""

    winner: Digit | None = Field(None, description="By default the likeliest.")
    runner_up: Digit | None = Field(None, description="By default the likeliest of the others.")


class Part(BaseModel):
    """What the biases of a layer add to the margin."""

    layer: str
    share: float


class Margin(BaseModel):
    """Where a margin comes from: ``sum(pixels) + sum(biases) + rest = margin``, in float64."""

    winner: Digit
    runner_up: Digit
    logits: list[float]
    margin: float = Field(description="The winner's logit less the runner-up's.")
    pixels: EncodedArray = Field(description="(28, 28) float64: gradient × input.")
    biases: list[Part]
    rest: float = Field(description="0 but for rounding, unless an activation is smooth.")


@router.post("/read")
async def read_drawing(drawing: Drawing, networks: TheNetworks, drawings: TheDrawings) -> Reading:
    """Read a drawing: one digit, or a line of them."""

    def read() -> Reading:
        began = perf_counter()
        return _read(networks.to_read(drawing.model), picture_of(drawing), drawing.which, began)

    return await drawings.run(read)


@router.post("/picture")
def read_picture(
    content: Annotated[bytes, Body(media_type="application/octet-stream")],
    networks: TheNetworks,
    model: Annotated[ModelName, Query()] = None,
    which: Annotated[Which, Query()] = 0,
) -> Reading:
    """Read a picture file: PNG, JPEG, WebP, TIFF, BMP, GIF, or the first page of a PDF."""
    began = perf_counter()
    return _read(networks.to_read(model), open_pictures("the picture", content, pages=1)[0], which, began)


@router.post("/image")
def read_prepared(picture: Picture, networks: TheNetworks) -> Reading:
    """ReadDigit about an image that is prepared already."""
    began = perf_counter()
    loaded = networks.to_read(picture.model)
    image = as_image(picture.pixels)
    [(probabilities, distance)] = loaded.reader.judge(image[np.newaxis])
    label, reason = verdict(probabilities, distance, as_mnist_steps(image, 1)) if image.any() else (None, NO_DIGIT)
    answer = ReadDigit(
        label=label,
        reason=reason,
        probabilities=probabilities.tolist(),
        distance=distance,
        box=None,
        pixels=picture.pixels,
    )
    text = "" if label is None else str(label)
    return _reading(loaded, text, None, [answer], 0, None, began)


@router.post("/prepare")
def prepare_drawing(drawing: Drawing, networks: TheNetworks) -> Prepared:
    """Prepare one of the digits of a drawing as MNIST's makers did theirs, and no more."""
    digits = networks.to_read(drawing.model).reader.read(picture_of(drawing)).digits
    return Prepared(pixels=as_pixels(digits[min(drawing.which, len(digits) - 1)].image) if digits else None)


@router.post("/margin")
async def take_margin_apart(comparison: Comparison, networks: TheNetworks, drawings: TheDrawings) -> Margin:
    """Which pixels speak for the winner, and which for the runner-up; with the biases they add up to the margin."""
    return await drawings.run(lambda: _margin(networks.to_read(comparison.model), comparison))


def _margin(loaded: Loaded, comparison: Comparison) -> Margin:
    parts = loaded.margin_parts(as_image(comparison.pixels), comparison.winner, comparison.runner_up)
    return Margin(
        winner=parts.winner,
        runner_up=parts.runner_up,
        logits=parts.logits.tolist(),
        margin=parts.margin,
        pixels=encoded(parts.pixels),
        biases=[Part(layer=layer, share=share) for layer, share in parts.biases],
        rest=parts.rest,
    )


def picture_of(drawing: Drawing) -> Array:
    """``(240, 320) uint8``: the drawing, black on white."""
    return draw_strokes(drawing.strokes, WIDTH, HEIGHT, SCALE)


def _read(loaded: Loaded, picture: Array, which: int, began: float) -> Reading:
    page, steps = loaded.reader.read_steps(picture)
    which = max(0, min(which, len(page.digits) - 1))
    preparation = _preparation(page, steps, which) if page.digits and steps else None
    answers = [_answer(digit) for digit in page.digits]
    return _reading(loaded, page.text, page.reason, answers, which, preparation, began)


def _reading(
    loaded: Loaded,
    text: str,
    reason: str | None,
    answers: list[ReadDigit],
    which: int,
    preparation: Preparation | None,
    began: float,
) -> Reading:
    return Reading(
        model=loaded.name,
        text=text,
        reason=reason,
        answers=answers,
        which=which,
        preparation=preparation,
        refused_below=NOT_A_DIGIT,
        unsure_below=UNSURE,
        milliseconds=round(1000 * (perf_counter() - began), 2),
    )


def _answer(digit: FoundDigit) -> ReadDigit:
    return ReadDigit(
        label=digit.label,
        reason=digit.reason,
        probabilities=list(digit.probabilities),
        distance=digit.distance,
        box=digit.box,
        pixels=as_pixels(digit.image),
    )


def _preparation(page: Page, steps: Steps, which: int) -> Preparation:
    way = page.digits[which].preparation
    ink = np.where(steps.mask > 0, steps.ink.strength, np.uint8(0))
    height, width = (round(size / steps.scale) for size in ink.shape)
    return Preparation(
        ink=as_png(ink),
        width=width,
        height=height,
        box=as_png(way.ink),
        box_size=(way.ink.shape[1], way.ink.shape[0]),
        stroke_width=way.stroke_width,
        fitted=encoded(way.fitted),
        corner=way.corner,
        centre=way.centre,
    )
