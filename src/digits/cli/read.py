"""``digits read``: the digits in photos and scans."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from digits.cli.messages import print_json, say, working
from digits.cli.options import file_type, json_option
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.reading import Reader
    from digits.reading.ink import Invert, Picture

CLIPBOARD = "clipboard"


@click.command()
@click.argument("what", nargs=-1, metavar="PICTURE…")
@click.option("--clipboard", is_flag=True, help="Read the picture that was copied last.")
@click.option(
    "--model",
    metavar="FILE|NAME",
    help="A model file, or the name of a shipped model. [default: the shipped one that reads best]",
)
@click.option(
    "--invert",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    help="Whether the ink is lighter than the paper. [default: auto]",
)
@click.option(
    "--annotate", type=file_type, metavar="F.png", help="Draw boxes and answers onto the picture, into F.png."
)
@click.option("--show-steps", type=file_type, metavar="F.png", help="Draw how it was read, step by step, into F.png.")
@json_option
def read(
    what: tuple[str, ...],
    clipboard: bool,
    model: str | None,
    invert: str,
    annotate: Path | None,
    show_steps: Path | None,
    as_json: bool,
) -> None:
    """Read the digits in photos, scans and PDFs, line by line.

    PICTURE is a file, a folder of them, or - for standard input. What is no digit is left out; a digit that cannot be
    told is a question mark.

    \b
    Examples:
      digits read shopping.jpg
      digits read scans/ --json
      digits read form.png --annotate answers.png --show-steps steps.png
    """
    if not what and not clipboard:
        raise click.UsageError("name a picture, or a folder of pictures; or give --clipboard.")
    names = [*find_pictures(what), *([CLIPBOARD] if clipboard else [])]
    figures = [path for path in (annotate, show_steps) if path]
    if figures and len(names) > 1:
        raise click.UsageError(f"--annotate and --show-steps take one picture; there are {len(names)}.")
    from digits.model_files import load_model
    from digits.reading import READING_MODEL, Reader

    for path in figures:
        _require_figure(path)
    trained = load_model(model or READING_MODEL)
    say(f"model: {trained.name}")
    reader = Reader(trained.network)
    found: list[dict[str, Any]] = []
    with working(f"reading {len(names):,} pictures", len(names)) as one_more:
        for name in names:
            found += _read(name, reader, cast("Invert", invert), annotate, show_steps)
            one_more()
    if as_json:
        print_json({"pictures": found})
    else:
        _show(found)
    failed = [each["error"] for each in found if "error" in each]
    if failed and len(found) == 1:
        raise DigitsError(failed[0])
    if failed:
        errors = "; ".join(each.rstrip(".") for each in failed)
        raise DigitsError(f"{len(failed)} of {len(names)} pictures could not be read: {errors}.")


def _read(
    name: str, reader: Reader, invert: Invert, annotate: Path | None, show_steps: Path | None
) -> list[dict[str, Any]]:
    """What is on a picture, or on each page of a PDF, as the JSON has it; figures of the first page, if wanted."""
    try:
        pictures = _pictures(name)
    except DigitsError as error:
        return [{"source": name, "error": str(error)}]
    found = []
    for number, picture in enumerate(pictures, start=1):
        page, steps = reader.read_steps(picture, invert)
        source = name if len(pictures) == 1 else f"{name}, page {number}"
        found.append({"source": source, **page.to_dict()})
        if annotate and number == 1:
            from digits.reading.drawing import annotated

            _save(annotated(picture, page), annotate)
            say(f"saved {annotate}")
        if show_steps and steps and number == 1:
            from digits.plots import reading_steps, save

            save(reading_steps(page, steps), show_steps)
            say(f"saved {show_steps}")
    return found


def find_pictures(names: tuple[str, ...]) -> list[str]:
    """Replace folders by the pictures in them."""
    found = []
    for name in names:
        if name != "-" and Path(name).is_dir():
            inside = sorted(str(path) for path in Path(name).iterdir() if path.suffix.lower() in SUFFIXES)
            if not inside:
                raise DigitsError(f"the folder {name} has no pictures in it; name another.")
            found += inside
        else:
            found.append(name)
    return found


SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".heic", ".heif", ".pdf"),
}


def _pictures(name: str) -> list[Picture]:
    from digits.reading.pictures import MAX_BYTES, from_clipboard, open_pictures

    if name == CLIPBOARD and not Path(name).exists():
        return [from_clipboard()]
    if name != "-":
        return open_pictures(name)
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not 0 < len(data) <= MAX_BYTES:
        raise DigitsError(f"standard input must have a picture of 1 to {MAX_BYTES:,} bytes.")
    return open_pictures("standard input", data)


def _require_figure(path: Path) -> None:
    """Fail now, not after the work."""
    from digits.atomic_files import require_writable

    if path.suffix.lower() != ".png":
        raise DigitsError(f"{path}: the name of the picture must end in .png.")
    require_writable(path)


def _save(picture: Picture, path: Path) -> None:
    from PIL import Image

    from digits.atomic_files import atomic_write

    with atomic_write(path) as file:
        Image.fromarray(picture).save(file, "PNG")


def _show(found: list[dict[str, Any]]) -> None:
    """Print the texts; of several pictures, each under its name. What was refused goes to standard error."""
    for each in found:
        if "error" in each:
            continue
        if len(found) > 1:
            click.echo(f"{each['source']}:")
        if each["text"]:
            click.echo(each["text"])
        refused: dict[str, int] = {}
        for digit in each["digits"]:
            if "reason" in digit:
                refused[digit["reason"]] = refused.get(digit["reason"], 0) + 1
        reasons = ", ".join(f"{count} × {reason}" for reason, count in refused.items())
        if reasons:
            say(f"{each['source']}: refused: {reasons}")
        if each.get("reason"):
            say(f"{each['source']}: {each['reason']}.")
