"""A running studio and a browser to visit it: ``pytest -m browser``, after ``npm ci && npm run build`` in ``web/``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import browsing
from browser.visits import AXE, Visit
from digits.studio.settings import PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TIMEOUT_MS = 40_000  # the machine may have other work
DESKTOP = {"width": 1280, "height": 800}

Visiting = Callable[..., Visit]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def studio() -> Iterator[str]:
    """The address of a studio that runs on a free port, with an empty folder of its own."""
    if not (PAGE / "index.html").exists() or not AXE.exists():
        pytest.fail("the page is not built; run npm ci && npm run build in web/")
    with browsing.studio("--model", "standard") as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture
def visit(studio: str, chromium: Browser) -> Iterator[Visiting]:
    """Begin a visit, in a fresh profile; at the end no console may have complained, and no request left the machine.

    Options are those of Playwright's ``new_context``, e.g. ``color_scheme="dark"``. The tour of a first visit is
    skipped unless ``tour=True``.
    """
    visits = []
    contexts = []

    def begin(*, tour: bool = False, **options: Any) -> Visit:
        context = chromium.new_context(**{"viewport": DESKTOP} | options)
        context.set_default_timeout(TIMEOUT_MS)
        if not tour:
            context.add_init_script("if (location.host) localStorage.setItem('digits-tour', 'done')")
        contexts.append(context)
        visits.append(Visit(context.new_page(), studio))
        return visits[-1]

    yield begin
    for context in contexts:
        context.close()
    assert [complaint for each in visits for complaint in each.complaints] == []
    assert [url for each in visits for url in each.foreign] == []
