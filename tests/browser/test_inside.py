"""The Inside room, as somebody uses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser.conftest import Visiting

PLACES = (
    "#/inside?test=0",
    "#/inside?test=0&label=3&back=99&layer=0&unit=43&steps=3*0.0005*3",
    "#/inside?test=0&model=cnn&label=2&back=9&layer=3&unit=700",
    "#/inside?test=0&label=3&back=3&layer=4&unit=3",
)
CHECKS = "Gradients beside their differences"


def numbers(page: Page, name: str) -> list[list[str]]:
    """The rows of a table, by the name of the region that it is in."""
    rows = page.get_by_role("region", name=name).locator("tbody tr:has(td.verdict)")
    rows.nth(1).wait_for()
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def loss(page: Page, when: str) -> float:
    return number(page.locator(f"#step dl div:has(dt:text-is('{when}')) dd").inner_text())


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_it_pleases_axe_on_a_screen_and_on_a_phone(visit: Visiting, place: str, theme: str) -> None:
    here = visit(color_scheme=theme, reduced_motion="reduce")
    page = here.open(place)
    page.get_by_role("heading", name="What excites").wait_for()
    here.settle()
    assert here.violations() == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert here.overflow() <= 0
    assert here.violations() == []


def test_one_step_under_glass_lowers_the_loss_and_each_gradient_equals_its_difference(visit: Visiting) -> None:
    here = visit(reduced_motion="reduce")
    page = here.open("#/inside?test=0&layer=0&unit=43")
    page.get_by_role("button", name="3", exact=True).click()
    page.get_by_role("button", name="Send the gradients back").click()
    page.get_by_text("6 of 6 done").wait_for()
    for gradient, difference, apart, verdict in numbers(page, CHECKS):
        assert number(gradient) == pytest.approx(number(difference), rel=1e-6)
        assert number(apart) <= 1e-6 * abs(number(gradient))
        assert "agree" in verdict
    page.get_by_role("button", name="Check all 785 of this unit").click()
    page.get_by_text("of 786 numbers").wait_for()
    page.get_by_text("All agree").wait_for()

    page.get_by_role("button", name="Now take a step").click()
    page.keyboard.press("Enter")  # the button that takes it has the focus
    page.get_by_text("After 1 step in all").wait_for()
    before, after = loss(page, "loss before"), loss(page, "loss after")
    assert after < before
    page.get_by_role("button", name="Ten steps").click()
    page.get_by_text("After 11 steps in all").wait_for()
    assert loss(page, "loss before") == after
    assert loss(page, "loss after") < after
    page.get_by_role("button", name="Reset").click()
    page.get_by_text("No step was taken yet").wait_for()


def test_a_weight_s_gradient_is_its_input_times_that_of_the_output(visit: Visiting) -> None:
    page = visit(reduced_motion="reduce").open("#/inside?test=0&layer=0&unit=43&label=3")
    picture = page.get_by_role("slider", name=re.compile("^Gradients of its weights"))
    picture.focus()
    for key in ("ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        written = page.get_by_text(re.compile(r"^The weight of pixel")).inner_text().replace("−", "-")
        of_input, of_output, gradient = map(
            float, re.search(r"∂L/∂W = (\S+) × (\S+) = (\S+?)\.? It is", written).groups()
        )
        assert of_input * of_output == pytest.approx(gradient, rel=1e-3, abs=1e-6)
        now, rate, own, later = map(
            float, re.search(r"makes it (\S+) - (\S+) × \(?([^\s)]+)\)? = (\S+?)\.\s", written).groups()
        )
        assert own == gradient
        assert now - rate * own == pytest.approx(later, rel=1e-3)
        place = int(picture.get_attribute("aria-valuenow") or "")
        assert f"pixel {place // 28}, {place % 28}:" in written


def test_undo_restores_what_was_there(visit: Visiting) -> None:
    page = visit(reduced_motion="reduce").open("#/inside?test=0&layer=2&unit=79&label=3")
    before = numbers(page, CHECKS)
    page.get_by_role("button", name="Take the step").click()
    page.get_by_text("After 1 step in all").wait_for()
    assert numbers(page, CHECKS) != before
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("No step was taken yet").wait_for()
    assert numbers(page, CHECKS) == before


def test_the_sum_as_it_is_printed_adds_up(visit: Visiting) -> None:
    page = visit().open("#/inside?test=0&layer=0&unit=43")
    products = page.get_by_role("region", name="The sum written out").locator("tr td:last-child")
    *parts, total = [round(10_000 * number(text)) for text in products.all_inner_texts()]
    assert sum(parts) == total


def test_units_are_chosen_by_mouse_and_by_keys(visit: Visiting) -> None:
    page = visit().open("#/inside?test=0&layer=0&unit=43")
    layer = page.get_by_role("slider", name=re.compile("^Outputs of layer 0"))
    layer.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="Unit 44 of Dense(256)").wait_for()
    assert (layer.get_attribute("aria-valuetext") or "").startswith("unit 44: ")
    page.get_by_role("slider", name=re.compile("^Outputs of layer 4")).click(position={"x": 4, "y": 4})
    page.get_by_role("heading", name="Unit 0 of Dense(10)").wait_for()


def test_the_way_back_goes_by_single_layers_with_the_line_that_computes_each(visit: Visiting) -> None:
    page = visit().open("#/inside?test=0&layer=0&unit=43&label=3")
    page.get_by_role("button", name="One layer back").click()
    page.get_by_text("It begins with the ten scores").wait_for()
    page.get_by_role("button", name="One layer back").click()
    page.get_by_text("2 of 6 done").wait_for()
    line = page.get_by_text("np.dot(self.inputs.T, output_gradients, out=self.weights_gradients)").first
    line.click()
    page.get_by_role("group", name="Dense.backward, the whole function").first.wait_for()


def test_the_address_restores_everything(visit: Visiting) -> None:
    here = visit(reduced_motion="reduce")
    page = here.open("#/inside?test=0&layer=2&unit=79&label=3&rate=0.0005")
    page.get_by_role("button", name="Ten steps").click()
    page.get_by_text("After 10 steps in all").wait_for()
    copy = visit(reduced_motion="reduce").open(page.url.removeprefix(here.address))
    copy.get_by_text("After 10 steps in all").wait_for()
    assert loss(copy, "loss after") == loss(page, "loss after")
    copy.get_by_role("heading", name="Unit 79 of Dense(128)").wait_for()


def test_another_image_begins_without_steps(visit: Visiting) -> None:
    page = visit(reduced_motion="reduce").open("#/inside?test=0&layer=1&unit=43&label=3&steps=3*0.001*2")
    page.get_by_text("These are the weights after 2 steps").wait_for()
    page.get_by_role("button", name=re.compile("^Test image ")).first.click()
    page.get_by_text("No step was taken yet").wait_for()
    assert "steps=" not in page.url
