"""What the tests of reading share: digits to write with, and readers."""

from __future__ import annotations

import pytest

from digits import Dataset
from digits.model_files import load_model
from digits.reading import Reader


@pytest.fixture(scope="session")
def train(mnist: tuple[Dataset, Dataset]) -> Dataset:
    """Training images: what is tuned or counted here must not touch the test set."""
    return mnist[0]


@pytest.fixture(scope="session")
def reader() -> Reader:
    """One that reads well."""
    return Reader(load_model("gentle-cnn").network)


@pytest.fixture(scope="session")
def quick_reader() -> Reader:
    """One that reads fast."""
    return Reader(load_model("quick").network)
