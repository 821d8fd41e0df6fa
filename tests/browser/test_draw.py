"""The Draw room, as somebody uses it."""

from __future__ import annotations

import base64
import csv
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits.model_files import load_model, shipped_models

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from browser.conftest import Visiting

Places = tuple[tuple[float, float], ...]

PHONE = {"width": 390, "height": 844}
SEVEN: Places = ((0.35, 0.2), (0.62, 0.2), (0.45, 0.8))  # in shares of the paper's width and height
LINE: tuple[Places, ...] = (
    ((0.15, 0.3), (0.15, 0.75)),
    ((0.35, 0.3), (0.52, 0.3), (0.42, 0.75)),
    ((0.68, 0.32), (0.85, 0.4), (0.7, 0.55), (0.84, 0.65), (0.68, 0.76)),
)
ZIGZAG: Places = tuple((0.3 + 0.05 * turn, 0.25 + 0.5 * (turn % 2)) for turn in range(9))
BLOT: Places = ((0.47, 0.5), (0.51, 0.5))  # with the widest pen


def paper(page: Page) -> Locator:
    return page.get_by_role("application", name=re.compile("^Paper to draw on"))


def draw(page: Page, *strokes: Places) -> None:
    """Draw by mouse."""
    box = paper(page).bounding_box()
    assert box is not None
    for (left, top), *others in strokes:
        page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        page.mouse.up()


def widest_pen(page: Page) -> None:
    page.get_by_role("slider", name="Pen").focus()
    page.keyboard.press("End")


def answers(page: Page, title: str) -> None:
    """Wait until the room says so."""
    page.locator("#draw-answer .title").filter(has_text=re.compile(title)).wait_for()


def ink(page: Page) -> int:
    """How many pixels of the paper are not blank."""
    count: int = paper(page).evaluate(
        "it => { const copy = new OffscreenCanvas(it.width, it.height).getContext('2d', { willReadFrequently: true });"
        " copy.drawImage(it, 0, 0);"
        " const shades = copy.getImageData(0, 0, it.width, it.height).data;"
        " return shades.filter((_, place) => place % 4 == 3).filter((alpha) => alpha > 127).length; }"
    )
    return count


def rows_of(page: Page, panel: str, folder: Path) -> list[dict[str, str]]:
    """The table that a panel saves."""
    page.get_by_label(f"Save “{panel}").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    saved = folder / download.value.suggested_filename
    download.value.save_as(saved)
    with saved.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def picture_of_a_seven(path: Path) -> Path:
    picture = Image.new("RGB", (240, 320), "white")
    ImageDraw.Draw(picture).line([(60, 70), (180, 70), (100, 250)], "black", 18, joint="curve")
    picture.save(path)
    return path


def test_a_7_is_drawn_by_mouse_and_read_as_7_and_the_address_restores_it(visit: Visiting) -> None:
    here = visit()
    page = here.open()
    answers(page, "^3, with")  # the example, which gives way to what is drawn
    draw(page, SEVEN)
    answers(page, "^7, with")
    assert page.locator(".bars .best .name").inner_text() == "7"
    page.wait_for_url("**d=*")
    copy = visit().open(page.url.removeprefix(here.address))
    answers(copy, "^7, with")
    picture = "it => it.toDataURL()"
    assert paper(copy).evaluate(picture) == paper(page).evaluate(picture)
    draw(copy, LINE[0])  # it can be gone on with
    copy.get_by_text(re.compile("^Read as")).wait_for()


def test_a_stroke_by_touch_is_read_and_does_not_scroll_the_page(visit: Visiting) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True).open()
    box = paper(page).bounding_box()
    assert box is not None
    fingers = page.context.new_cdp_session(page)
    places = [
        {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        for (left, top), (right, bottom) in pairwise(SEVEN)
        for x, y in zip(np.linspace(left, right, 12), np.linspace(top, bottom, 12), strict=True)
    ]
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places[:1]})
    for place in places[1:]:
        fingers.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    answers(page, "^7, with")
    assert page.evaluate("() => scrollY") == 0


