"""What one and two threads of BLAS cost when other programs want the cores too: ``python -m benchmarks.busy``.

Why ``digits train`` takes one thread for small networks. Prints the median time of a step of 784-128-10.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.peers.ours import make_network, make_optimizer, training_step
from benchmarks.rows import small
from digits import load_mnist
from digits.data_parallel import DataParallel
from digits.data_preprocessing import Batches

REPETITIONS, STEPS = 7, 100
BUSY = "while True: pass"


def step_time(batches: Batches, repetition: int) -> float:
    """Seconds of one step, the mean of ``STEPS``."""
    work = small()
    parallel, optimizer = DataParallel(make_network(work.hidden), 1, work.batch_size), make_optimizer(work)
    began = perf_counter()
    for inputs, labels in islice(batches.epoch(repetition), STEPS):
        training_step(parallel, optimizer, inputs, labels)
    return (perf_counter() - began) / STEPS


def main() -> None:
    """Measure with no, one and two other programs."""
    images = load_mnist()[0]
    batches = Batches(images.images, images.labels, small().batch_size, seed=0)
    table = Table("busy programs beside it", "one thread", "two threads", box=None, pad_edge=False)
    for others in range(3):
        programs = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(others)]
        try:
            medians = []
            for threads in (1, 2):
                with threadpool_limits(threads):
                    medians.append(float(np.median([step_time(batches, number) for number in range(REPETITIONS)])))
        finally:
            for program in programs:
                program.kill()
                program.wait()
        table.add_row(str(others), *(f"{seconds * 1e6:,.0f} µs" for seconds in medians))
    Console().print(table)


if __name__ == "__main__":
    main()
