"""A visit to the studio in a real browser: it notes what the page complains of, and where its requests go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

ROOMS = ("draw", "inside", "train", "test")
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


class Visit:
    """One page of a browser, at the studio.

    Attributes:
        page: Playwright's.
        address: of the studio, with the slash at its end.
        complaints: what the console and uncaught errors said.
        requests: the URLs that were asked for.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))

    def open(self, place: str = "#/draw") -> Page:
        """Open a room by its place in the address, as somebody does who was sent a link."""
        self.page.goto("about:blank")
        self.page.goto(self.address + place)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the page has what it asked for."""
        self.page.locator("#main > *").first.wait_for()
        self.page.wait_for_load_state("networkidle")

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it is now: rule, then the elements."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: Sequence[dict[str, Any]] = self.page.evaluate("async () => (await axe.run()).violations")
        return [f"{each['id']}: {each['help']} {[node['target'] for node in each['nodes']][:5]}" for each in found]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        wider: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider

    @property
    def foreign(self) -> list[str]:
        """The requests that left this machine."""
        local = ("127.0.0.1", None)  # None: of ``data:``, ``blob:`` and ``about:``, which nobody is asked for
        return [url for url in self.requests if urlsplit(url).hostname not in local]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")
