"""Measurements: made once, one after the other, kept for a while, and stopped where nobody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from digits.errors import DigitsError
from digits.studio.measurements import KEPT, Measurements, Steps


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happened for five seconds")


def test_what_is_quick_is_answered_at_once_and_measured_once() -> None:
    begun = []

    def measure() -> Steps[int]:
        begun.append(1)
        yield 0.5
        return 42

    measurements = Measurements()
    answers = [measurements.ask("quick", measure) for _ in range(3)]
    assert [answer.result for answer in answers] == [42, 42, 42]
    assert answers[0].progress == 1
    assert len(begun) == 1


def test_what_takes_long_says_how_far_it_is() -> None:
    go_on = threading.Event()

    def measure() -> Steps[str]:
        yield 0.25
        go_on.wait(10)
        return "done"

    measurements = Measurements()
    under_way = measurements.ask("slow", measure)
    assert (under_way.progress, under_way.result) == (0.25, None)
    go_on.set()
    assert measurements.ask("slow", measure).wait() == "done"


def test_one_is_made_at_a_time() -> None:
    running, most = [], []

    def measure() -> Steps[bool]:
        running.append(1)
        most.append(len(running))
        time.sleep(0.02)
        yield 0.5
        running.pop()
        return True

    measurements = Measurements()
    threads = [threading.Thread(target=measurements.ask, args=(n, measure)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(measurements.ask(n, measure).wait() for n in range(5))
    assert set(most) == {1}


def test_a_failure_is_told_and_the_next_request_begins_anew() -> None:
    failures = [DigitsError("the weights are not finite.")]

    def measure() -> Steps[int]:
        yield 0.1
        if failures:
            raise failures.pop()
        return 7

    measurements = Measurements()
    with pytest.raises(DigitsError, match="not finite"):
        measurements.ask("broken", measure)
    assert measurements.ask("broken", measure).result == 7


def test_what_nobody_asks_for_any_more_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def endless() -> Steps[int]:
        while True:
            steps.append(1)
            time.sleep(0.01)
            yield 0.0

    monkeypatch.setattr("digits.studio.measurements.FORGOTTEN_S", 0.3)
    measurements = Measurements()
    left = measurements.ask("endless", endless)
    wait_for(left.done.is_set)
    assert left.result is None
    count = len(steps)
    again = measurements.ask("endless", endless)
    assert again is not left
    assert len(steps) > count


def test_the_results_that_were_not_asked_for_longest_go() -> None:
    begun = []

    def measuring(n: int) -> Callable[[], Steps[int]]:
        def measure() -> Steps[int]:
            begun.append(n)
            yield 0.5
            return n

        return measure

    measurements = Measurements()
    for n in range(KEPT):
        measurements.ask(n, measuring(n))
    measurements.ask(0, measuring(0))  # asked for again, so 1 is the oldest now
    measurements.ask(KEPT, measuring(KEPT))
    assert begun == list(range(KEPT + 1))
    measurements.ask(0, measuring(0))
    measurements.ask(1, measuring(1))
    assert begun == [*range(KEPT + 1), 1]
