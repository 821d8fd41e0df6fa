"""People who draw are served in the order in which they came, and before a training."""

from __future__ import annotations

import asyncio
import time

import pytest

from digits.studio.drawing_queue import AT_ONCE, DrawingQueue


def test_first_come_first_served() -> None:
    served: list[int] = []

    async def all_come() -> list[int]:
        queue = DrawingQueue()
        free = list(range(AT_ONCE))

        def read(number: int) -> int:
            place = free.pop()  # fails where more than these are read at once
            time.sleep(0.002)
            served.append(number)
            free.append(place)
            return number

        return await asyncio.gather(*(queue.run(lambda number=number: read(number)) for number in range(20)))

    assert asyncio.run(all_come()) == list(range(20))
    assert served == list(range(20))


def test_a_mistake_in_one_reading_does_not_hold_up_the_next() -> None:
    async def come() -> str:
        queue = DrawingQueue()
        with pytest.raises(ZeroDivisionError):
            await queue.run(lambda: str(1 / 0))
        assert not queue.is_busy
        return await queue.run(lambda: "read")

    assert asyncio.run(come()) == "read"


def test_a_training_waits_for_a_reading_but_no_longer_than_it_said() -> None:
    async def come() -> tuple[float, float, float]:
        queue = DrawingQueue()
        free = queue_time(queue, 5)
        for_long = asyncio.create_task(queue.run(lambda: time.sleep(0.5)))
        await asyncio.sleep(0.1)
        limited = await asyncio.to_thread(queue_time, queue, 0.05)
        until_read = await asyncio.to_thread(queue_time, queue, 30)
        await for_long
        return free, limited, until_read

    free, limited, until_read = asyncio.run(come())
    assert free < 0.05
    assert 0.05 <= limited < 0.3
    assert 0.1 < until_read < 5


def queue_time(queue: DrawingQueue, seconds: float) -> float:
    began = time.monotonic()
    queue.wait(seconds)
    return time.monotonic() - began
