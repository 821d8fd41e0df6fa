"""What holds in every room: no complaint in the console, axe content, keyboard enough, no sideways scrolling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.visits import ROOMS
from digits.model_files import shipped_models

if TYPE_CHECKING:
    from browser.conftest import Visiting

PHONE = {"width": 390, "height": 844}
THEMES = ("light", "dark")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("room", ROOMS)
def test_a_room_opens_without_complaint_and_axe_finds_no_violation(visit: Visiting, room: str, theme: str) -> None:
    here = visit(color_scheme=theme)
    page = here.open(f"#/{room}")
    assert page.title().lower().startswith(room)
    assert here.violations() == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_fits_a_phone(visit: Visiting, room: str) -> None:
    here = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    here.open(f"#/{room}")
    assert here.overflow() <= 0
    assert here.violations() == []


def test_every_room_is_reached_with_the_keyboard_alone(visit: Visiting) -> None:
    page = visit().open()
    for room in ("Inside", "Train", "Test", "Draw"):
        for _ in range(200):
            page.keyboard.press("Tab")
            if (
                page.evaluate("() => document.activeElement.closest('nav') && document.activeElement.textContent")
                == room
            ):
                break
        else:
            pytest.fail(f"Tab never comes to {room}")
        page.keyboard.press("Enter")
        page.locator(f"nav a[aria-current=page]:has-text('{room}')").wait_for()
        assert page.url.split("?")[0].endswith(f"#/{room.lower()}")


def test_what_has_the_focus_can_be_seen(visit: Visiting) -> None:
    page = visit().open()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_back_button_returns_to_the_room_before(visit: Visiting) -> None:
    page = visit().open("#/test")
    page.get_by_role("navigation", name="Rooms").get_by_role("link", name="Inside").click()
    page.wait_for_url("**/#/inside*")
    page.go_back()
    page.wait_for_url("**/#/test*")
    page.locator("nav a[aria-current=page]:has-text('Test')").wait_for()


def test_the_model_is_part_of_the_address(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/test?model=quick")
    choice = page.get_by_role("combobox", name="Model")
    assert choice.input_value() == "quick"
    choice.select_option("cnn")
    assert "model=cnn" in page.url
    copy = visit().open(page.url.removeprefix(here.address))
    assert copy.get_by_role("combobox", name="Model").input_value() == "cnn"


def test_a_theme_that_was_chosen_stays(visit: Visiting) -> None:
    here = visit(color_scheme="light")
    page = here.open()
    paper = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Theme").click()
    dark = page.evaluate(paper)
    assert dark != light
    here.open("#/train")
    assert page.evaluate(paper) == dark


def test_a_studio_that_is_gone_is_said_in_a_sentence(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/test")
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("button", name="Compare").click()
    assert "does not answer" in page.get_by_role("alert").first.inner_text()
    here.complaints.clear()  # the browser itself complains of each request


def test_a_model_file_is_brought_in_and_thrown_away(visit: Visiting, tmp_path: Path) -> None:
    shipped = shipped_models()["quick"]
    mine = tmp_path / f"my model (2){shipped.suffix}"
    mine.write_bytes(shipped.read_bytes())
    page = visit().open("#/draw")
    page.on("dialog", lambda dialog: dialog.accept())
    choice = page.get_by_role("combobox", name="Model")
    with page.expect_file_chooser() as chooser:
        choice.select_option(label="Open a model file …")
    chooser.value.set_files(mine)
    page.wait_for_url("**model=my-model-2*")
    page.get_by_text("The model my-model-2 has 235,146 parameters").wait_for()
    choice.select_option(label="Delete my-model-2 …")
    page.wait_for_url(lambda url: "model=" not in url)
    page.get_by_text("The model standard has").wait_for()
    assert "my-model-2" not in choice.inner_text()
