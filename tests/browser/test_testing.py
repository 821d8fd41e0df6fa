"""The Test room, as somebody uses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from browser.conftest import Visiting

VIEWS = ("", "confidence", "corruptions", "map", "compare&other=quick")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_pleases_axe_on_a_screen_and_on_a_phone(visit: Visiting, view: str, theme: str) -> None:
    here = visit(color_scheme=theme)
    page = here.open(f"#/test?view={view}")
    page.wait_for_function("() => !document.querySelector('#main progress')")
    here.settle()
    assert here.violations() == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert here.overflow() <= 0


def test_a_cell_of_the_confusion_matrix_shows_its_images_and_one_of_them_opens(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/test")
    cell = page.get_by_role("button", name=re.compile("^4 read as 9: "))
    count = int((cell.get_attribute("aria-label") or "").split(": ")[1])
    cell.click()
    page.get_by_role("heading", name="4s that are read as 9").wait_for()
    images = page.get_by_role("button", name=re.compile("a 4, read as 9"))
    assert images.count() == count
    images.first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("wrong").wait_for()
    assert here.violations() == []
    copy = visit().open(page.url.removeprefix(here.address))
    assert copy.get_by_role("dialog").get_by_role("heading").inner_text() == dialog.get_by_role("heading").inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert "image=" not in page.url


def test_an_opened_image_goes_to_the_other_rooms(visit: Visiting) -> None:
    page = visit().open("#/test?image=247")
    page.get_by_role("button", name="Follow it Inside").click()
    page.wait_for_url("**/#/inside?*test=247*")
    page.go_back()
    page.wait_for_url("**/#/test*")


def test_the_confusion_matrix_has_one_stop_for_tab_and_arrows_inside(visit: Visiting) -> None:
    page = visit().open("#/test")
    page.get_by_role("button", name=re.compile("^0 read as 0: ")).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    focused = "() => document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused).startswith("2 read as 1: ")
    page.keyboard.press("Tab")
    assert " read as " not in (page.evaluate(focused) or "").split(":")[0] or "Test image" in page.evaluate(focused)


def test_a_higher_threshold_answers_less_and_errs_less(visit: Visiting) -> None:
    page = visit().open("#/test?view=confidence&threshold=0")
    slider = page.get_by_label("An answer must be at least so sure")

    def counts() -> tuple[int, int]:
        answered, wrong = page.locator("#main dl").first.locator("dd").all_inner_texts()[:2]
        return int(answered.split()[0].replace(",", "")), int(wrong.split()[0].replace(",", ""))

    assert counts() == (10_000, 56)
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    answered, wrong = counts()
    assert 9000 < answered < 10_000
    assert wrong < 20
    assert "threshold=20" in page.url


def test_more_fog_is_harder(visit: Visiting) -> None:
    page = visit().open("#/test?view=corruptions&kind=fog&severity=0")
    read = page.get_by_text("are read right after it")
    read.wait_for()
    assert " 10 " in read.inner_text()
    fog = page.get_by_role("button", name=re.compile("^Fog"))
    fog.wait_for()
    page.wait_for_function("() => !document.querySelector('#main progress')")
    clear = fog.inner_text()
    slider = page.get_by_label("Severity")
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('#main progress')")
    page.wait_for_function("() => !document.querySelector('#main progress')")
    assert fog.inner_text() != clear
    assert "severity=20" in page.url


def test_a_point_of_the_map_opens_its_image_by_mouse_and_by_keys(visit: Visiting) -> None:
    page = visit().open("#/test?view=map&method=pca")
    place = page.get_by_role("application")
    place.focus()
    page.keyboard.press("ArrowRight")
    told = page.get_by_text(re.compile(r"^Test image \d+: a \d, read as \d"))
    first = told.inner_text()
    page.keyboard.press("ArrowRight")
    assert told.inner_text() != first
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    page.keyboard.press("Escape")
    box = place.bounding_box()
    assert box is not None
    place.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    dialog.wait_for()


def test_two_models_are_compared(visit: Visiting) -> None:
    page = visit().open("#/test?model=quick&view=compare&other=standard")
    better = page.get_by_role("button", name=re.compile("only standard right"))
    count = int(better.inner_text().split()[0].replace(",", ""))
    assert count > 50
    better.click()
    page.get_by_role("heading", name="Only standard is right").wait_for()
    assert page.get_by_text(re.compile("standard is right alone on")).is_visible()


def test_figures_are_saved(visit: Visiting, tmp_path: Path) -> None:
    page = visit().open("#/test")
    for what, kind, begins in (("Which for which", "SVG", "<svg"), ("Which for which", "CSV", "truth,0,1")):
        page.get_by_label(f"Save “{what}”").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        saved = tmp_path / download.value.suggested_filename
        download.value.save_as(saved)
        assert saved.read_text(encoding="utf-8").startswith(begins)
