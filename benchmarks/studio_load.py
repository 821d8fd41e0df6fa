"""Many people draw at once while a training runs: ``python -m benchmarks.studio_load [--seconds 60] [--clients 50]``.

It starts a studio of its own on this machine, with an empty folder, and a training run in it. Each client behaves as
the page does for one person: the pen moves 30 times a second; after each movement the drawing so far is sent, unless
a request is under way, or its answer has just come: then there is a pause, three times as long as the drawing waited
for others, and the latest drawing waits for that. A finished digit waits for the request under way only. Then its
margin is asked for, and the person looks at it for a while. Where the studio is slow, clients send less: nobody is
asked to draw faster than answers come.

Prints the result as JSON, and one line about it to standard error. Exit status 1 if a request failed or took too long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

from benchmarks.browsing import studio

TARGET_MS = 250.0  # of 95 % of the requests
MOST_CLIENTS, MOST_SECONDS = 200, 300
MOVES_A_SECOND = 30
DRAWING_S = 1.2  # a digit
LOOKING_S = (1.0, 3.0)  # between two digits, any time in this range
PATIENCE = 3  # times as long as a drawing waited for others, until the next is sent
PEN = 60  # units wide
PATIENCE_S = 20.0  # for one answer
TRAINING = {"hidden": [128, 64], "images": 50_000, "epochs": 200, "batch_size": 64, "learning_rate": 0.05}

# Digits as somebody writes them without lifting the pen, in the units of the canvas of 1024 × 768.
OUTLINES: dict[int, list[tuple[int, int]]] = {
    0: [(520, 150), (420, 220), (390, 380), (430, 550), (520, 610), (610, 540), (640, 380), (600, 220), (520, 150)],
    1: [(450, 250), (540, 150), (540, 610)],
    2: [(400, 250), (500, 150), (610, 230), (560, 380), (400, 600), (640, 600)],
    3: [(410, 190), (540, 150), (610, 240), (500, 360), (620, 470), (550, 600), (400, 570)],
    7: [(390, 170), (640, 160), (560, 370), (490, 610)],
    9: [(610, 230), (500, 150), (410, 250), (490, 370), (610, 270), (600, 430), (560, 610)],
}

Point = tuple[int, int, int]


class Connection:
    """One connection to the studio that stays open, as a browser's does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def to(cls, address: str) -> Self:
        """Connect to ``http://host:port/``."""
        host = urlsplit(address).netloc
        name, port = host.rsplit(":", 1)
        return cls(*await asyncio.open_connection(name, int(port)), host)

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask, and return the status and the JSON of the answer."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(content)}\r\n"
        self._writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + content)
        answer = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        text = await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answer.split(b" ", 2)[1]), json.loads(text) if text else None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass
