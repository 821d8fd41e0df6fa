from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digits.datasets import Dataset


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache that nobody has used yet; it does not exist."""
    cache = tmp_path / "a cache"
    monkeypatch.setenv("DIGITS_CACHE", str(cache))
    return cache


@pytest.fixture(scope="session")
def few() -> Dataset:
    """Twelve labelled images of noise, many pixels 0 and many 255."""
    random = np.random.default_rng(0)
    images = np.clip(random.normal(100, 200, (12, 28, 28)), 0, 255).astype(np.uint8)
    return Dataset(images, np.arange(12) % 10, source="noise")
