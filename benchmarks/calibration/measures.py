"""What is drawn and measured: sizes, methods, and whether one holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Random = np.random.Generator

LEVEL, COVERAGE = 0.05, 0.95
# How many Monte Carlo errors a rate may be off.
ERRORS = 3


@dataclass(frozen=True)
class Size:
    """The users of both groups, their companies and mentors."""

    n_a: int
    n_b: int
    companies: int
    mentors_a: int
    mentors_b: int

    def __str__(self) -> str:
        return f"{self.n_a:,} / {self.n_b:,}"


SIZES = (Size(40, 90, 13, 5, 10), Size(4_000, 9_000, 40, 20, 45))


@dataclass(frozen=True)
class Measure:
    """What one method makes of what was drawn.

    Attributes:
        what: the test or the interval.
        kind: `rejects` (a test, at most so often), `covers` (an interval, at least so often), or
            `contrast`: a test where it does not belong, which must reject more often.
        evaluate: 1 where the test rejects or the interval covers, else 0, or the share that does.
        nominal: how often it should.
    """

    what: str
    kind: str
    evaluate: Callable[[Any], float]
    nominal: float

    def verdict(self, rate: float, replicates: int) -> str:
        margin = ERRORS * math.sqrt(self.nominal * (1 - self.nominal) / replicates)
        if self.kind == "covers":
            return "holds" if rate >= self.nominal - margin else "too low"
        is_within = rate <= self.nominal + margin
        if self.kind == "contrast":
            return "not noticed" if is_within else "too high, as it must be"
        return "holds" if is_within else "too high"


@dataclass(frozen=True)
class Population:
    """What is drawn, again and again, and every method that is applied to it."""

    name: str
    draw: Callable[[Random, Size], Any]
    measures: Sequence[Measure]

    def rates(self, replicates: int, random: Random, size: Size) -> list[float]:
        """Of each measure, the mean over the replicates."""
        drawn = (self.draw(random, size) for _ in range(replicates))
        return np.mean([[measure.evaluate(data) for measure in self.measures] for data in drawn], axis=0).tolist()


def level_of(what: str, p_value: Callable[[Any], float | None], kind: str = "rejects") -> Measure:
    return Measure(what, kind, lambda data: rejects(p_value(data)), LEVEL)


def coverage_of(what: str, truth: float, bounds: Callable[[Any], tuple[float | None, float | None]]) -> Measure:
    return Measure(what, "covers", lambda data: covers(truth, bounds(data)), COVERAGE)


def rejects(p_value: float | None) -> float:
    """A test that cannot be made rejects nothing."""
    return float(p_value is not None and p_value <= LEVEL)


def covers(truth: float, bounds: tuple[float | None, float | None]) -> float:
    """A bound that is not there excludes nothing."""
    low, high = bounds
    return float((low is None or low <= truth) and (high is None or truth <= high))


def bounds_of(result: Any, name: str = "") -> tuple[float | None, float | None]:
    prefix = f"{name}_" if name else ""
    return getattr(result, f"{prefix}ci_low"), getattr(result, f"{prefix}ci_high")