class Tally:
    """What became of the requests.

    Attributes:
        milliseconds: of each that was answered.
        computing: of each reading, what the studio says that it took, without the waiting.
        errors: sentences about the others.
    """

    milliseconds: list[float] = field(default_factory=list)
    computing: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def ask(self, connection: Connection, path: str, body: Any) -> Any:
        """Send a request, and note how long it took."""
        began = perf_counter()
        try:
            status, answer = await connection.send("POST", path, body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.errors.append(f"{path}: {type(error).__name__} {error}")
            raise ConnectionError(path) from error
        self.milliseconds.append(1000 * (perf_counter() - began))
        if status != 200:
            self.errors.append(f"{path}: {status} {answer}")
        return answer


def strokes_over_time(random: np.random.Generator) -> list[list[Point]]:
    """The drawing after each movement of the pen: a digit of somebody's own, point by point."""
    outline = np.array(OUTLINES[int(random.choice(list(OUTLINES)))], float)
    outline = (outline - 512) * random.uniform(0.7, 1.1, 2) + 512 + random.normal(0, 12, outline.shape)
    moves = round(DRAWING_S * MOVES_A_SECOND)
    lengths = np.array([0.0, *(np.linalg.norm(end - start) for start, end in pairwise(outline))]).cumsum()
    along = np.linspace(0, lengths[-1], moves)
    x, y = (np.interp(along, lengths, outline[:, axis]) for axis in (0, 1))
    points = [(int(np.clip(a, 0, 1023)), int(np.clip(b, 0, 767)), PEN) for a, b in zip(x, y, strict=True)]
    return [points[: n + 1] for n in range(moves)]


async def person(address: str, seed: int, end: float, tally: Tally) -> None:
    """Draw digit after digit until the end."""
    random = np.random.default_rng(seed)
    connection = await Connection.to(address)
    await asyncio.sleep(random.uniform(0, DRAWING_S + LOOKING_S[1]))  # nobody begins together with the others
    while perf_counter() < end:
        drawings = strokes_over_time(random)
        begun = free = perf_counter()
        answered = -1
        try:
            while answered < len(drawings) - 1:
                now = min(int((perf_counter() - begun) * MOVES_A_SECOND), len(drawings) - 1)
                if now == answered or (now < len(drawings) - 1 and perf_counter() < free):
                    await asyncio.sleep(1 / MOVES_A_SECOND / 4)
                    continue
                asked = perf_counter()
                reading = await tally.ask(connection, "/api/draw/read", {"strokes": [drawings[now]]})
                computing = reading.get("milliseconds", 0.0)
                tally.computing.append(computing)
                waited = perf_counter() - asked - computing / 1000
                answered, free = now, perf_counter() + PATIENCE * waited
            if reading.get("answers"):
                await tally.ask(connection, "/api/draw/margin", {"pixels": reading["answers"][0]["pixels"]})
        except ConnectionError:
            connection.close()
            connection = await Connection.to(address)
        await asyncio.sleep(random.uniform(*LOOKING_S))
    connection.close()


async def once(address: str, method: str, path: str, body: Any = None) -> Any:
    """Ask on a connection of its own: the studio hangs up on those that say nothing for some seconds."""
    connection = await Connection.to(address)
    status, answer = await connection.send(method, path, body)
    connection.close()
    if status >= 400:
        raise RuntimeError(f"{method} {path}: {status} {answer}")
    return answer


async def images_a_second(address: str, run: int, seconds: float) -> float:
    """How many images a training run learns from in a second, over so many seconds."""
    before = await once(address, "GET", f"/api/runs/{run}")
    began = perf_counter()
    await asyncio.sleep(seconds)
    after = await once(address, "GET", f"/api/runs/{run}")
    steps: int = after["step"] - before["step"]
    return steps * TRAINING["batch_size"] / (perf_counter() - began)


async def measure(address: str, clients: int, seconds: float) -> dict[str, Any]:
    """Train alone for a while, then train while all the clients draw."""
    number = (await once(address, "POST", "/api/runs", {"name": "under load", "settings": TRAINING}))["id"]
    drawing = strokes_over_time(np.random.default_rng(0))[-1]
    await once(address, "POST", "/api/draw/read", {"strokes": [drawing]})  # what the first one takes, it takes once
    await once(address, "POST", f"/api/runs/{number}/start", {"until": "end"})
    await asyncio.sleep(1)
    alone = await images_a_second(address, number, max(3.0, seconds / 6))
    tally, end = Tally(), perf_counter() + seconds
    people = [person(address, seed, end, tally) for seed in range(clients)]
    beside, *_ = await asyncio.gather(images_a_second(address, number, seconds), *people)
    run = await once(address, "GET", f"/api/runs/{number}")
    await once(address, "POST", f"/api/runs/{number}/stop")
    return summary(tally, clients, seconds) | {
        "training": {
            "images_a_second_alone": round(alone),
            "images_a_second_under_load": round(beside),
            "status": run["status"],
        }
    }


def summary(tally: Tally, clients: int, seconds: float) -> dict[str, Any]:
    """The figures of a run."""
    times = np.array(tally.milliseconds or [float("nan")])
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).round(1).tolist()
    return {
        "clients": clients,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "requests": len(tally.milliseconds),
        "errors": len(tally.errors),
        "first_errors": tally.errors[:3],
        "requests_a_second": round(len(tally.milliseconds) / seconds, 1),
        "milliseconds": {"p50": p50, "p95": p95, "p99": p99, "longest": round(float(times.max()), 1)},
        "computing_milliseconds_p50": round(median(tally.computing or [0.0]), 1),
        "target_p95_milliseconds": TARGET_MS,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether the target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=50, choices=range(1, MOST_CLIENTS + 1), metavar="N")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S")
    options = parser.parse_args(arguments)
    seconds = min(max(options.seconds, 1.0), MOST_SECONDS)
    with studio() as address:
        result = asyncio.run(measure(address, options.clients, seconds))
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    times, training = result["milliseconds"], result["training"]
    sys.stderr.write(
        f"{result['clients']} clients, {seconds:g} s: {result['requests']} requests, {result['errors']} errors,"
        f" p50 {times['p50']} ms, p95 {times['p95']} ms; training {training['images_a_second_under_load']:,} images/s,"
        f" {training['images_a_second_alone']:,} alone\n"
    )
    return 1 if result["errors"] or not times["p95"] <= TARGET_MS else 0


if __name__ == "__main__":
    sys.exit(main())