def test_a_pen_that_presses_harder_draws_a_wider_line(visit: Visiting) -> None:
    page = visit().open()
    box = paper(page).bounding_box()
    assert box is not None
    pen = page.context.new_cdp_session(page)
    places = [(box["x"] + 0.5 * box["width"], box["y"] + y * box["height"]) for y in np.linspace(0.2, 0.8, 12)]
    inked = []
    for force in (0.2, 0.9):
        page.get_by_role("button", name="Clear", exact=True).click()
        for n, (x, y) in enumerate([*places, places[-1]]):
            kind = "mousePressed" if n == 0 else "mouseReleased" if n == len(places) else "mouseMoved"
            held = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen", "force": force}
            pen.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **held})
        answers(page, "^1, with")
        inked.append(ink(page))
    assert inked[1] > 2 * inked[0]


def test_undo_clear_and_the_pens_width(visit: Visiting) -> None:
    page = visit().open()
    undo, clear = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Clear"))
    clear.click()
    answers(page, "^Nothing to read yet")
    assert ink(page) == 0
    draw(page, SEVEN)
    answers(page, "^7, with")
    thin = ink(page)
    undo.click()
    answers(page, "^Nothing to read yet")
    widest_pen(page)
    draw(page, SEVEN)
    answers(page, "^7, with")
    assert ink(page) > 1.5 * thin
    clear.click()
    assert ink(page) == 0
    undo.click()
    answers(page, "^7, with")


def test_a_7_is_drawn_with_the_keyboard_alone(visit: Visiting) -> None:
    page = visit().open()
    paper(page).focus()
    page.keyboard.press("Delete")
    answers(page, "^Nothing to read yet")
    for key in [*["ArrowLeft"] * 5, " ", *["ArrowRight"] * 10, *["ArrowDown", "ArrowDown", "ArrowLeft"] * 7, " "]:
        page.keyboard.press(key)
    answers(page, "^7, with")
    page.keyboard.press("Control+z")
    answers(page, "^Nothing to read yet")


def test_several_digits_are_read_as_a_line_and_each_can_be_looked_at(visit: Visiting) -> None:
    page = visit().open()
    draw(page, *LINE)
    page.get_by_text("Read as 173").wait_for()
    page.get_by_role("button", name="Digit 2: 7").click()
    answers(page, "^7, with")
    page.get_by_role("button", name="Digit 3: 3").click()
    answers(page, "^3, with")
    assert "n=2" in page.url


def test_it_says_what_is_no_digit(visit: Visiting) -> None:
    page = visit().open()
    widest_pen(page)
    draw(page, BLOT)
    answers(page, "^Not a digit")


def test_a_picture_can_be_chosen_or_dropped(visit: Visiting, tmp_path: Path) -> None:
    page = visit().open()
    file = picture_of_a_seven(tmp_path / "seven.png")
    page.get_by_label("Picture …").set_input_files(file)
    answers(page, "^7, with")
    page.wait_for_url("**p=*")
    page.get_by_role("button", name="Clear", exact=True).click()
    answers(page, "^Nothing to read yet")
    drop = (
        "([kind, text]) => { const bytes = Uint8Array.from(atob(text), each => each.charCodeAt(0));"
        " const dataTransfer = new DataTransfer();"
        " dataTransfer.items.add(new File([bytes], 'dropped', { type: kind }));"
        " document.getElementById('draw-paper').dispatchEvent("
        "   new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true })); }"
    )
    page.evaluate(drop, ["image/png", base64.b64encode(file.read_bytes()).decode()])
    answers(page, "^7, with")
    page.evaluate(drop, ["text/plain", ""])
    assert "no picture" in page.get_by_role("alert").first.inner_text()


def test_a_test_image_is_chosen_by_its_index(visit: Visiting) -> None:
    page = visit().open()
    page.get_by_label("Test image").fill("0")
    page.keyboard.press("Enter")
    answers(page, "^7, with")
    page.get_by_text("That is right.").wait_for()
    assert "test=0" in page.url
    assert page.locator(".bars li:has-text('right answer') .name").inner_text() == "7"


