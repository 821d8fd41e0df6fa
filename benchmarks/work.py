"""The works that are compared. A work is data: it travels to a contender's process as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar

PIXELS, SIDE, CLASSES = 784, 28, 10
WINDOW, POOL = 5, 2  # pixels along each side of a filter, and of what max-pooling takes the largest of


@dataclass(frozen=True)
class Training:
    """One epoch, or its first steps, of a network with ReLU and cross-entropy: 784-…-10, or convolutions before that.

    Attributes:
        hidden: units in each hidden dense layer.
        batch_size: images a step.
        optimizer: "momentum" (0.9) or "adamw" (weight decay 0.01).
        learning_rate: constant.
        images: MNIST's training images, cut off at this number, or continued to it with warps of them.
        steps: of the epoch; None for all of them.
        filters: of each convolution before the dense layers: 5 × 5 without padding, then max-pooling 2 × 2, then ReLU.
    """

    contender: ClassVar[str] = "Trainer"
    hidden: tuple[int, ...]
    batch_size: int
    optimizer: str
    learning_rate: float
    images: int = 60_000
    steps: int | None = None
    filters: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of all dense layers, the first one's inputs and the classes included."""
        side = SIDE
        for _ in self.filters:
            side = (side - WINDOW + 1) // POOL
        maps = self.filters[-1] if self.filters else 1
        return (maps * side**2, *self.hidden, CLASSES)

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Of each layer that has weights: ``(channels, 5, 5, filters)`` or ``(inputs, units)``."""
        convolutions = [(channels, WINDOW, WINDOW, filters) for channels, filters in pairwise((1, *self.filters))]
        return [*convolutions, *pairwise(self.sizes)]

    @property
    def epoch_steps(self) -> int:
        """Steps in a whole epoch."""
        return -(-self.images // self.batch_size)


@dataclass(frozen=True)
class Inference:
    """Probabilities for batches of images.

    Attributes:
        hidden: units in each hidden layer.
        images: in one call.
        calls: in one repetition, whose time is the median of the calls'.
    """

    contender: ClassVar[str] = "Predictor"
    hidden: tuple[int, ...]
    images: int
    calls: int


@dataclass(frozen=True)
class Warping:
    """Random affine and elastic warps of MNIST images, in batches; the time is that of one image.

    Attributes:
        images: in one repetition.
        batch_size: images warped at once.
        rotation: degrees, at most, to either side.
        scale: at most so much larger or smaller, as a fraction.
        shear: at most.
        shift: pixels at most, in x and in y.
        elastic: strength of the elastic displacements, in pixels.
        smoothness: standard deviation of the Gaussian that smooths them, in pixels.
    """

    contender: ClassVar[str] = "Warper"
    images: int
    batch_size: int = 128
    rotation: float = 10
    scale: float = 0.12
    shear: float = 0.1
    shift: float = 2
    elastic: float = 1.0
    smoothness: float = 4


Work = Training | Inference | Warping
KINDS: dict[str, type[Work]] = {kind.__name__: kind for kind in (Training, Inference, Warping)}


def to_json(work: Work) -> dict[str, Any]:
    """What a message holds of a work."""
    return {"kind": type(work).__name__, **asdict(work)}


def from_json(message: dict[str, Any]) -> Work:
    """The work of a message."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in message.items()}
    kind = KINDS[fields.pop("kind")]
    return kind(**fields)
