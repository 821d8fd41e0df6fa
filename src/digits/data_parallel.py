"""A batch in parts, computed side by side: data parallelism on the cores of one machine.

The gradient of a batch's loss is the sum of its parts' gradients. So each core takes a part through a network of its
own, with the same parameters but buffers and gradients for itself, and nobody waits for anybody until the sums are
made. All of a step is spread over the cores this way, not the matrix products only; and half a batch takes half the
memory, which the caches thank with more speed even where there is one core.

The first part is computed by whoever trains, each other one by a process of its own, a ``Worker``, in shared memory.
Threads would be simpler. But in Python only one thread at a time is outside of NumPy's loops, and two that do the same
come out of them at the same moments: they queued up at each of a hundred calls, which took 15 % of a step.

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
from typing import IO, Any, NamedTuple, Self, cast

import numpy as np

from digits.activations import Array
from digits.aligned_arrays import CACHE_LINE
from digits.layers import LAYERS, layer_from_config
from digits.neural_network import NeuralNetwork

# What a worker runs. The signals that end a whole group of processes are the trainer's affair, and before anything else
# is imported; what can be imported is what the trainer can import.
START = """
import json, signal, sys
for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(dir(signal)):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
sys.path[:] = json.loads(sys.argv[1])
from digits.data_parallel import work
work()
"""
LIBRARIES = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"
GONE = "a process that computed a part of each batch is gone"
PATIENCE = 3.0  # seconds that a worker may take to end


class DataParallel:
    """A network that computes each batch in parts, on as many cores.

    Args:
        network: that is trained. It computes the first part itself, and has the whole batch's gradients afterwards. The
            others compute with its layers as they are now, and with its parameters and statistics as they are at each
            step.
        parts: how many.
        batch_size: the largest number of images in a batch.

    Raises:
        ValueError: if another process could not make the network, because it has layers that are not in ``LAYERS``.
        OSError: if no process can be started.
    """

    def __init__(self, network: NeuralNetwork, parts: int, batch_size: int) -> None:
        strange = [type(layer).__name__ for layer in network.layers if type(layer) not in LAYERS.values()]
        if parts > 1 and (strange or type(network) is not NeuralNetwork):
            what = strange[0] if strange else type(network).__name__
            raise ValueError(f"another process cannot make a {what}, which is none of the library's; take one part")
        self.network = network
        self.parts = parts
        self.batch_size = batch_size
        self.workers: list[Worker] = []
        self._last_states: list[dict[str, Any]] = []
        self._threads = ThreadPoolExecutor(parts)
        self.end = weakref.finalize(self, end, self.workers)  # lets the workers end, now or with the object
        try:
            if parts > 1:
                self._start(network)
        except BaseException:
            self.end()  # the error's traceback keeps the object
            raise

    def _start(self, network: NeuralNetwork) -> None:
        """Start the workers, and wait until they are ready."""
        others, images = self.parts - 1, -(-self.batch_size // self.parts)
        setup = network.config() | {"dtype": network.dtype.str, "workers": others, "images": images}
        bits = cast(np.random.PCG64, network.random.bit_generator)
        with SharedMemory(size_of_desks(network, others, images)) as memory:
            self.parameters, desks = desks_in(memory.memory, network, others, images)
            for position, desk in enumerate(desks):
                self.workers.append(Worker(desk, memory))
                state = dict(bits.jumped(position + 1).state)  # each 0.6·2¹²⁸ numbers ahead of the one before
                self.workers[-1].ask(memory=memory.name, position=position, random=state, **setup)
            for worker in self.workers:
                worker.answer()

    def forward_backward(self, inputs: Array, labels: Array) -> float:
        """As ``NeuralNetwork.forward_backward``, for the whole batch.

        Raises:
            ValueError: if the batch is empty, or larger than was said, or the workers have ended.
            ChildProcessError: if a worker is gone, or its part cannot be computed.
        """
        count, network = len(inputs), self.network
        if not 1 <= count <= self.batch_size:
            raise ValueError(f"a batch has 1 to {self.batch_size} images here; got {count}")
        self._require_workers()
        first, *others = [part for part in cut(count, self.parts) if part.start < part.stop]
        busy = self.workers[: len(others)]
        if busy:
            for worker in busy:
                worker.settle()
            self.parameters[...] = network.parameters
        for worker, part in zip(busy, others, strict=True):
            worker.begin(inputs[part], labels[part], network.statistics, count)
        loss = network.forward_backward(inputs[first], labels[first], count)
        for worker in busy:
            loss += worker.answer()
            network.gradients += worker.desk.gradients
        if busy and network.statistics.size:
            network.statistics[...] = np.mean([network.statistics, *(each.desk.statistics for each in busy)], axis=0)
        return loss

    def logits(self, network: NeuralNetwork, images: Array) -> Array:
        """``network.logits(images)``, of any network: the first part here, the others in threads.

        Here threads will do: a finished network takes many images at once, so its calls are few and long.
        """
        first, *others = cut(len(images), self.parts)
        calls = [  # each in a copy of this thread's context, which holds NumPy's errstate
            self._threads.submit(copy_context().run, network.logits, images[part]) for part in others
        ]
        return np.concatenate([network.logits(images[first]), *(call.result() for call in calls)])

    def random_states(self) -> list[dict[str, Any]]:
        """The random states of all parts, for a checkpoint.

        Raises:
            ChildProcessError: if a worker is gone.
        """
        others = [worker.random_state() for worker in self.workers] or self._last_states
        return [dict(self.network.random.bit_generator.state), *others]

    def close(self) -> None:
        """Let the workers end, when there are no more batches. A last checkpoint can still be made."""
        self._last_states = self.random_states()[1:]
        self.end()

    def restore(self, random_states: list[dict[str, Any]], statistics: Array) -> None:
        """Go back to what a checkpoint has.

        Raises:
            ArithmeticError, LookupError, TypeError, ValueError: if it is of another number of parts, or one of the
                states is none, or the workers have ended.
            ChildProcessError: if a worker is gone.
        """
        if len(random_states) != self.parts:
            raise ValueError(f"the random states of {len(random_states)} parts; here are {self.parts}")
        self._require_workers()
        for state in random_states:
            np.random.PCG64().state = cast(Any, state)
        self.network.random.bit_generator.state = random_states[0]
        self.network.statistics[...] = statistics
        for worker, state in zip(self.workers, random_states[1:], strict=True):
            worker.random_state(state)

    def _require_workers(self) -> None:
        if len(self.workers) < self.parts - 1:
            raise ValueError("the workers have ended, so no more can be computed")


class Desk(NamedTuple):
    """Where a worker finds its part of a batch and leaves what came of it: shared memory."""

    inputs: Array  # (images, pixels)
    labels: Array  # (images,)
    targets: Array  # (images, classes): used instead of the labels where these are probabilities
    gradients: Array  # (n_parameters,)
    statistics: Array  # (n_statistics,)


def _arrays(network: NeuralNetwork, workers: int, images: int) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shapes and types of what is shared: the parameters, then each worker's desk."""
    dtype, parameters = network.dtype, network.parameters.shape
    desk: list[tuple[tuple[int, ...], np.dtype[Any]]] = [
        ((images, prod(network.input_shape)), dtype),
        ((images,), np.dtype(np.intp)),
        ((images, network.classes), dtype),
        (parameters, dtype),
        (network.statistics.shape, dtype),
    ]
    return [(parameters, dtype), *desk * workers]


