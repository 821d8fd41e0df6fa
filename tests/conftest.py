"""What all tests share: a cache and a working folder of their own, and a few real images."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from commands import Commands
from digits import Dataset, load_mnist
from digits.datasets import export

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background by a shell, which is no terminal
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("patient", deadline=None)  # a test that waits for the processor is not wrong
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Processes that test beside each other have one thread each, or threads would wait for threads."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of it; processes that tests start inherit the setting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def mnist() -> tuple[Dataset, Dataset]:
    return load_mnist()


@pytest.fixture(scope="session")
def small_set(mnist: tuple[Dataset, Dataset]) -> Dataset:
    """600 training images: the last 100 of them are held out to validate."""
    train_set, _ = mnist
    return Dataset(train_set.images[:600], train_set.labels[:600], source="600 images")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Run commands in an empty working directory."""
    return Commands(monkeypatch, capsys)


@pytest.fixture
def small_files(folder: Path, small_set: Dataset) -> Path:
    """``data/train.csv`` of 600 images and ``data/test.csv`` of 100, in the working directory."""
    export(small_set, "train", "csv", "data")
    export(Dataset(small_set.images[500:], small_set.labels[500:]), "test", "csv", "data")
    return folder
