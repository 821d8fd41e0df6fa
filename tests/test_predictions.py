from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.errors import DigitsError
from digits.predictions import looks_like_indices, parse_indices

indices = st.lists(st.integers(0, 9999), min_size=1, max_size=20)


@given(indices, st.sampled_from([" ", ",", ", ", ";", "\t", "  "]))
def test_a_list_is_read_as_it_was_written(numbers: list[int], separator: str) -> None:
    assert parse_indices(separator.join(map(str, numbers)), 10_000) == numbers


@given(st.integers(0, 9999), st.integers(0, 50))
def test_a_range_has_both_its_ends(start: int, length: int) -> None:
    end = min(start + length, 9999)
    assert parse_indices(f"{start}-{end}", 10_000) == list(range(start, end + 1))


@given(st.text(max_size=30))
def test_any_text_gives_indices_of_the_set_or_a_sentence(text: str) -> None:
    try:
        numbers = parse_indices(text, 100)
    except DigitsError as error:
        assert str(error).endswith(".")
    else:
        assert numbers
        assert all(0 <= number < 100 for number in numbers)


@pytest.mark.parametrize("name", ["seven.png", "./7", "7.png", "0x7", "-1", "", "1 2 three", "٣"])
def test_names_of_files_are_no_indices(name: str) -> None:
    assert not looks_like_indices(name)
