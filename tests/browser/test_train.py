"""The Train room, as somebody uses it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from browser.conftest import Visiting

SETTINGS = {"hidden": [16], "images": 500, "epochs": 2, "batch_size": 25}


def begin(page: Page, *, until: str | None = None, **changes: object) -> dict[str, Any]:
    """Make a run by request, and let it go on."""
    base = re.match(r"https?://[^/]+", page.url)
    assert base is not None
    sent = page.request.post(f"{base[0]}/api/runs", data={"name": "by request", "settings": SETTINGS | changes})
    run = sent.json()
    if until:
        page.request.post(f"{base[0]}/api/runs/{run['id']}/start", data={"until": until})
    return run


def status(page: Page, wanted: str) -> None:
    page.locator(f".status[data-status={wanted}]").wait_for()


def ready(page: Page, name: str) -> Locator:
    """The button of this name, once the studio has answered what was asked before: until then presses are ignored."""
    button = page.get_by_role("button", name=name, exact=True, disabled=False)
    button.wait_for()
    return button


def test_two_epochs_are_trained_paused_scrubbed_forked_and_still_there_after_a_reload(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/train")
    page.get_by_role("button", name="New", exact=True).click()
    page.get_by_role("button", name="plain", exact=True).click()
    page.get_by_label("Training images").select_option("500")
    page.get_by_label("Hidden layers").fill("24")
    page.get_by_label("Epochs").fill("200")
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).click()
    status(page, "paused")
    page.get_by_role("button", name="One step", exact=True).click()
    page.get_by_role("button", name="One epoch", exact=True).click()
    status(page, "paused")
    slider = page.get_by_label("Time machine")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_url("**at=0*")
    page.get_by_text("step 0, epoch 0.00").wait_for()
    page.get_by_label(re.compile("Weights of 24 of 24")).wait_for()
    page.get_by_role("button", name="Fork from here").click()
    page.get_by_label("Epochs").fill("2")
    page.get_by_role("button", name="Fork and train").click()
    status(page, "finished")
    page.get_by_role("heading", name=re.compile("fork of")).wait_for()
    assert page.get_by_label("compare run").first.is_checked()
    page.reload()
    status(page, "finished")
    page.get_by_role("heading", name=re.compile("fork of")).wait_for()
    page.get_by_role("button", name=re.compile(r"\d+\. mine")).click()
    status(page, "paused")


def test_a_saved_run_can_be_chosen_in_every_room(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/train")
    run = begin(page, until="end")
    page = here.open(f"#/train?run={run['id']}")
    page.reload()
    status(page, "finished")
    page.get_by_role("button", name="Save as model").click()
    page.get_by_label("Name of the model").fill("trained-here")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("trained-here can now be chosen").wait_for()
    page.get_by_role("combobox", name=re.compile("^Model")).select_option("trained-here")
    page.wait_for_url("**model=trained-here*")


def test_a_run_that_diverges_is_a_result(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/train")
    run = begin(page, until="end", learning_rate=1000, activation="leaky-relu")
    page = here.open(f"#/train?run={run['id']}")
    page.reload()
    status(page, "diverged")
    page.get_by_text("the learning rate of 1000 is too high").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_pleases_axe_on_a_screen_and_on_a_phone(visit: Visiting, theme: str) -> None:
    here = visit(color_scheme=theme)
    page = here.open("#/train")
    run = begin(page, until="epoch")
    page = here.open(f"#/train?run={run['id']}")
    page.reload()
    status(page, "paused")
    page.get_by_label(re.compile("Weights of 16 of 16")).wait_for()
    here.settle()
    assert here.violations() == []
    page.get_by_role("button", name="New", exact=True).click()
    here.settle()
    assert here.violations() == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert here.overflow() <= 0
    base = page.url.split("#")[0]
    for each in page.request.get(f"{base}api/runs").json()["runs"]:
        page.request.delete(f"{base}api/runs/{each['id']}")


def test_keys_start_pause_and_step(visit: Visiting) -> None:
    here = visit()
    page = here.open("#/train")
    run = begin(page, epochs=200)
    page = here.open(f"#/train?run={run['id']}")
    page.reload()
    status(page, "paused")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("ArrowRight")
    page.get_by_text(re.compile("now: step 1 of")).wait_for()
    ready(page, "One epoch")
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_text(re.compile("now: step 20 of")).wait_for()
    ready(page, "Go on")
    page.keyboard.press("Space")
    status(page, "running")
    ready(page, "Pause")
    page.keyboard.press("Space")
    status(page, "paused")
    ready(page, "Go on").focus()
    page.keyboard.press("Enter")
    ready(page, "Pause")
    assert page.evaluate("() => document.activeElement.textContent") == "Pause"  # the focus stays where it was
    page.keyboard.press("Enter")
    status(page, "paused")
