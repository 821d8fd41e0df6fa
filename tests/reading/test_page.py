"""What was read, as text and as JSON has it."""

from __future__ import annotations

import json

import numpy as np

from digits.reading import Digit, Line, Page
from digits.reading.preparation import as_mnist_steps


def digit(label: int | None, reason: str | None = None, space: int = 0, line: int = 0) -> Digit:
    odds = tuple(0.91 if n == (label or 0) else 0.01 for n in range(10))
    block = as_mnist_steps(np.full((3, 3), 255, np.uint8), edge=1)
    return Digit(label, 0.91, odds, (10, 20, 30, 40), line, reason, space, block)


UNSURE, NONE = digit(None, "unsure: 4 or 9"), digit(None, "not a digit")


def test_a_line_is_its_digits_with_a_space_for_each_gap() -> None:
    assert Line((digit(4), digit(0), digit(7, space=1))).text == "40 7"


def test_unsure_is_a_question_mark_and_what_is_no_digit_is_nothing() -> None:
    assert Line((digit(4), UNSURE, digit(7), NONE)).text == "4?7"


def test_a_line_neither_begins_nor_ends_with_a_space() -> None:
    nothing = digit(None, "not a digit", space=1)
    assert Line((NONE, digit(4, space=1), nothing)).text == "4"


def test_a_page_is_its_lines_and_those_without_digits_are_left_out() -> None:
    page = Page((Line((digit(1),)), Line((NONE,)), Line((digit(2, line=2), UNSURE))))
    assert page.text == "1\n2?"
    assert page.to_dict()["lines"] == ["1", "2?"]
    assert [each.label for each in page.digits] == [1, None, 2, None]
    assert [each["line"] for each in page.to_dict()["digits"]] == [0, 0, 2, 0]


def test_json_has_these_keys_and_a_reason_only_where_there_is_no_label() -> None:
    found = json.loads(json.dumps(Page((Line((digit(1), UNSURE, NONE)),)).to_dict()))
    assert set(found) == {"text", "lines", "digits"}
    read, unsure, none = found["digits"]
    keys = {"label", "confidence", "probabilities", "box", "line"}
    assert set(read) == keys
    assert set(unsure) == set(none) == keys | {"reason"}
    assert (read["label"], unsure["label"], none["label"]) == (1, None, None)
    assert read["box"] == [10, 20, 30, 40]
    assert len(read["probabilities"]) == 10


def test_an_empty_page_says_why() -> None:
    page = Page((), "blank")
    assert page.text == ""
    assert page.digits == ()
    assert page.to_dict() == {"text": "", "lines": [], "digits": [], "reason": "blank"}
