"""What was read: a page has lines, a line has digits, and a digit says where it stands and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.reading.preparation import Preparation

REFUSED = "?"  # stands in a text for a digit that could not be told


@dataclass(frozen=True)
class Digit:
    """A shape on the page, and what it was read as.

    Attributes:
        label: the digit; None if the shape is refused.
        confidence: the probability of the likeliest digit, 0…1.
        probabilities: of the ten digits.
        box: left, top, width, height, in pixels of the picture.
        line: 0 for the first.
        reason: why it is refused, e.g. "not a digit" or "unsure: 4 or 9"; None if it is not.
        space: how many spaces stand before it.
        preparation: what the network sees of it, and how that was made.
        distance: of the energy of its logits from the usual one, in standard deviations; what is far below is no digit.
        score: how much it is a digit, and this one: the logarithm of a probability, by which cuts are chosen.
    """

    label: int | None
    confidence: float
    probabilities: tuple[float, ...]
    box: tuple[int, int, int, int]
    line: int
    reason: str | None
    space: int
    preparation: Preparation
    distance: float = 0.0
    score: float = 0.0

    @property
    def image(self) -> NDArray[np.uint8]:
        """``(28, 28) uint8``, as the network sees it."""
        return self.preparation.image

    @property
    def text(self) -> str:
        """The digit, or "?" where it is a digit but unsure which, or nothing where it is none."""
        if self.label is not None:
            return str(self.label)
        return REFUSED if self.reason and self.reason.startswith("unsure") else ""

    def to_dict(self) -> dict[str, Any]:
        """As the JSON of ``digits read`` has it."""
        found = {
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": list(self.probabilities),
            "box": list(self.box),
            "line": self.line,
        }
        return found if self.reason is None else found | {"reason": self.reason}


@dataclass(frozen=True)
class Line:
    """Digits from left to right."""

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """What is written, a space where there is a gap."""
        return "".join(" " * digit.space + digit.text for digit in self.digits).strip()


@dataclass(frozen=True)
class Page:
    """All that was read on a picture, in reading order.

    Attributes:
        lines: from top to bottom; lines on which every shape is refused as no digit are among them.
        reason: why there are none, e.g. "blank"; None where there are some.
    """

    lines: tuple[Line, ...]
    reason: str | None = None

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Those of all lines, refused ones included."""
        return tuple(digit for line in self.lines for digit in line.digits)

    @property
    def text(self) -> str:
        """What is written, line by line."""
        return "\n".join(text for text in (line.text for line in self.lines) if text)

    def to_dict(self) -> dict[str, Any]:
        """As the JSON of ``digits read`` has it."""
        found: dict[str, Any] = {
            "text": self.text,
            "lines": [line.text for line in self.lines if line.text],
            "digits": [digit.to_dict() for digit in self.digits],
        }
        return found if self.reason is None else found | {"reason": self.reason}
