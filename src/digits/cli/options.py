"""Options that several commands share, and what is checked of them before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

SEED = click.IntRange(0, 2**63 - 1)
file_type = click.Path(path_type=Path, readable=False)  # what cannot be read gets a sentence of ours
model_option = click.option(
    "--model",
    metavar="FILE|NAME",
    help="A model file, or the name of a shipped model. [default: model.pkl here, else the shipped one]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
train_data_option = click.option(
    "--train-data",
    type=file_type,
    metavar="F",
    help="CSV or IDX file of training images. [default: data/train.csv, else MNIST]",
)
test_data_option = click.option(
    "--test-data", type=file_type, metavar="F", help="CSV or IDX file to test on. [default: data/test.csv, else MNIST]"
)


class Sizes(click.ParamType[tuple[int, ...]]):
    """``128,64`` → ``(128, 64)``."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read whole numbers with commas between them."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers like 128,64", param, ctx)


def require_figure(path: Path) -> None:
    """Fail now, not after the work, if a figure cannot be drawn or written."""
    from digits.atomic_files import require_writable
    from digits.plots import file_format

    file_format(path)
    require_writable(path)


def require_plots(folder: Path) -> None:
    """The same of figures in a folder."""
    require_figure(folder / "figure.png")
