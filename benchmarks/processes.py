"""Processes: their environment, and workers that work in turns while the others stand still.

Linux and macOS: it needs signals that stop a process and let it go on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any, Self, cast

from benchmarks.measurement import Measurement
from benchmarks.rows import PEERS
from benchmarks.work import Work, to_json

ROOT = Path(__file__).parent.parent
PATIENCE = 300.0  # seconds until a worker that does not answer is given up; torch.compile may take one minute
PAUSE = 0.02  # seconds between two turns

# Libraries choose kernels and threads by the machine. These variables would choose for them, or for some of them.
OF_BLAS = ("BLIS_", "GOTO_", "MKL_", "NVPL_", "OPENBLAS_", "VECLIB_")
OF_OPENMP = ("GOMP_", "KMP_", "OMP_")
OF_LIBRARIES = ("ATEN_", "DNNL_", "NPY_", "ONEDNN_", "XLA_")
PYTHON = ("PYTHONDONTWRITEBYTECODE", "PYTHONOPTIMIZE", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONPROFILEIMPORTTIME")


def tuning_variables(environment: Mapping[str, str]) -> list[str]:
    """The names of variables that would tune one side of a comparison."""
    return sorted(name for name in environment if name.startswith(OF_BLAS + OF_OPENMP + OF_LIBRARIES) or name in PYTHON)


def use_cores(count: int) -> int:
    """Keep this process, and those it starts, to so many cores; return how many it has then."""
    if not hasattr(os, "sched_setaffinity"):  # macOS
        return os.cpu_count() or 1
    cores = sorted(os.sched_getaffinity(0))[:count]
    os.sched_setaffinity(0, cores)
    return len(cores)


def python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start this interpreter at the root of the repository."""
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, **{"cwd": ROOT, "text": True, **options})


class WorkerError(Exception):
    """A process could not do what it was told."""


class Worker:
    """A process of ``benchmarks.worker``. It is stopped whenever it is not its turn.

    Args:
        peer: a name of ``PEERS``.
        threads: that it may take; None leaves it to its library.
    """

    def __init__(self, peer: str, threads: int | None = None) -> None:
        self.peer = peer
        self.threads = threads

    def __enter__(self) -> Self:
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        pipe = subprocess.PIPE
        self.process = python("-m", "benchmarks.worker", stdin=pipe, stdout=pipe, stderr=self.errors)
        self.orders, self.answers = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # a stopped process hears nothing else
        self.process.wait()
        with suppress(BrokenPipeError):  # closing writes what is left
            self.orders.close()
        self.answers.close()
        self.errors.close()

    def send(self, message: dict[str, Any]) -> None:
        """Let it go on, and tell it something."""
        with suppress(BrokenPipeError):  # it has ended; who waits for the answer will see
            self.process.send_signal(signal.SIGCONT)
            self.orders.write(json.dumps(message) + "\n")
            self.orders.flush()

    def receive(self) -> dict[str, Any]:
        """Wait for its answer, and stop it.

        Raises:
            WorkerError: if it could not do it, ended, or does not answer.
        """
        if not select.select([self.answers], [], [], PATIENCE)[0]:
            self.process.kill()  # or it would disturb the others
            raise WorkerError(f"no answer within {PATIENCE:.0f} s")
        line = self.answers.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise WorkerError(f"its process ended with status {self.process.wait()}: {last[0]}")
        self.process.send_signal(signal.SIGSTOP)
        answer: dict[str, Any] = json.loads(line)
        if "problem" in answer:
            raise WorkerError(answer["problem"])
        return answer

    def prepare(self, work: Work) -> None:
        """Tell it what it will repeat; ``receive`` its answer."""
        self.send({"prepare": to_json(work), "module": PEERS[self.peer].module, "threads": self.threads})

    def repeat(self) -> dict[str, Any]:
        """One repetition: seconds and evidence."""
        sleep(PAUSE)
        self.send({"repeat": True})
        return self.receive()


@contextmanager
def start_workers(peers: list[str], threads: int | None = None) -> Iterator[list[Worker]]:
    """Workers for peers, which end with the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(Worker(peer, threads)) for peer in peers]


def interleave(workers: list[Worker], work: Work, repetitions: int) -> dict[str, Measurement]:
    """Let workers do a work in turns, A B C A B C …, after a turn each that does not count.

    They prepare at the same time, which is not measured. Who fails is left out of the following turns.
    """
    found = {worker.peer: Measurement() for worker in workers}
    for worker in workers:
        worker.prepare(work)
    for worker in workers:
        attempt(found[worker.peer], worker.receive)
    for turn in range(-1, repetitions):
        for worker in workers:
            measurement = found[worker.peer]
            answer = None if measurement.problem else attempt(measurement, worker.repeat)
            if answer and turn >= 0:
                measurement.seconds.append(answer["seconds"])
                measurement.evidence = answer["evidence"]
    return found


def attempt(measurement: Measurement, action: Any) -> dict[str, Any] | None:
    """Do something with a worker; a failure becomes the measurement's problem."""
    try:
        answer: dict[str, Any] = action()
    except WorkerError as error:
        measurement.problem = str(error).splitlines()[0]
        return None
    return answer


def run_alone(*arguments: str, **options: Any) -> tuple[float, int]:
    """Run a whole process: seconds, and its peak resident memory in bytes.

    Linux counts the parent's memory for a child until the child has become another program, so this process must stay
    smaller than what it measures: it imports no NumPy.

    Raises:
        WorkerError: if the process fails.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        began = monotonic()
        process = python(*arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            last = output.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise WorkerError(f"python {' '.join(arguments)} failed with status {process.returncode}: {last[0]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit
