"""A batch in parts, computed side by side: data parallelism on the cores of one machine.

The gradient of a batch's loss is the sum of its parts' gradients. So each core takes a part through a network of its
own, which shares the parameters but has buffers and gradients for itself, and nobody waits for anybody until the sums
are made. All of a step is spread over the cores this way, not the matrix products only; and half a batch takes half the
memory, which the caches thank with more speed even where there is one core.

The first part is computed by whoever trains, each other one by a process of its own, a ``Worker``, that sees the same
memory. Threads would be simpler. But in Python only one thread at a time is outside of NumPy's loops, and two that do
the same come out of them at the same moments: they queued up at each of a hundred calls, which took 15 % of a step.

The result depends on the number of parts, not on the number of cores: whichever process is faster, the sums are made in
the same order. Batch normalisation takes its means over a part (Hoffer, Hubara and Soudry 2017 call that "ghost batch
normalization" and find that it helps).
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np

from digits.activations import Array
from digits.aligned_arrays import CACHE_LINE
from digits.layers import LAYERS, layer_from_config
from digits.neural_network import NeuralNetwork

LIBRARIES = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
GONE = "a process that computed a part of each batch is gone"
PATIENCE = 10.0  # seconds that a worker may take to end


class DataParallel:
    """A network that computes each batch in parts, on as many cores.

    Args:
        network: that is trained. It computes the first part itself, and has the whole batch's gradients afterwards.
            With more than one part, its parameters move into memory that the workers see too.
        parts: how many.
        batch_size: the largest number of images in a batch.

    Raises:
        ValueError: if a worker could not make the network: one of its layers is not of ``digits.layers``.
        OSError: if no process can be started.
    """

    def __init__(self, network: NeuralNetwork, parts: int, batch_size: int) -> None:
        strange = [layer for layer in network.layers if LAYERS.get(type(layer).__name__) is not type(layer)]
        if parts > 1 and strange:
            raise ValueError(f"another process cannot make {strange[0]!r}: it is not of digits.layers. Take one part")
        self.network = network
        self.parts = parts
        self._threads = ThreadPoolExecutor(parts)
        self.workers: list[Worker] = []
        if parts == 1:
            return
        handle, path = tempfile.mkstemp(prefix="digits-")
        os.close(handle)
        file = Path(path)
        weakref.finalize(self, end, self.workers, file)  # with the object, or with the program
        images = -(-batch_size // parts)
        parameters, desks = share(file, network, parts - 1, images, make=True)
        parameters[...] = network.parameters
        network.lay_out(parameters, network.gradients, network.statistics)
        setup = network.config() | {"dtype": network.dtype.str, "file": path, "workers": parts - 1, "images": images}
        bits = cast(np.random.PCG64, network.random.bit_generator)
        for position, desk in enumerate(desks):
            state = dict(bits.jumped(position + 1).state)  # each 2¹²⁷ numbers ahead of the one before
            self.workers.append(Worker(desk, setup | {"position": position, "random": state}))

    def forward_backward(self, inputs: Array, labels: Array) -> float:
        """As ``NeuralNetwork.forward_backward``, for the whole batch.

        Raises:
            ChildProcessError: if a worker is gone.
        """
        count, network = len(inputs), self.network
        first, *others = [part for part in cut(count, self.parts) if part.start < part.stop]
        busy = self.workers[: len(others)]
        for worker, part in zip(busy, others, strict=True):
            worker.desk.statistics[...] = network.statistics
            worker.begin(inputs[part], labels[part], count)
        loss = network.forward_backward(inputs[first], labels[first], count)
        for worker in busy:
            loss += worker.answer()
            network.gradients += worker.desk.gradients
        if busy and network.statistics.size:
            network.statistics[...] = np.mean([network.statistics, *(each.desk.statistics for each in busy)], axis=0)
        return loss

    def logits(self, network: NeuralNetwork, images: Array) -> Array:
        """``network.logits(images)``, of any network: the parts in threads, each with this thread's ``errstate``."""
        calls = [
            self._threads.submit(copy_context().run, network.logits, images[part])
            for part in cut(len(images), self.parts)
        ]
        return np.concatenate([call.result() for call in calls])

    def random_states(self) -> list[dict[str, Any]]:
        """The random states of all parts, for a checkpoint."""
        return [dict(self.network.random.bit_generator.state), *(worker.random_state() for worker in self.workers)]

    def restore(self, random_states: list[dict[str, Any]], statistics: Array) -> None:
        """Go back to what a checkpoint has.

        Raises:
            ValueError: if it is of another number of parts.
        """
        first, *others = random_states
        self.network.random.bit_generator.state = first
        self.network.statistics[...] = statistics
        for worker, state in zip(self.workers, others, strict=True):
            worker.random_state(state)


class Desk(NamedTuple):
    """Where a worker finds its part of a batch and leaves what came of it: shared memory."""

    inputs: Array  # (images, pixels)
    labels: Array  # (images,)
    targets: Array  # (images, classes): used instead of the labels where these are probabilities
    gradients: Array  # (n_parameters,)
    statistics: Array  # (n_statistics,)


