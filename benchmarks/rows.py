"""What is compared with what, and the targets. Everything else here does what this page says."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.work import Inference, Training, Warping, Work


@dataclass(frozen=True)
class Peer:
    """A contender.

    Attributes:
        label: its name in the table.
        module: of ``benchmarks.peers``.
        version_of: the distribution that its version is that of.
    """

    label: str
    module: str
    version_of: str


PEERS = {
    "digits": Peer("digits", "ours", "digits"),
    "floor": Peer("bare np.matmul", "floor", "numpy"),
    "pytorch": Peer("PyTorch, eager", "pytorch", "torch"),
    "pytorch-channels-last": Peer("PyTorch, channels_last", "pytorch_channels_last", "torch"),
    "pytorch-compile": Peer("PyTorch, torch.compile", "pytorch_compile", "torch"),
    "jax": Peer("JAX, jitted step", "jax_step", "jax"),
    "jax-scan": Peer("JAX, whole epoch in lax.scan", "jax_scan", "jax"),
    "scikit-learn": Peer("scikit-learn, MLPClassifier", "scikit_learn", "scikit-learn"),
    "neural-network-digits": Peer("neural-network-digits", "neural_network_digits", "neural-network-digits"),
    "onnxruntime": Peer("ONNX Runtime", "onnx_runtime", "onnxruntime"),
    "onnxruntime-one-thread": Peer("ONNX Runtime, one thread", "onnx_runtime_one_thread", "onnxruntime"),
    "scipy": Peer("SciPy, one core", "scipy_ndimage", "scipy"),
    "map-coordinates": Peer("map_coordinates alone, one core", "map_coordinates", "scipy"),
}


@dataclass(frozen=True)
class Row:
    """Ours beside one peer.

    Attributes:
        peer: a name of ``PEERS``.
        target: ours / theirs, at most; None where there is none.
    """

    peer: str
    target: float | None = None


@dataclass(frozen=True)
class Group:
    """One work, done in turns by all who can.

    Attributes:
        name: as ``--only`` takes it.
        about: the work in the words of the table.
        work: what is done.
        quick: what is done with ``--quick``.
        rows: with whom ours is compared.
        tolerances: how far apart evidence of two sides may be, as a share, where it may be more than 1 %.
        threads: of each side; None leaves it to the libraries.
    """

    name: str
    about: str
    work: Work
    quick: Work
    rows: tuple[Row, ...]
    tolerances: dict[str, float] = field(default_factory=dict)
    threads: int | None = None


def small(images: int = 60_000) -> Training:
    """The network that is compared with everybody."""
    return Training((128,), batch_size=64, optimizer="momentum", learning_rate=0.05, images=images)


def large(images: int = 60_000) -> Training:
    """A network whose time is mostly in its matrix products."""
    return Training((1024, 512), batch_size=128, optimizer="adamw", learning_rate=1e-3, images=images)


def convolutional(images: int = 60_000) -> Training:
    """5×5×16 – pool – 5×5×32 – pool – 128 – 10."""
    return Training((128,), 100, "momentum", learning_rate=0.05, images=images, filters=(16, 32))


GROUPS = (
    Group(
        "epoch-small",
        "epoch 784-128-10, batch 64, momentum",
        small(),
        small(6_000),
        (
            Row("pytorch", 0.50),
            Row("pytorch-compile", 0.80),
            Row("jax", 0.80),
            Row("jax-scan"),
            Row("scikit-learn", 0.45),
            Row("neural-network-digits"),
            Row("floor", 1.45),
        ),
    ),
    Group(
        "epoch-small-one-thread",
        "the same, each in one thread",
        small(),
        small(6_000),
        (Row("pytorch"), Row("floor")),
        threads=1,
    ),
    Group(
        "epoch-large",
        "epoch 784-1024-512-10, batch 128, AdamW",
        large(),
        large(1_500),
        (Row("pytorch", 0.95), Row("pytorch-compile"), Row("jax"), Row("jax-scan"), Row("floor", 1.25)),
        tolerances={"loss after the epoch": 0.10},  # of rounding errors; see Trainer.repeat
    ),
    Group(
        "epoch-cnn",
        "epoch 5×5×16 – pool – 5×5×32 – pool – 128 – 10, batch 100, momentum",
        convolutional(),
        convolutional(1_000),
        (Row("pytorch", 1.0), Row("pytorch-channels-last"), Row("pytorch-compile")),
        tolerances={"loss after the epoch": 0.10},  # of rounding errors; see Trainer.repeat
    ),
    Group(
        "latency",
        "one image, 784-128-10",
        Inference((128,), images=1, calls=4_000),
        Inference((128,), images=1, calls=400),
        (Row("pytorch", 0.50), Row("onnxruntime-one-thread", 1.0)),
    ),
    Group(
        "throughput",
        "10,000 images, 784-128-10",
        Inference((128,), images=10_000, calls=40),
        Inference((128,), images=10_000, calls=4),
        (Row("pytorch", 0.9), Row("onnxruntime")),
    ),
    Group(
        "warps",
        "random affine + elastic warp of an image",
        Warping(images=20_480),
        Warping(images=1_024),
        (Row("scipy", 0.08), Row("map-coordinates", 0.08), Row("pytorch", 0.8)),
        tolerances={"mean brightness": 0.03, "mean displacement": 0.03},  # each side draws its own random numbers
    ),
)


@dataclass(frozen=True)
class StartRow:
    """How long a whole process takes, beside one that only imports NumPy.

    Attributes:
        name: as ``--only`` takes it.
        about: what it does, in the words of the table.
        arguments: of the interpreter.
        target: ours / theirs, at most.
    """

    name: str
    about: str
    arguments: tuple[str, ...]
    target: float | None = None


BASELINE = ("-c", "import numpy")
STARTS = (
    StartRow("start/import", "import digits", ("-c", "import digits"), 1.15),
    StartRow("start/network", "from digits import NeuralNetwork", ("-c", "from digits import NeuralNetwork")),
    StartRow("start/help", "digits --help", ("-m", "digits", "--help"), 2.0),
)


@dataclass(frozen=True)
class MemoryRow:
    """Peak resident memory of a command.

    Attributes:
        name: as ``--only`` takes it.
        about: in the words of the table.
        options: of ``digits train``.
        csv_rows: of the CSV file to train on; 0 trains on MNIST.
        target: megabytes (10⁶ bytes), at most.
    """

    name: str
    about: str
    options: tuple[str, ...]
    csv_rows: int
    target: float


SHORT = ("--recipe", "plain", "--hidden", "16", "--epochs", "1", "--batch-size", "256")
MEMORY = (
    MemoryRow("memory/quick", "training the recipe quick", ("--recipe", "quick"), 0, 260),
    MemoryRow("memory/csv", "training on a CSV file of {rows:,} rows", SHORT, 1_000_000, 1_300),
)
QUICK_CSV_ROWS = 20_000

EXTRAS = ("growth", "profile")


def names() -> list[str]:
    """All that ``--only`` takes: groups and single rows."""
    found = []
    for group in GROUPS:
        found += [group.name, *(f"{group.name}/{row.peer}" for row in group.rows)]
    return [*found, "start", *(row.name for row in STARTS), "memory", *(row.name for row in MEMORY), *EXTRAS]


def wanted(name: str, only: list[str]) -> bool:
    """Whether a row, ``group/peer``, is among those asked for; all are where nothing is."""
    return not only or name in only or name.split("/", maxsplit=1)[0] in only
