"""Writes MNIST's training set as a CSV file of any number of rows: ``python -m benchmarks.csv_file FILE ROWS``.

A process of its own: the command that measures memory must stay small.
"""

from __future__ import annotations

import sys
from pathlib import Path

from digits import load_mnist


def main() -> None:
    """Label first, then 784 pixels, in each row."""
    path, count = Path(sys.argv[1]), int(sys.argv[2])
    train_set, _ = load_mnist()
    texts = [str(value).encode() for value in range(256)]
    lines = [
        b",".join([texts[label], *(texts[pixel] for pixel in image)]) + b"\n"
        for image, label in zip(
            train_set.images[:count].reshape(-1, 784).tolist(), train_set.labels.tolist(), strict=False
        )
    ]
    with path.open("wb") as file:
        for start in range(0, count, len(lines)):
            file.writelines(lines[: count - start])


if __name__ == "__main__":
    main()