def share(
    file: Path, network: NeuralNetwork, workers: int, images: int, make: bool = False
) -> tuple[Array, list[Desk]]:
    """Map a file into memory: the parameters, and a desk for each worker.

    Args:
        file: which.
        network: what it is shared for.
        workers: how many.
        images: the most that a worker has in one batch.
        make: write the file, of zeros, first.

    Returns:
        ``(n_parameters,)`` parameters, and the desks; the same memory in each process.
    """
    dtype, count = network.dtype, network.parameters.size
    of_desk: list[tuple[tuple[int, ...], Any]] = [
        ((images, prod(network.input_shape)), dtype),
        ((images,), np.dtype(np.intp)),
        ((images, network.classes), dtype),
        ((count,), dtype),
        ((network.statistics.size,), dtype),
    ]
    arrays = [((count,), dtype), *of_desk * workers]
    sizes = [-(-prod(shape) * kind.itemsize // CACHE_LINE) * CACHE_LINE for shape, kind in arrays]
    if make:
        file.write_bytes(bytes(sum(sizes)))
    with file.open("r+b") as opened:
        memory = mmap.mmap(opened.fileno(), sum(sizes))
    starts = np.cumsum([0, *sizes]).tolist()
    parameters, *rest = [
        np.frombuffer(memory, kind, prod(shape), start).reshape(shape)
        for (shape, kind), start in zip(arrays, starts, strict=False)
    ]
    return parameters, [Desk(*rest[start : start + len(of_desk)]) for start in range(0, len(rest), len(of_desk))]


class Worker:
    """A process that computes one part of each batch. It ends when the pipe to it is closed, however that comes about.

    Both sides write lines of JSON. Each question has a number, and the answer has it too: if somebody pressed Ctrl-C
    between them, the next to ask passes over an answer that nobody took.
    """

    def __init__(self, desk: Desk, setup: dict[str, Any]) -> None:
        self.desk = desk
        self._asked = 0
        here = str(Path(__file__).parents[1])  # which need not be installed
        paths = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        apart: dict[str, Any] = {"process_group": 0}  # from those whom Ctrl-C in the terminal stops
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "digits.data_parallel"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(LIBRARIES, "1") | {"PYTHONPATH": paths},
            **apart,
        )
        self._questions, self._answers = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)
        self._ask("set up", **setup)

    def begin(self, inputs: Array, labels: Array, count: int) -> None:
        """Have a part of a batch of ``count`` images computed; ``answer`` then has its share in the loss."""
        images = len(inputs)
        self.desk.inputs[:images] = inputs.reshape(images, -1)
        place = self.desk.labels if labels.ndim == 1 else self.desk.targets
        place[:images] = labels
        self._ask("compute", images=images, count=count, labelled=labels.ndim == 1)

    def random_state(self, state: dict[str, Any] | None = None) -> dict[str, Any]:
        """Its generator's state, after it was set to another one, if there is any."""
        self._ask("random state", state=state)
        return cast(dict[str, Any], self.answer())

    def _ask(self, what: str, **details: Any) -> None:
        self._asked += 1
        try:
            write_line(self._questions, {"number": self._asked, "what": what} | details)
        except BrokenPipeError as error:
            raise ChildProcessError(GONE) from error

    def answer(self) -> Any:
        """The answer to the last question.

        Raises:
            ChildProcessError: if there comes none.
        """
        for line in self._answers:
            answer = json.loads(line)
            if answer["number"] == self._asked:
                return answer["answer"]
        raise ChildProcessError(GONE)

    def end(self) -> None:
        """Let the process end."""
        for pipe in (self._questions, self._answers):
            with suppress(OSError):
                pipe.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def end(workers: list[Worker], file: Path) -> None:
    """Let workers end, and remove the file."""
    for worker in workers:
        worker.end()
    with suppress(OSError):
        file.unlink()


def work(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Be a worker, until nobody asks any more, or nobody listens."""
    for line in questions:
        setup = json.loads(line)
        with suppress(BrokenPipeError):
            _answer(setup, questions, answers)
        with suppress(OSError):
            Path(setup["file"]).unlink()  # nobody else does, if the trainer was killed


def _answer(setup: dict[str, Any], questions: IO[bytes], answers: IO[bytes]) -> None:
    """Make the network, and compute what is asked."""
    network = NeuralNetwork([*map(layer_from_config, setup["layers"])], setup["input_shape"], dtype=setup["dtype"])
    parameters, desks = share(Path(setup["file"]), network, setup["workers"], setup["images"])
    desk = desks[setup["position"]]
    network.lay_out(parameters, desk.gradients, desk.statistics)
    network.random.bit_generator.state = setup["random"]
    for line in questions:
        question = json.loads(line)
        answer: Any
        if question["what"] == "compute":
            images, labels = question["images"], desk.labels if question["labelled"] else desk.targets
            answer = network.forward_backward(desk.inputs[:images], labels[:images], question["count"])
        else:
            if question["state"]:
                network.random.bit_generator.state = question["state"]
            answer = dict(network.random.bit_generator.state)
        write_line(answers, {"number": question["number"], "answer": answer})


def write_line(pipe: IO[bytes], content: dict[str, Any]) -> None:
    """Send a line of JSON at once."""
    pipe.write(json.dumps(content).encode() + b"\n")
    pipe.flush()


def cut(count: int, parts: int) -> list[slice]:
    """Cut ``count`` things into parts of equal size, or nearly."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


if __name__ == "__main__":
    quiet = np.errstate(over="ignore", invalid="ignore")  # the trainer looks at the loss
    with quiet, os.fdopen(1, "wb", buffering=0) as stdout:  # unbuffered: if nobody listens, nothing is left to write
        work(sys.stdin.buffer, stdout)
