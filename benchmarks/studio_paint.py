"""How soon a browser shows something of the studio: ``python -m benchmarks.studio_paint [--visits 5]``.

It starts a studio of its own on this machine, with an empty folder, and visits each room with an empty cache, in the
system's Chromium, by Playwright. For each room it prints the median of the first paint of any content, and of when the
room was there, both in milliseconds from the moment that the address was asked for. Then it draws sevens at a hand's
pace, and prints the median of how long after each stroke the answer was on the page. Exit status 1 if a first paint
took over a second, or an answer over 50 ms. The browser paints without a graphics card, on cores that the studio needs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from statistics import median

from playwright.sync_api import Browser

from benchmarks.browsing import chromium, studio

PAINT_LIMIT_MS, ANSWER_LIMIT_MS = 1000.0, 50.0
SEVEN = [(0.38 + 0.02 * n, 0.25) for n in range(13)] + [(0.62 - 0.01 * n, 0.25 + 0.04 * n) for n in range(1, 15)]
MOVE_MS = 25  # between two points
ROOMS = {"draw": "#draw-paper", "inside": "#main h2", "train": "#main h2", "test": "#main nav"}
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def visit(browser: Browser, address: str, there: str) -> tuple[float, float]:
    """Milliseconds until the first paint, and until an element is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(address)
    page.locator(there).first.wait_for()
    found: float = page.evaluate("() => performance.now()")
    painted: float = page.wait_for_function(PAINTED).json_value()
    context.close()
    return painted, found


def answer_after_a_stroke(browser: Browser, address: str, strokes: int) -> list[float]:
    """Milliseconds from the end of each stroke to its answer, as the page measures them."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{address}#/draw")
    paper = page.locator("#draw-paper canvas")
    page.get_by_role("button", name="Skip").click()
    box = paper.bounding_box()
    if box is None:
        raise RuntimeError("there is no paper to draw on")
    found = []
    for _ in range(strokes):
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(x, y)
            page.wait_for_timeout(MOVE_MS)
        page.mouse.up()
        page.wait_for_timeout(500)
        found.append(float(page.locator("#draw-answer .time .number").first.inner_text()))
        page.get_by_role("button", name="Clear").click()
        page.wait_for_timeout(300)
    page.close()
    return found


def measure(visits: int) -> dict[str, dict[str, float]]:
    """Visit every room so many times, and draw three times as many digits."""
    results = {}
    with studio() as address, chromium() as browser:
        visit(browser, f"{address}#/draw", ROOMS["draw"])  # the browser's own start is not the studio's
        for room, there in ROOMS.items():
            painted, found = zip(*(visit(browser, f"{address}#/{room}", there) for _ in range(visits)), strict=True)
            results[room] = {"first_paint_ms": round(median(painted)), "there_ms": round(median(found))}
        results["draw"]["answer_ms"] = round(median(answer_after_a_stroke(browser, address, 3 * visits)))
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether the target is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--visits", type=int, default=5, choices=range(1, 51), metavar="N")
    results = measure(parser.parse_args(arguments).visits)
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    slow = max(each["first_paint_ms"] for each in results.values()) > PAINT_LIMIT_MS
    return 1 if slow or results["draw"]["answer_ms"] > ANSWER_LIMIT_MS else 0


if __name__ == "__main__":
    sys.exit(main())
