"""People who draw come first: their drawings are read in the order they came, and a training waits meanwhile.

Python runs one thread at a time. Where twenty read at once, each waits for all the others at every turn, and all are
late; one after the other, each is answered as soon as can be. And people see a delay of a tenth of a second, but not
that a training takes longer by as much.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

AT_ONCE = 1  # readings; with two, each takes four times as long
LOOKING_SECONDS = 0.001  # between two looks whether a reading is over

Answer = TypeVar("Answer")


class DrawingQueue:
    """First come, first served."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(AT_ONCE)

    async def run(self, compute: Callable[[], Answer]) -> Answer:
        """Call a function in a thread, when it is its turn."""
        return await to_thread.run_sync(compute, limiter=self._limiter)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being computed."""
        return self._limiter.borrowed_tokens > 0

    def wait(self, seconds: float) -> None:
        """In another thread: wait until nothing is being computed, for so long at most."""
        end = monotonic() + seconds
        while self.is_busy and monotonic() < end:
            sleep(LOOKING_SECONDS)
