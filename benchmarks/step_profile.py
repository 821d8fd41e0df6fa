"""Where the time of one training step goes, part by part, beside the bare products.

    python -m benchmarks.step_profile --json FILE            prints nothing, writes the profile
    python -m benchmarks.step_profile --checked --json FILE  steps by ``loss_and_gradients``, which checks every batch

It runs with any version of ``digits`` that has layers, so that two can be compared. ``step_profile_before.json`` is of
the code before it was made fast, by the second command. Clocks are read before and after each part; that costs a
microsecond or two a step, most of it in what is called the rest.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import machine
from benchmarks.contenders import SEED, Array, initial_weights, training_images
from benchmarks.peers import floor, ours
from benchmarks.rows import large, small
from benchmarks.work import Training
from digits import NeuralNetwork
from digits.data_preprocessing import Batches
from digits.layers import Dense
from digits.optimizers import Optimizer

WORKS = {"epoch-small": small, "epoch-large": large}
STEPS, QUICK_STEPS = 300, 30
ROUNDS = 5
PARTS = (
    "batch",
    "forward: dense layers",
    "forward: activations",
    "loss",
    "backward: dense layers",
    "backward: activations",
    "optimizer",
    "rest",
)


class Clocks:
    """The seconds that each part took in the step under way."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, on a clock."""

        def wrapped(*arguments: Any, **options: Any) -> Any:
            began = perf_counter()
            result = function(*arguments, **options)
            self.parts[part] = self.parts.get(part, 0.0) + perf_counter() - began
            return result

        return wrapped

    def timed_batches(self, batches: Iterator[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
        """The same batches, on a clock."""
        following = self.timed("batch", lambda: next(batches, None))
        while (batch := following()) is not None:
            yield batch


def watch(clocks: Clocks, network: NeuralNetwork, optimizer: Optimizer) -> None:
    """Put the parts of a network and its optimizer on clocks."""
    for layer in network.layers:
        kind = "dense layers" if isinstance(layer, Dense) else "activations"
        for direction in ("forward", "backward"):
            setattr(layer, direction, clocks.timed(f"{direction}: {kind}", getattr(layer, direction)))
    network.loss = clocks.timed("loss", network.loss)  # type: ignore[assignment]
    optimizer.step = clocks.timed("optimizer", optimizer.step)  # type: ignore[method-assign]


def usual_step(network: NeuralNetwork, optimizer: Optimizer, inputs: Array, labels: Array) -> float:
    """One step as ``digits.training`` takes it."""
    loss = network.forward_backward(inputs, labels)
    optimizer.step(network.parameters, network.gradients)
    return loss


def checked_step(network: NeuralNetwork, optimizer: Optimizer, inputs: Array, labels: Array) -> float:
    """One step by the method that checks what it is given."""
    loss = network.loss_and_gradients(inputs, labels)
    optimizer.step(network.parameters, network.gradients)
    return loss


def profile_steps(work: Training, step: Callable[..., float]) -> list[dict[str, float]]:
    """Train, and return for each step the seconds by part, with their total."""
    images, labels = training_images(work.images)
    network, optimizer = ours.make_network(work.hidden), ours.make_optimizer(work)
    ours.set_weights(network, initial_weights(work.weight_shapes))
    clocks = Clocks()
    watch(clocks, network, optimizer)
    batches = clocks.timed_batches(Batches(images, labels, work.batch_size, SEED).epoch(0))
    found: list[dict[str, float]] = []
    while True:
        clocks.parts = {}
        began = perf_counter()
        batch = next(batches, None)
        if batch is None or len(batch[0]) < work.batch_size:
            return found[len(found) // 10 :]  # the first steps make the buffers
        step(network, optimizer, *batch)
        total = perf_counter() - began
        found.append({**clocks.parts, "rest": total - sum(clocks.parts.values()), "total": total})


def profile_floor(work: Training, steps: int) -> list[dict[str, float]]:
    """The same for the bare products."""
    products = floor.Products(work.sizes, work.batch_size)
    found = []
    for _ in range(steps):
        began = perf_counter()
        products.forward()
        middle = perf_counter()
        products.backward()
        ended = perf_counter()
        parts = {"forward: dense layers": middle - began, "backward: dense layers": ended - middle}
        found.append({**parts, "total": ended - began})
    return found[steps // 10 :]


def summary(steps: list[dict[str, float]]) -> dict[str, float]:
    """Microseconds by part: medians, since another program's turn is no part of a step."""
    parts = [part for part in (*PARTS, "total") if part in steps[-1]]
    return {part: 1e6 * median(step[part] for step in steps) for part in parts}


def profile(*, quick: bool, step: Callable[..., float]) -> dict[str, Any]:
    """Both networks, in rounds: ours, then the floor."""
    steps, rounds = (QUICK_STEPS, 1) if quick else (STEPS, ROUNDS)
    found = {}
    for name, make in WORKS.items():
        work = make()
        work = make(steps * work.batch_size)
        mine, bare = [], []
        for _ in range(rounds):
            mine += profile_steps(work, step)
            bare += profile_floor(work, steps)
        found[name] = {"digits": summary(mine), "floor": summary(bare), "steps": len(mine)}
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.step_profile", description="Where one step's time goes."
    )
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="where the profile goes")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it works")
    parser.add_argument("--checked", action="store_true", help="steps by loss_and_gradients")
    parser.add_argument("--code", default="", metavar="TEXT", help="which version of digits this is, in words")
    options = parser.parse_args()
    step = checked_step if options.checked else usual_step
    described = machine.describe()
    code = described.pop("commit")  # of this checkout, which need not be where digits comes from
    works = profile(quick=options.quick, step=step)
    result = {"code": options.code or code, "machine": described, "works": works}
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