def _sizes(arrays: list[tuple[tuple[int, ...], np.dtype[Any]]]) -> list[int]:
    """The bytes of each array, to the end of its last cache line."""
    return [-(-prod(shape) * dtype.itemsize // CACHE_LINE) * CACHE_LINE for shape, dtype in arrays]


def size_of_desks(network: NeuralNetwork, workers: int, images: int) -> int:
    """How many bytes ``desks_in`` needs."""
    return sum(_sizes(_arrays(network, workers, images)))


def desks_in(memory: mmap.mmap, network: NeuralNetwork, workers: int, images: int) -> tuple[Array, list[Desk]]:
    """Lay out shared memory: ``(n_parameters,)`` parameters, and a desk for each worker; the same in each process.

    Args:
        memory: of ``size_of_desks`` bytes.
        network: what it is shared for.
        workers: how many.
        images: the most that a worker has in one batch.
    """
    arrays = _arrays(network, workers, images)
    starts = np.cumsum([0, *_sizes(arrays)]).tolist()
    parameters, *rest = [
        np.frombuffer(memory, dtype, prod(shape), start).reshape(shape)
        for (shape, dtype), start in zip(arrays, starts, strict=False)
    ]
    width = len(Desk._fields)
    return parameters, [Desk(*rest[start : start + width]) for start in range(0, len(rest), width)]


class SharedMemory:
    """Memory that processes share and that nobody has to remove: it is gone with the last of them.

    On Windows it has a name while anybody has it. Elsewhere it is a file that has none; a process gets it with its
    start, under the number ``name``.
    """

    def __init__(self, size: int) -> None:
        if sys.platform == "win32":
            self.name: int | str = f"digits-{os.getpid()}-{os.urandom(8).hex()}"
            self.memory = mmap.mmap(-1, size, tagname=self.name)
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.write(bytes(size))  # now, while a full disk is an error that can be told
            self._file.flush()
            self.name = self._file.fileno()
            self.memory = mmap.mmap(self.name, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; the memory remains as long as there are arrays in it."""
        if sys.platform != "win32":
            self._file.close()

    @staticmethod
    def of_parent(name: int | str, size: int) -> mmap.mmap:
        """The same memory, in a process that was started with it."""
        if sys.platform == "win32":
            return mmap.mmap(-1, size, tagname=cast(str, name))
        memory = mmap.mmap(cast(int, name), size)
        os.close(cast(int, name))
        return memory


class Worker:
    """A process that computes one part of each batch. It ends when the pipe to it is closed, however that comes about.

    Both sides write lines of JSON. Each question has a number, and the answer has it too: after a Ctrl-C between them,
    the next to ask passes over what nobody took.
    """

    def __init__(self, desk: Desk, memory: SharedMemory) -> None:
        self.desk = desk
        self._asked = self._answered = 0
        apart: dict[str, Any] = {}
        if sys.platform != "win32":
            apart = {"process_group": 0, "pass_fds": [memory.name]}  # Ctrl-C in the terminal is for the trainer
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", START, json.dumps([path for path in sys.path if isinstance(path, str)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(LIBRARIES, "1"),
            **apart,
        )
        self._questions, self._answers = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)

    def begin(self, inputs: Array, labels: Array, statistics: Array, count: int) -> None:
        """Have a part of a batch of ``count`` images computed; ``answer`` then has its share in the loss."""
        images = len(inputs)
        self.desk.inputs[:images] = inputs.reshape(images, -1)
        (self.desk.labels if labels.ndim == 1 else self.desk.targets)[:images] = labels
        self.desk.statistics[...] = statistics
        self.ask(images=images, count=count, labelled=labels.ndim == 1)

    def random_state(self, state: dict[str, Any] | None = None) -> dict[str, Any]:
        """Its generator's state, after it was set to another one, if there is any."""
        self.ask(state=state)
        return cast(dict[str, Any], self.answer())

    def settle(self) -> None:
        """Let it finish what nobody waited for, before its desk is used again."""
        if self._answered < self._asked:
            self.random_state()

    def ask(self, **question: Any) -> None:
        """Send a question: one line."""
        self._asked += 1
        try:
            write_line(self._questions, question | {"number": self._asked})
        except OSError as error:
            raise ChildProcessError(GONE) from error

    def answer(self) -> Any:
        """The answer to the last question.

        Raises:
            ChildProcessError: if there comes none.
        """
        for line in self._answers:
            if not line.startswith(b"{"):  # somebody's start-up file prints
                continue
            answer = json.loads(line)
            if answer["number"] == self._asked:
                self._answered = self._asked
                if "error" in answer:
                    raise ChildProcessError(f"a part of the batch could not be computed: {answer['error']}")
                return answer["answer"]
        raise ChildProcessError(GONE)


def end(workers: list[Worker]) -> None:
    """Let workers end, all at once."""
    for worker in workers:
        for pipe in (worker.process.stdin, worker.process.stdout):
            with suppress(OSError):
                cast(IO[bytes], pipe).close()
    for worker in workers:
        try:
            worker.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
    workers.clear()


def work() -> None:
    """Be a worker, until nobody asks any more, or nobody listens."""
    setup = json.loads(sys.stdin.buffer.readline() or "null")
    if setup is None:
        return
    network = NeuralNetwork([*map(layer_from_config, setup["layers"])], setup["input_shape"], dtype=setup["dtype"])
    shared = network, setup["workers"], setup["images"]
    parameters, desks = desks_in(SharedMemory.of_parent(setup["memory"], size_of_desks(*shared)), *shared)
    desk = desks[setup["position"]]
    network.lay_out(parameters, desk.gradients, desk.statistics)
    network.random.bit_generator.state = setup["random"]
    quiet = np.errstate(over="ignore", invalid="ignore")  # the trainer looks at the loss
    with suppress(OSError), quiet, os.fdopen(1, "wb", buffering=0) as answers:  # so that nothing is left to write
        write_line(answers, {"number": setup["number"], "answer": None})
        for line in sys.stdin.buffer:
            question = json.loads(line)
            try:
                answer = {"answer": _answer(question, network, desk)}
            except Exception as error:  # noqa: BLE001  whatever it is, the trainer shall know
                answer = {"error": repr(error)}
            write_line(answers, answer | {"number": question["number"]})


def _answer(question: dict[str, Any], network: NeuralNetwork, desk: Desk) -> Any:
    """The loss of a part, or the random state."""
    if "images" in question:
        images, labels = question["images"], desk.labels if question["labelled"] else desk.targets
        return network.forward_backward(desk.inputs[:images], labels[:images], question["count"])
    if question["state"] is not None:
        network.random.bit_generator.state = question["state"]
    return dict(network.random.bit_generator.state)


def write_line(pipe: IO[bytes], content: dict[str, Any]) -> None:
    """Send a line of JSON at once."""
    pipe.write(json.dumps(content).encode() + b"\n")
    pipe.flush()


def cut(count: int, parts: int) -> list[slice]:
    """Cut ``count`` things into parts of equal size, or nearly."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]
