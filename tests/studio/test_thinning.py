"""What is kept of a long series stays within its bound and spread over all of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.studio.thinning import Thinned, stride_for


@given(limit=st.integers(3, 50), start=st.integers(0, 1000), steps=st.integers(1, 3000), every=st.integers(1, 5))
def test_few_are_kept_and_evenly(limit: int, start: int, steps: int, every: int) -> None:
    thinned: Thinned[int] = Thinned(limit, start)
    for step in range(start, start + steps, every):
        if thinned.wants(step):
            thinned.add(step, step)
            assert len(thinned.kept) <= limit
    kept = sorted(thinned.kept)
    assert kept[0] == start
    gaps = {later - earlier for earlier, later in pairwise(kept[:-1])}
    assert len(gaps) <= 1  # all the same; the last one may lie between the strides
    assert thinned.stride <= max(1, 4 * steps // limit * every)


@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_the_last_is_there_wherever_it_lies(wanted: list[bool]) -> None:
    thinned: Thinned[str] = Thinned(8)
    for step, forced in enumerate(wanted):
        if forced or thinned.wants(step):
            thinned.add(step, f"step {step}")
            assert thinned.kept[step] == f"step {step}"
            assert len(thinned.kept) <= 8
            assert sum(not thinned.wants(each) for each in thinned.kept) <= 1


def test_a_series_is_taken_up_again() -> None:
    whole: Thinned[None] = Thinned(10)
    for step in range(100):
        if whole.wants(step):
            whole.add(step, None)
    parts: Thinned[None] = Thinned(10)
    for step in range(100):
        parts = Thinned(10, 0, parts.stride, parts.kept)
        if parts.wants(step):
            parts.add(step, None)
    assert (parts.kept, parts.stride) == (whole.kept, whole.stride)


def test_a_limit_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        Thinned(2)


@given(steps=st.integers(0, 10**6), limit=st.integers(3, 200))
def test_what_is_known_to_be_long_begins_coarsely(steps: int, limit: int) -> None:
    stride = stride_for(steps, limit)
    assert stride.bit_count() == 1
    assert stride * limit >= steps / 2
    assert stride == 1 or stride * limit < steps
