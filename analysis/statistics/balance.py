"""How alike two groups are in what else may make the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Separation:
    """How far an attribute tells the mentors of two groups apart.

    Attributes:
        rank_correlation: the rank-biserial correlation, -1 to 1: the share of the pairs of one mentor of
            either group in which that of a has more, less the share in which that of b has.
        is_perfect: every mentor of one group has more than every mentor of the other, so that nothing in
            the data can tell whether the group or the attribute makes a difference.
        mentors_a, mentors_b: how many have a value.
    """

    rank_correlation: float | None
    is_perfect: bool
    mentors_a: int
    mentors_b: int


def proportions_apart(events_a: int, n_a: int, events_b: int, n_b: int) -> float | None:
    """The standardised difference of two proportions, a minus b.

    Source: Austin, Communications in Statistics - Simulation and Computation 38 (2009) 1228-1234:
    (p - q) / sqrt((p (1 - p) + q (1 - q)) / 2). Unlike a p-value it does not grow with the groups; 0.1 is
    often taken for the most that does not matter.

    Args:
        events_a, n_a, events_b, n_b: counts of either group.

    Returns:
        In standard deviations; None when a group is empty, and when one proportion is 0 and the other 1.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> round(proportions_apart(30, 100, 40, 100), 3)
    -0.211
    """
    for events, n in ((events_a, n_a), (events_b, n_b)):
        if not 0 <= events <= n:
            raise ValueError(f"events must lie between 0 and n = {n}, got {events}")
    if not (n_a and n_b):
        return None
    p, q = events_a / n_a, events_b / n_b
    if p == q:
        return 0.0
    variance = (p * (1 - p) + q * (1 - q)) / 2
    return (p - q) / math.sqrt(variance) if variance > 0 else None


def separation(values_a: Sequence[float | None], values_b: Sequence[float | None]) -> Separation:
    """Whether another attribute of the mentor, such as the hourly rate, says the same as the group.

    Source: Cureton, Psychometrika 21 (1956) 287-290.

    Args:
        values_a, values_b: of each mentor of either group; None where it is not known, which then does not count.

    Returns:
        Without a value in either group: no correlation, and not perfect.

    >>> separation([200, 180], [50, 100, 100])
    Separation(rank_correlation=1.0, is_perfect=True, mentors_a=2, mentors_b=3)
    """
    a, b = (np.sort([value for value in values if value is not None]) for values in (values_a, values_b))
    if not (a.size and b.size):
        return Separation(None, False, a.size, b.size)
    below = np.searchsorted(b, a, side="left").sum()
    above = (b.size - np.searchsorted(b, a, side="right")).sum()
    correlation = float(below - above) / (a.size * b.size)
    return Separation(correlation, abs(correlation) == 1, a.size, b.size)
