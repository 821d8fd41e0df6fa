"""From measurements to rows: plain dictionaries, as they stand in the JSON.

A row has all of ``KEYS``. Times are in seconds, memory in megabytes (10⁶ bytes). ``met`` is null where there is no
target or no ratio. ``not_measured`` says why a row is empty, ``failed`` why it proves nothing; then the run fails.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measurement import Measurement, differences, ratio
from benchmarks.rows import PEERS, Group, MemoryRow, Row, StartRow

KEYS = (
    "name", "work", "against", "unit", "ours", "theirs", "ratio", "spread", "target", "met", "floor", "evidence",
    "not_measured", "failed", "ours_all", "theirs_all",
)  # fmt: skip
OURS = "digits"


def compared(group: Group, row: Row, measured: dict[str, Measurement], *, quick: bool) -> dict[str, Any]:
    """One row of a group that was measured."""
    ours, theirs, floor = measured[OURS], measured[row.peer], measured.get("floor")
    result = pair(f"{group.name}/{row.peer}", group.about, PEERS[row.peer].label, ours, theirs)
    result["target"] = None if quick else row.target
    result["floor"] = floor.median if floor and row.peer != "floor" else None
    result["evidence"] = {
        name: [ours.evidence[name], theirs.evidence[name]] for name in ours.evidence.keys() & theirs.evidence.keys()
    }
    result["failed"] = result["failed"] or "; ".join(differences(ours.evidence, theirs.evidence, group.tolerances))
    return judged(result)


def started(row: StartRow, measured: dict[str, Measurement], *, quick: bool) -> dict[str, Any]:
    """One row of starting a process."""
    work = "a whole process, against import numpy"
    result = pair(row.name, work, row.about, measured[row.name], measured["baseline"])
    result["target"] = None if quick else row.target
    return judged(result)


def remembered(row: MemoryRow, megabytes: float | None, problem: str, rows: int, *, quick: bool) -> dict[str, Any]:
    """One row of memory: a value and a target, no ratio."""
    result = empty(row.name, row.about.format(rows=rows), "–", unit="MB")
    return judged(result | {"ours": megabytes, "target": None if quick else row.target, "failed": problem})


def empty(name: str, work: str, against: str, unit: str = "s") -> dict[str, Any]:
    """A row of which nothing is known yet."""
    row: dict[str, Any] = dict.fromkeys(KEYS)
    return row | {
        "name": name, "work": work, "against": against, "unit": unit, "evidence": {}, "not_measured": "", "failed": "",
        "ours_all": [], "theirs_all": [],
    }  # fmt: skip


def pair(name: str, work: str, against: str, ours: Measurement, theirs: Measurement) -> dict[str, Any]:
    """Two series side by side. That a peer fails is its own affair; if ours does, the run fails."""
    row = empty(name, work, against)
    row |= {"ours": ours.median, "theirs": theirs.median, "ours_all": ours.seconds, "theirs_all": theirs.seconds}
    if ours.problem:
        row["failed"] = f"digits: {ours.problem}"
    elif theirs.problem:
        row["not_measured"] = theirs.problem
    else:
        found = ratio(ours.seconds, theirs.seconds)
        row |= {"ratio": found.value, "spread": [found.lowest, found.highest]}
    return row


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """Say whether the target is met, where there is one and the row proves something."""
    value = row["ours"] if row["unit"] == "MB" else row["ratio"]
    if value is not None and row["target"] is not None and not row["failed"]:
        row["met"] = value <= row["target"]
    return row