def test_the_parts_of_why_add_up_to_the_margin_of_the_network(visit: Visiting, tmp_path: Path) -> None:
    page = visit().open("#/draw?model=standard&why=7&than=2")
    draw(page, SEVEN)
    page.get_by_role("heading", name="Why 7 and not 2?").wait_for()
    page.wait_for_load_state("networkidle")
    page.get_by_text("They differ by").wait_for()
    logits = load_model(shipped_models()["standard"]).network.logits(seen(page, tmp_path))[0]
    assert_adds_up(page, tmp_path, logits[7] - logits[2])

    page.get_by_label("The digit to compare with").select_option("1")
    page.get_by_role("heading", name="Why 7 and not 1?").wait_for()
    assert_adds_up(page, tmp_path, logits[7] - logits[1])
    page.get_by_role("button", name="Likeliest two").click()
    page.get_by_role("heading", name=re.compile(r"Why 7 and not \d")).wait_for()


def seen(page: Page, folder: Path) -> np.ndarray:
    """``(1, 28, 28) uint8``: what the network sees, as the panel saves it."""
    rows = rows_of(page, "What the network sees", folder)
    return np.array([[int(row[f"column {column}"]) for column in range(28)] for row in rows], np.uint8)[np.newaxis]


def assert_adds_up(page: Page, folder: Path, margin: float) -> None:
    """Compare the margin with the parts that are saved, all 784 and the biases', and with those that are written."""
    saved = rows_of(page, "Why 7", folder)
    parts = [float(row["share of the margin"]) for row in saved if row["part"] != "margin"]
    assert sum(row["part"] == "pixel" for row in saved) == 784
    assert sum(parts) == pytest.approx(float(saved[-1]["share of the margin"]), abs=1e-9)
    assert sum(parts) == pytest.approx(margin, abs=1e-3)  # the network itself computes in float32
    table = page.locator("table:has(tfoot:has-text('Margin of 7'))")
    *written, total = [
        round(1000 * float(text.replace("−", "-"))) for text in table.locator("td.number").all_inner_texts()
    ]
    assert sum(written) == total == pytest.approx(1000 * margin, abs=1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_pleases_axe_whatever_is_on_the_paper(visit: Visiting, theme: str) -> None:
    here = visit(color_scheme=theme, reduced_motion="reduce")
    page = here.open()
    draw(page, *LINE)
    page.get_by_text("Read as 173").wait_for()
    here.settle()
    assert here.violations() == []
    page.set_viewport_size(PHONE)
    assert here.overflow() <= 0
    assert here.violations() == []
    page.get_by_role("button", name="Clear", exact=True).click()
    answers(page, "^Nothing to read yet")
    assert here.violations() == []
    draw(page, ZIGZAG)
    answers(page, r"^(Unsure|Not a digit|\d, with)")
    here.settle()
    assert here.violations() == []


def test_a_first_visit_has_a_tour_of_five_steps(visit: Visiting) -> None:
    here = visit(tour=True, reduced_motion="reduce")
    page = here.open()
    tour = page.get_by_role("complementary", name="Tour")
    titles = []
    for step in range(1, 6):
        tour.get_by_text(f"{step} of 5").wait_for()
        titles.append(tour.get_by_role("heading").inner_text())
        assert page.locator(".talked-about").count() == 1
        assert here.violations() == []
        tour.get_by_role("button", name="Done" if step == 5 else "Next").click()
    assert len(set(titles)) == 5
    tour.wait_for(state="hidden")
    page.reload()
    here.settle()
    assert tour.count() == 0


def test_the_tour_can_be_skipped_and_taken_again(visit: Visiting) -> None:
    here = visit(tour=True)
    page = here.open()
    tour = page.get_by_role("complementary", name="Tour")
    tour.get_by_role("button", name="Skip").click()
    tour.wait_for(state="hidden")
    page.reload()
    here.settle()
    assert tour.count() == 0
    page.get_by_role("button", name="Keys and help").click()
    page.get_by_role("button", name="Take the tour").click()
    tour.get_by_text("1 of 5").wait_for()
    page.keyboard.press("Escape")
    tour.wait_for(state="hidden")
