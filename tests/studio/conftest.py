"""A studio of its own for each module of tests, and what is drawn in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from digits.studio.app import create_app
from digits.studio.settings import Settings

Strokes = list[list[list[int]]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A built page of one word, and an empty folder for runs and models."""
    page = tmp_path_factory.mktemp("page")
    (page / "assets").mkdir()
    (page / "index.html").write_text("<!doctype html><title>studio</title>", encoding="utf-8")
    (page / "assets" / "index-4f2a.js").write_text("", encoding="utf-8")
    return Settings(model="standard", folder=tmp_path_factory.mktemp("studio"), page=page)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    """A browser on this machine."""
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def seven() -> Strokes:
    """A 7, drawn with two straight strokes."""
    return [[[380, 180, 40], [640, 180, 40], [470, 600, 40]]]


@pytest.fixture
def one_seven() -> Strokes:
    """A 1 and a 7, side by side."""
    return [[[250, 250, 36], [250, 560, 36]], [[560, 250, 36], [760, 250, 36], [640, 560, 36]]]
