"""Keeping some of a long series: never more than so many, and those at equal distances over all of it."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


def stride_for(steps: int, limit: int) -> int:
    """A stride to begin with, a power of two: a series of so many steps is thinned once or twice, not ten times."""
    stride = 1
    while 2 * stride * limit < steps:
        stride *= 2
    return stride


class Thinned(Generic[T]):
    """Things of the steps ``start``, ``start + stride``, ``start + 2·stride``, … of a run, and of the last step.

    Whenever there would be too many, the stride doubles and every second one goes. So a long run is kept as evenly as a
    short one, only more coarsely, and its beginning is always there.

    Args:
        limit: how many at most; at least 3.
        start: the first step.
        stride: between steps.
        kept: what there is already: step → thing.
    """

    def __init__(self, limit: int, start: int = 0, stride: int = 1, kept: dict[int, T] | None = None) -> None:
        if limit < 3:
            raise ValueError(f"at least 3 things are kept: the first, the last and one between; got {limit}")
        self.limit = limit
        self.start = start
        self.stride = stride
        self.kept = dict(kept or {})

    def wants(self, step: int) -> bool:
        """Whether a step is one of those that are kept."""
        return (step - self.start) % self.stride == 0

    def add(self, step: int, thing: T) -> None:
        """Keep a thing of a step, not before those that are there. One between the strides goes when the next comes."""
        last = max(self.kept, default=step)
        if not self.wants(last):
            del self.kept[last]
        self.kept[step] = thing
        while len(self.kept) > self.limit:
            self.stride *= 2
            self.kept = {n: kept for n, kept in self.kept.items() if self.wants(n) or n == step}
