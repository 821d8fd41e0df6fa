"""What is nobody's MNIST: digits and letters of handwriting fonts, the digits that come with scikit-learn, scribbles.

    python -m benchmarks.foreign              reads them and says how many are right, and how well letters are told
    python -m benchmarks.foreign --json

The fonts come from Debian's packages (``apt-get install`` what ``FONTS`` names); what is not installed is left out, and
said. Each glyph is drawn in two sizes and three positions. scikit-learn's 1,797 digits are the test part of optdigits
(Alpaydin and Kaynak 1998): 8 × 8 pixels, written by 13 people who wrote none of its training digits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from digits.model_files import load_model
from digits.reading import READING_MODEL, Reader
from digits.reading.page import Page

FONTS = {  # file: Debian's package
    "YuseiMagic-Regular.ttf": "fonts-yusei-magic",
    "KleeOne-Regular.ttf": "fonts-klee",
    "BecauseWeBuild-Regular.otf": "fonts-bwht",
    "BecauseWeConnect-Regular.otf": "fonts-bwht",
    "BecauseWeLearn-Regular.otf": "fonts-bwht",
    "TomsonTalks.ttf": "fonts-tomsontalks",
    "Rufscript010.ttf": "fonts-rufscript",
    "dkg.ttf": "fonts-dkg-handwriting",
    "Delphine.ttf": "fonts-sjfonts",
    "KaushanScript-Regular.otf": "fonts-kaushanscript",
}
LIKE_DIGITS = frozenset("OoQDIilZzSsbGgqB")  # letters that a hand makes like digits
SIZES, ANGLES = (40, 130), (-8, 0, 8)
LEAST = -1e3  # a score below any
THRESHOLDS = np.linspace(0.1, 0.99, 90)


def glyphs(path: Path, characters: str, sizes: tuple[int, ...] = SIZES) -> Iterator[tuple[str, np.ndarray]]:
    """Each character of a font, dark on light, in all sizes and turned by all angles."""
    for size in sizes:
        font = ImageFont.truetype(str(path), size)
        for character in characters:
            for angle in ANGLES:
                image = Image.new("L", (2 * size, 2 * size), 255)
                ImageDraw.Draw(image).text((size, size), character, font=font, fill=30, anchor="mm")
                yield character, np.asarray(image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=255))


def scribbles(count: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Loops over loops, hatching, and ways that nobody went on purpose, dark on light, in a pen of some width."""
    for kind in random.integers(3, size=count):
        t = np.linspace(0, 1, 400)
        if kind == 0:  # curves of Lissajous, drifting
            a, b = random.uniform(3, 12, size=2)
            x, y = np.sin(2 * np.pi * a * t + 6 * random.random()), np.cos(2 * np.pi * b * t)
            x, y = x + random.uniform(0, 2) * t, y + random.uniform(-1, 1) * t
        elif kind == 1:  # to and fro
            x, y = t + random.normal(0, 0.02, t.size), np.abs((t * random.uniform(4, 10)) % 2 - 1)
            turn = random.uniform(0, np.pi)
            x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
        else:  # a smooth walk
            steps = random.normal(size=(2, t.size + 60))
            x, y = np.stack([np.convolve(each, np.hanning(60), "valid")[: t.size] for each in steps]).cumsum(axis=1)
        points = np.stack([x, y], axis=1)
        points -= points.min(axis=0)
        points *= 90 / points.max()
        image = Image.new("L", (130, 130), 255)
        ImageDraw.Draw(image).line([(20 + u, 20 + v) for u, v in points], fill=30, width=int(random.integers(3, 9)))
        yield np.asarray(image)


def score(page: Page) -> float:
    """How much a picture is of one digit, by what the reader goes by: energy and probability, as a logarithm."""
    return page.digits[0].score if len(page.digits) == 1 else LEAST


def confidence(page: Page) -> float:
    """The probability of the likeliest digit; 0 where there is no shape, or more than one."""
    return page.digits[0].confidence if len(page.digits) == 1 else 0.0


def judged(pages: list[tuple[str, Page]]) -> dict[str, Any]:
    """How many pictures of digits were read, and how many refused by mistake."""
    right = sum(page.text == truth for truth, page in pages)
    refused = sum(all(digit.label is None for digit in page.digits) for _, page in pages)
    return {"right": right, "of": len(pages), "refused": refused}


def table(summary: dict[str, Any]) -> str:
    """What was measured, in lines."""
    lines = [f"model {summary['model']}, {len(summary['fonts'])} fonts; not installed: {summary['missing'] or 'none'}"]
    for name in ("optdigits", "digits of fonts", "letters", "letters unlike digits", "scribbles"):
        found = summary.get(name, {})
        words = [f"{value} {key}" if key != "auroc" else f"AUROC {value}" for key, value in found.items()]
        lines.append(f"{name:24} {', '.join(words) or 'no fonts'}")
    return "\n".join(lines)


def main() -> None:
    """Read everything and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=READING_MODEL)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reader = Reader(load_model(options.model).network)
    found = {path.name: path for path in Path("/usr/share/fonts").rglob("*.[ot]tf") if path.name in FONTS}
    digits: list[tuple[str, Page]] = []
    letters: list[tuple[str, Page]] = []
    for path in found.values():
        digits += [(truth, reader.read(picture)) for truth, picture in glyphs(path, "0123456789")]
        letters += [(truth, reader.read(picture)) for truth, picture in glyphs(path, ascii_letters, SIZES[:1])]
    small = load_digits()
    pictures = np.rint(small.images * 255 / 16).astype(np.uint8)
    optdigits = [(str(truth), reader.read(picture)) for truth, picture in zip(small.target, pictures, strict=True)]

    summary: dict[str, Any] = {
        "model": options.model,
        "fonts": sorted(found),
        "missing": sorted({FONTS[name] for name in FONTS.keys() - found.keys()}),
        "optdigits": judged(optdigits),
    }
    if found:
        of_digits = np.array([score(page) for _, page in digits])
        summary["digits of fonts"] = judged(digits)
        unlike = [page for letter, page in letters if letter not in LIKE_DIGITS]
        scrawls = [reader.read(picture) for picture in scribbles(500, np.random.default_rng(0))]
        others = {"letters": [page for _, page in letters], "letters unlike digits": unlike, "scribbles": scrawls}
        for name, pages in others.items():
            scores = np.array([score(page) for page in pages])
            truths = np.repeat([1, 0], [len(of_digits), len(scores)])
            summary[name] = {
                "refused": sum(all(digit.label is None for digit in page.digits) for page in pages),
                "of": len(pages),
                "auroc": round(float(roc_auc_score(truths, np.concatenate([of_digits, scores]))), 4),
            }
        sure, misled = (np.array([confidence(page) for page in pages]) for pages in ([p for _, p in digits], unlike))
        summary["curve"] = [  # threshold, share of digits below it, share of letters unlike digits from it on
            [round(at, 2), float(np.mean(sure < at)), float(np.mean(misled >= at))] for at in THRESHOLDS
        ]
    print(json.dumps(summary) if options.json else table(summary))


if __name__ == "__main__":
    main()
