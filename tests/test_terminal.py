from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from digits.terminal import _duration, draw_image


def console(encoding: str = "utf-8", **kwargs: object) -> Console:
    return Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=100, **kwargs)


@pytest.mark.parametrize("colours", [None, "truecolor"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_an_image_is_14_lines_of_28_characters_in_the_terminals_own_alphabet(
    colours: str | None, encoding: str
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    lines = draw_image(image, console(encoding, color_system=colours, force_terminal=bool(colours)))
    assert [len(line.plain) for line in lines] == [28] * 14
    for line in lines:
        line.plain.encode(encoding)


def test_more_ink_is_never_a_lighter_character() -> None:
    shades = " ░▒▓█"
    for value in range(0, 255, 5):
        image = np.full((28, 28), value, np.uint8)
        lighter, darker = (draw_image(i, console())[0].plain[0] for i in (image, image + 5))
        assert shades.index(lighter) <= shades.index(darker)


@pytest.mark.parametrize(("value", "character"), [(0, " "), (255, "█")])
def test_paper_is_empty_and_ink_is_full(value: int, character: str) -> None:
    assert draw_image(np.full((28, 28), value, np.uint8), console())[3].plain == character * 28


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")])
def test_durations_are_told_as_people_tell_them(seconds: float, text: str) -> None:
    assert _duration(seconds) == text
