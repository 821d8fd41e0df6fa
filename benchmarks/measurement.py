"""What repetitions say together: medians, ratios with their spread, and whether two sides did the same work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

TOLERANCE = 0.01  # of evidence, as a share


@dataclass
class Measurement:
    """One contender's repetitions.

    Attributes:
        seconds: of each repetition.
        evidence: what the work came to; the other side must have the same.
        problem: why there is nothing, in words; empty if all went well.
    """

    seconds: list[float] = field(default_factory=list)
    evidence: dict[str, float] = field(default_factory=dict)
    problem: str = ""

    @property
    def median(self) -> float | None:
        """Of the seconds; None where nothing was measured."""
        return median(self.seconds) if self.seconds and not self.problem else None


@dataclass(frozen=True)
class Ratio:
    """Ours over theirs.

    Attributes:
        value: the ratio of the medians.
        lowest, highest: of the ratios of repetitions that were made one after the other.
    """

    value: float
    lowest: float
    highest: float


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Compare two series of interleaved repetitions.

    Raises:
        ValueError: if the series are not equally long, or empty, or hold a time that is no time.
    """
    if not ours or len(ours) != len(theirs):
        raise ValueError(f"both sides need the same number of repetitions; got {len(ours)} and {len(theirs)}")
    if min(*ours, *theirs) <= 0:
        raise ValueError("a repetition takes longer than 0 seconds")
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Ratio(median(ours) / median(theirs), min(pairs), max(pairs))


def differences(ours: dict[str, float], theirs: dict[str, float], tolerances: dict[str, float]) -> list[str]:
    """Say in what two sides did not agree, as sentences; none if they did the same work.

    Args:
        ours: the evidence of one side. What only one side has is not compared: a floor learns nothing.
        theirs: that of the other.
        tolerances: the largest difference that is admitted in each, as a share of theirs; 1 % in those not named.
    """
    found = []
    for name in sorted(ours.keys() & theirs.keys()):
        tolerance = tolerances.get(name, TOLERANCE)
        if not abs(ours[name] - theirs[name]) <= tolerance * abs(theirs[name]):  # so written, nan differs
            found.append(f"{name}: ours {ours[name]:.5g}, theirs {theirs[name]:.5g}, more than {tolerance:.0%} apart")
    return found
