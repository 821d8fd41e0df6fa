"""How the time of an epoch grows: with the width of the network, the size of the batch, the number of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.measurement import Measurement
from benchmarks.processes import interleave, start_workers
from benchmarks.work import Training

PEERS = ("digits", "pytorch", "floor")
MOST_STEPS = 200  # of an epoch whose steps are long; the rest is extrapolated
LONG_WIDTH = 1024  # from which they are

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
BATCH_SIZES = (16, 32, 64, 128, 256, 512, 1024)
IMAGES = (6_000, 20_000, 60_000, 200_000, 600_000)
QUICK = {"width": (64,), "batch_size": (256,), "images": (3_000,)}
QUICK_STEPS = 20


def training(width: int = 128, batch_size: int = 64, images: int = 60_000, steps: int | None = None) -> Training:
    """784-width-10 with momentum. The learning rate is small, so that no width or batch diverges."""
    return Training((width,), batch_size, "momentum", 0.01, images, steps)


def points(*, quick: bool) -> dict[str, dict[int, Training]]:
    """What is measured: for each panel of the figure, the works by the value on its axis."""
    if quick:
        return {
            "width": {width: training(width=width, steps=QUICK_STEPS) for width in QUICK["width"]},
            "batch_size": {size: training(batch_size=size, steps=QUICK_STEPS) for size in QUICK["batch_size"]},
            "images": {count: training(images=count, steps=QUICK_STEPS) for count in QUICK["images"]},
        }
    return {
        "width": {w: training(width=w, steps=MOST_STEPS if w >= LONG_WIDTH else None) for w in WIDTHS},
        "batch_size": {size: training(batch_size=size) for size in BATCH_SIZES},
        "images": {count: training(images=count) for count in IMAGES},
    }


def measure(repetitions: int, *, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Time of an epoch at all points, in turns.

    Returns:
        For each panel a list of ``{"value", "steps", "epoch_steps", "seconds": {peer: median, …}, "spread": …}``. Where
        ``steps`` are fewer than ``epoch_steps``, seconds are extrapolated from them.
    """
    found: dict[str, Any] = {panel: [] for panel in ("width", "batch_size", "images")}
    with start_workers(list(PEERS)) as workers:
        for panel, works in points(quick=quick).items():
            for value, work in works.items():
                say(f"growth: {panel.replace('_', ' ')} {value:,}")
                measured = interleave(workers, work, repetitions)
                found[panel].append(describe(value, work, measured))
    return found


def describe(value: int, work: Training, measured: dict[str, Measurement]) -> dict[str, Any]:
    """One point as JSON."""
    steps = min(work.steps or work.epoch_steps, work.epoch_steps)
    scale = work.epoch_steps / steps
    done = {peer: one for peer, one in measured.items() if one.median is not None}
    return {
        "value": value,
        "steps": steps,
        "epoch_steps": work.epoch_steps,
        "seconds": {peer: one.median * scale for peer, one in done.items() if one.median is not None},
        "spread": {peer: [min(one.seconds) * scale, max(one.seconds) * scale] for peer, one in done.items()},
        "not_measured": {peer: one.problem for peer, one in measured.items() if one.problem},
    }
