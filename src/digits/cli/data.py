"""``digits data``: what is loaded from where, and the same as files."""

from __future__ import annotations

from pathlib import Path

import click

from digits.cli.messages import print_json, say
from digits.cli.options import file_type, json_option, test_data_option, train_data_option


@click.group()
def data() -> None:
    """Look at the data that is used, or write it out."""


@data.command()
@json_option
def info(as_json: bool) -> None:
    """Say what is loaded from where."""
    from digits.datasets import data_info
    from digits.terminal import make_console, show_data_info

    found = data_info()
    if as_json:
        print_json(found)
    else:
        show_data_info(found, make_console())


@data.command()
@click.option("--format", "file_format", type=click.Choice(["csv", "idx"]), required=True)
@click.option("--out", type=file_type, required=True, metavar="DIR", help="The folder to write into.")
@train_data_option
@test_data_option
def export(file_format: str, out: Path, train_data: Path | None, test_data: Path | None) -> None:
    """Write training and test set as CSV (as Kaggle's) or IDX (as MNIST's) files.

    \b
    Example:
      digits data export --format csv --out data
    """
    from digits.datasets import export as write
    from digits.datasets import load_test, load_train

    for part, dataset in (("train", load_train(train_data)), ("test", load_test(test_data))):
        say(f"{part}: {dataset.source}, {len(dataset):,} images")
        for path in write(dataset, part, file_format, out):
            say(f"saved {path}")
