"""Pages of handwritten digits, made up: papers, pens, light, rules, perspective, noise. All from a seed.

    python -m benchmarks.pages                          reads 60 pages of MNIST test digits and says how many are right
    python -m benchmarks.pages --split train --seed 1   pages of training digits, to tune on
    python -m benchmarks.pages --save pages             writes the pages there, to look at

Every page is drawn on clean paper first, with its digits and rules, and photographed then: turned, in perspective, in
uneven light, with the camera's grain and JPEG's dirt.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from digits import Dataset, load_mnist

TOUCHING = 0.04  # of neighbours
PEN = 0.025  # of a digit's height: its blur. At 0.05, gentle-cnn misreads 0.8 % of the digits on clean paper, so 0.3 %
LEVELS = (0.5, 0.4, 0.3, 0.2, 0.1)  # of full ink, where a pen's edge may run


@dataclass(frozen=True)
class Sheet:
    """A page and what is written on it.

    Attributes:
        picture: ``(height, width, 3) uint8``, red, green, blue.
        lines: the digits of each line, without spaces.
        traits: what is special about it, e.g. "squared", "light on dark".
    """

    picture: np.ndarray
    lines: tuple[str, ...]
    traits: tuple[str, ...]


def make_sheet(digits: Dataset, random: np.random.Generator) -> Sheet:
    """Write and photograph one page."""
    traits: list[str] = []
    tall = int(random.integers(26, 80))  # pixels of a usual digit
    ink, lines = _write(digits, tall, random, traits)
    paper = _paper(ink.shape, tall, random, traits)
    pen = _pen(random)
    page = paper * (1 - ink[..., np.newaxis]) + pen * ink[..., np.newaxis]
    if random.random() < 0.15:
        traits.append("light on dark")
        page = 1 - page
    return Sheet(_photograph(page, random, traits), tuple(lines), tuple(traits))


def _write(digits: Dataset, tall: int, random: np.random.Generator, traits: list[str]) -> tuple[np.ndarray, list[str]]:
    """Ink on a canvas, 0…1, and what it says."""
    count, longest = int(random.integers(1, 7)), int(random.integers(3, 11))
    pitch = tall * random.uniform(1.7, 2.4)
    margin = int(tall * random.uniform(0.7, 1.5))
    canvas = np.zeros((int(2 * margin + count * pitch), int(2 * margin + longest * 1.5 * tall)), np.float32)
    thicker = random.choice([-1, 0, 0, 0, 1, 2]) if tall > 40 else 0
    lines = []
    for line in range(count):
        x, text = float(margin), ""
        for _ in range(int(random.integers(1, longest + 1))):
            index = int(random.integers(len(digits)))
            drawn = _drawn(digits.images[index], tall * random.uniform(0.85, 1.15), int(thicker))
            gap = tall * random.uniform(0.12, 0.35)
            if text and random.random() < TOUCHING:
                traits.append("touching")
                gap = -0.03 * tall
            elif text and random.random() < 0.12:
                gap = 1.3 * tall
            x += gap
            top = int(margin + line * pitch + tall * random.normal(0, 0.04))
            if x + drawn.shape[1] > canvas.shape[1] - margin / 2 or top + drawn.shape[0] > len(canvas):
                break
            place = canvas[top : top + drawn.shape[0], int(x) : int(x) + drawn.shape[1]]
            np.maximum(place, drawn, out=place)
            x += drawn.shape[1]
            text += str(digits.labels[index])
        lines.append(text)
    return canvas * np.float32(random.uniform(0.55, 1)), [line for line in lines if line]


def _drawn(image: np.ndarray, tall: float, thicker: int) -> np.ndarray:
    """A digit's ink, cropped, at another size; its strokes wider or narrower by so many pixels.

    A pen does not break where MNIST's scanner found hardly any ink: the digit hangs together as it does in MNIST.
    """
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    cropped = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / 255
    scale = tall / 20
    size = max(2, round(cropped.shape[1] * scale)), max(2, round(cropped.shape[0] * scale))
    large = cv2.resize(cropped, size, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    blurred = cv2.GaussianBlur(large, (0, 0), PEN * tall)
    for level in LEVELS:
        drawn = (4 * (blurred - level) + 0.5).clip(0, 1)  # a pen's edge is sharp
        if _pieces(drawn) <= _pieces(cropped):
            break
    if thicker:
        change = cv2.dilate if thicker > 0 else cv2.erode
        changed = change(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(thicker) + 1,) * 2))
        drawn = changed if changed.any() and _pieces(changed) <= _pieces(cropped) else drawn
    return np.asarray(drawn)


def _pieces(ink: np.ndarray) -> int:
    """How many parts it has that do not hang together."""
    return int(cv2.connectedComponents((ink > 0.3).astype(np.uint8), connectivity=8)[0])


def _paper(shape: tuple[int, ...], tall: int, random: np.random.Generator, traits: list[str]) -> np.ndarray:
    """Blank or ruled paper, ``(height, width, 3)`` 0…1."""
    shade = random.uniform(0.75, 1)
    paper = np.ones((*shape, 3), np.float32) * np.float32(shade) * random.uniform(0.88, 1, 3).astype(np.float32)
    kind = random.choice(["blank", "blank", "lined", "squared"])
    if kind != "blank":
        traits.append(str(kind))
        colour = paper[0, 0] * random.uniform(0.55, 0.85) * random.uniform(0.8, 1, 3)
        thick = max(1, round(tall * random.uniform(0.015, 0.05)))
        step = int(tall * (random.uniform(1.6, 2.2) if kind == "lined" else random.uniform(0.5, 1.2)))
        start = int(random.integers(step))
        for row in range(start, shape[0], step):
            paper[row : row + thick] = colour
        for column in range(start, shape[1] if kind == "squared" else 0, step):
            paper[:, column : column + thick] = colour
    return paper


def _pen(random: np.random.Generator) -> np.ndarray:
    pens = [(0.1, 0.1, 0.12), (0.1, 0.15, 0.5), (0.6, 0.1, 0.1), (0.1, 0.4, 0.2), (0.35, 0.35, 0.37)]
    return np.float32(pens[random.integers(len(pens))])


def _photograph(page: np.ndarray, random: np.random.Generator, traits: list[str]) -> np.ndarray:
    """Turn, light, blur and compress a page."""
    height, width = page.shape[:2]
    corners = np.float32([(0, 0), (width, 0), (width, height), (0, height)])
    angle = np.radians(random.uniform(-3, 3))
    turned = (corners - (width / 2, height / 2)) @ np.float32(
        [(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))]
    )
    seen = np.float32(turned + (width / 2, height / 2) + random.normal(0, 0.012, (4, 2)) * min(height, width))
    photo = cv2.warpPerspective(
        page, cv2.getPerspectiveTransform(corners, seen), (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    a, b, c = random.uniform(-0.25, 0.25, 3)
    light = 0.8 + a * x + b * y - abs(c) * (x * x + y * y) / 2
    if random.random() < 0.25:
        traits.append("shadow")
        across = np.cos(c * 12) * x + np.sin(c * 12) * y - random.uniform(-0.5, 0.5)
        light *= 1 - random.uniform(0.2, 0.5) / (1 + np.exp(-across * 25))
    photo = photo * light[..., np.newaxis].clip(0.15, 1.1)
    photo = cv2.GaussianBlur(photo, (0, 0), random.uniform(0.3, 1.1))
    photo += random.normal(0, random.uniform(0, 0.03), photo.shape)
    pixels = (photo.clip(0, 1) * 255).astype(np.uint8)
    quality = int(random.integers(40, 96))
    _, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])


def sheets(count: int, seed: int, split: str) -> Iterator[Sheet]:
    """Pages, each from a generator of its own."""
    digits = load_mnist()[0 if split == "train" else 1]
    for number in range(count):
        yield make_sheet(digits, np.random.default_rng([seed, number]))


def compare(lines: tuple[str, ...], found: list[str]) -> Counter[str]:
    """Count the digits that were read rightly, refused, misread or missed, and those that are not there."""
    truth, read = "\n".join(lines), "\n".join(line.replace(" ", "") for line in found)
    counts: Counter[str] = Counter(written=len(truth.replace("\n", "")), lines=len(lines))
    counts["lines right"] = sum((Counter(lines) & Counter(read.split("\n"))).values())
    for there, seen in _aligned(truth, read):
        if there.isdigit():
            counts["right" if there == seen else "refused" if seen == "?" else "misread or missed"] += 1
        elif seen not in ("", "\n"):
            counts["not there"] += 1
    return counts


def _aligned(truth: str, read: str) -> list[tuple[str, str]]:
    """What each character was read as, "" where one is missing, with as few changes as there can be (Levenshtein)."""
    costs = np.zeros((len(truth) + 1, len(read) + 1), int)
    costs[:, 0], costs[0] = np.arange(len(truth) + 1), np.arange(len(read) + 1)
    for i, there in enumerate(truth, start=1):
        for j, seen in enumerate(read, start=1):
            costs[i, j] = min(costs[i - 1, j] + 1, costs[i, j - 1] + 1, costs[i - 1, j - 1] + (there != seen))
    pairs: list[tuple[str, str]] = []
    i, j = len(truth), len(read)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], read[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            pairs.append((truth[i], ""))
        else:
            j -= 1
            pairs.append(("", read[j]))
    return pairs[::-1]


def main() -> None:
    """Read pages and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="pages")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=["train", "test"], default="test", help="whose digits")
    parser.add_argument("--model", default=None)
    parser.add_argument("--save", type=Path, help="write the pages into this folder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from digits.model_files import load_model
    from digits.reading.reader import READING_MODEL, Reader

    reader = Reader(load_model(options.model or READING_MODEL).network)
    total: Counter[str] = Counter()
    by_trait: dict[str, Counter[str]] = {}
    seconds = 0.0
    for number, sheet in enumerate(sheets(options.count, options.seed, options.split)):
        began = perf_counter()
        page = reader.read(sheet.picture)
        seconds += perf_counter() - began
        counts = compare(sheet.lines, page.text.split("\n"))
        total += counts
        for trait in set(sheet.traits) or {"plain"}:
            by_trait.setdefault(trait, Counter()).update(counts)
        if options.save:
            options.save.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(options.save / f"{number:03}.png"), sheet.picture[..., ::-1])
            verdict = "right" if counts["right"] == counts["written"] and not counts["not there"] else "wrong"
            print(number, verdict, sheet.traits, sheet.lines, page.text.split("\n"))
    summary: dict[str, Any] = {"pages": options.count, "seed": options.seed, "split": options.split, **total}
    summary["percent right"] = round(100 * total["right"] / total["written"], 2)
    summary["seconds a page"] = round(seconds / options.count, 3)
    if options.json:
        print(json.dumps(summary | {"by trait": by_trait}, indent=2))
        return
    for name, value in summary.items():
        print(f"{name:20} {value}")
    for trait, counts in sorted(by_trait.items()):
        print(f"  {trait:18} {100 * counts['right'] / counts['written']:6.2f} % of {counts['written']} digits right")


if __name__ == "__main__":
    main()
