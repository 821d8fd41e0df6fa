"""Measurements that take seconds: made once, one after the other, beside the event loop, and kept.

A measurement is a generator that yields the share of it that is done and returns its result. Who wants one asks again
until it is there. What nobody asks for any more is stopped, and the results that were not asked for longest go.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from typing import Any, Generic, TypeVar, cast

Result = TypeVar("Result")
Steps = Generator[float, None, Result]

KEPT = 32  # results; of 10,000 answers each holds half a megabyte, at most
PATIENCE_S = 0.2  # a request waits so long: what is quick is answered at once
FORGOTTEN_S = 10.0  # after the last request


class Measurement(Generic[Result]):
    """One measurement, under way or done.

    Attributes:
        progress: the share that is done, 0…1.
        result: None until it is done.
    """

    def __init__(self, steps: Callable[[], Steps[Result]]) -> None:
        self.progress = 0.0
        self.result: Result | None = None
        self.failure: Exception | None = None
        self.asked = time.monotonic()
        self.done = threading.Event()
        self._steps = steps

    def measure(self) -> None:
        """Go through the steps, unless nobody has asked for a while."""
        try:
            steps = self._steps()
            while time.monotonic() - self.asked < FORGOTTEN_S:
                try:
                    self.progress = next(steps)
                except StopIteration as end:
                    self.result = cast("Result", end.value)
                    self.progress = 1.0
                    return
        except Exception as error:  # noqa: BLE001  whoever asks next hears of it, in ``Measurements.ask``
            self.failure = error
        finally:
            self.done.set()

    def wait(self) -> Result:
        """The result, once it is there; what waits has asked.

        Raises:
            Exception: what the measurement itself raised.
        """
        while not self.done.wait(1.0):
            self.asked = time.monotonic()
        if self.failure is not None:
            raise self.failure
        return cast("Result", self.result)

    @property
    def forgotten(self) -> bool:
        """Whether it ended without result: it has to begin anew, or told its failure."""
        return self.done.is_set() and self.result is None


class Measurements:
    """The measurements of a studio. Safe to use from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._kept: OrderedDict[Hashable, Measurement[Any]] = OrderedDict()

    def ask(self, key: Hashable, steps: Callable[[], Steps[Result]]) -> Measurement[Result]:
        """Begin a measurement, or find it under way or done.

        Args:
            key: what is measured, of which model; it is compared, so it must hold on to the model itself.
            steps: makes the generator, where none was begun.

        Raises:
            Exception: what the measurement itself raised; it begins anew when it is asked for again.
        """
        with self._lock:
            measurement: Measurement[Result] | None = self._kept.get(key)
            if measurement is None or measurement.forgotten:
                measurement = self._kept[key] = Measurement(steps)
                threading.Thread(target=self._run, args=(measurement,), daemon=True).start()
            measurement.asked = time.monotonic()
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        measurement.done.wait(PATIENCE_S)
        if measurement.failure is not None:
            raise measurement.failure
        return measurement

    def _run(self, measurement: Measurement[Any]) -> None:
        with self._one_at_a_time:
            measurement.measure()
