"""Takes the screenshots of docs/studio.md: ``python docs/make_screenshots.py [NAME…]``.

It needs the built page (``npm run build`` in web/), Playwright and the system's Chromium. A studio is started on a free
port with a folder of its own. What a picture shows is in its address, so the same picture comes out again; only the
times that are shown differ.
"""

from __future__ import annotations

import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parent.parent))

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.browsing import chromium, studio

IMAGES = Path(__file__).parent / "images"
LARGEST = 150_000  # bytes of one picture
DESKTOP = (1280, 800)
PHONE = (390, 844)
TIMEOUT_MS = 60_000

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

# Two fours, almost closed at the top, as the address holds what was drawn. The second one is read as a 9.
FOUR = (
    "d=PrgI_AFIBxIACxoCDR4ADyICEygAGS4AHzgAHzoCHzYAGS4AFSQAEyAADxoCCRQAARIABgwADAgAEgIAGAIAHAAAIgAAKgMALgUAMAMBLg"
    "UAMgUANAcBNgUALAcBIAMAKsgJlAJKAx4AAygCBTAAAzQCBTYAAzgABTwCAz4AAz4CBTwABToAAzoABToABTYABTQABTQABTIBBTABBSoBAx"
    "wA"
)
HURRIED = (
    "d=PrgI_AFIBxIACxoCDR4ADyICEygAGS4AHzgAHzoCHzYAGS4AFSQAEx4ADxgCCRYAARQABhIADA4AEgoAGAgAHAYAIgIAKgMALgUAMAUBLg"
    "UAMgUANAcBNgUALAcBIAMAKsgJlAJKAx4AAygCBTAAAzQCBTYAAzgABTwCAz4AAz4CBTwABToAAzoABToABTYABTQABTQABTIBBTABBSoBAx"
    "wA"
)
SETTINGS = {"hidden": [64, 32], "images": 10_000, "batch_size": 50, "epochs": 6, "learning_rate": 0.5}
FORK = {"learning_rate": 0.02}  # what the fork changes
WATCHED = 2130  # a four among the test images that looks like a nine


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of the file, without ``studio_``; the theme is added.
        place: what follows the studio's address; ``{run}`` is a finished run, ``{fork}`` one that left it half way.
        part: the selector of the only thing that is taken; None for what fits the window.
        size: of the window.
        density: pixels of the picture to a pixel of the page.
    """

    name: str
    place: str
    part: str | None = None
    size: tuple[int, int] = DESKTOP
    density: int = 1


GLASS = f"#/inside?{HURRIED}&label=4&back=99&layer=0&unit=45"
SHOTS = [
    Shot("draw", f"#/draw?{FOUR}", size=(1280, 1070)),
    Shot("why", f"#/draw?{FOUR}", part="#main .whole:last-child"),
    Shot("inside", GLASS),
    Shot("unit", GLASS, part=".pair"),
    Shot("step", f"{GLASS}&steps=4*0.001*1", part="#step"),
    Shot("train", "#/train?run={run}&at=600&with={fork}&weights=learnt", size=(1280, 1360)),
    Shot("test", "#/test?truth=4&read=9", size=(1280, 900)),
    Shot("map", "#/test?view=map", part="#main section"),
    Shot("phone_draw", f"#/draw?{FOUR}", size=PHONE, density=2),
    Shot("phone_inside", GLASS, size=PHONE, density=2),
]


def main() -> None:
    """Take them all, or those that are named."""
    wanted = set(sys.argv[1:])
    with studio("--model", "standard") as address, chromium() as browser:
        runs = dict(zip(("run", "fork"), trained(address), strict=True))
        for shot in SHOTS:
            if not wanted or shot.name in wanted:
                for theme in THEMES:
                    keep(taken(browser, address, shot, theme, runs), f"studio_{shot.name}_{theme}")


def trained(address: str) -> tuple[int, int]:
    """Train a run to its end, and a fork that leaves it half way; their numbers."""
    with httpx.Client(base_url=f"{address}api", timeout=60) as client:
        digit = client.get(f"images/{WATCHED}").json()["pixels"]
        new = {"name": "first network", "settings": SETTINGS, "specimen": digit}
        run = client.post("runs", json=new).json()["id"]
        finish(client, run)
        snapshots = client.get(f"runs/{run}").json()["snapshots"]
        new = {
            "name": "gentler",
            "settings": SETTINGS | FORK,
            "specimen": digit,
            "step": snapshots[len(snapshots) // 2],
        }
        fork = client.post(f"runs/{run}/forks", json=new).json()["id"]
        finish(client, fork)
    return run, fork


def finish(client: httpx.Client, run: int) -> None:
    """Let a run go on to its end."""
    client.post(f"runs/{run}/start", json={"until": "end"}).raise_for_status()
    while client.get(f"runs/{run}").json()["status"] == "running":
        time.sleep(0.5)


def taken(browser: Browser, address: str, shot: Shot, theme: Theme, runs: dict[str, int]) -> Image.Image:
    """The picture of a place, in a theme."""
    context = browser.new_context(
        viewport={"width": shot.size[0], "height": shot.size[1]},
        device_scale_factor=shot.density,
        color_scheme=theme,
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script("if (location.host) localStorage.setItem('digits-tour', 'done')")
    page = context.new_page()
    page.goto(address + shot.place.format(**runs))
    settle(page)
    for place in ("#/train", shot.place.format(**runs)):  # once more, without what a first visit waits for
        page.goto(address + place)
        settle(page)
    picture = page.locator(shot.part).first.screenshot() if shot.part else page.screenshot()
    context.close()
    return Image.open(io.BytesIO(picture))


def settle(page: Page) -> None:
    """Wait until the page has what it asked for."""
    page.locator("#main > *").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => !document.querySelector('#main progress')")
    page.wait_for_timeout(500)  # what is drawn on a canvas tells nobody that it is done


def keep(picture: Image.Image, name: str) -> None:
    """Write a picture as a PNG of few colours, chosen so that thin lines keep theirs: a third of the bytes."""
    path = IMAGES / f"{name}.png"
    picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    size = path.stat().st_size
    print(f"{path.name:32} {size / 1000:6.0f} kB")
    if size > LARGEST:
        raise SystemExit(f"{path} is larger than {LARGEST:,} bytes.")


if __name__ == "__main__":
    main()
