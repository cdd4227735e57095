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
    return _standardised(p - q, (p * (1 - p) + q * (1 - q)) / 2)


def means_apart(values_a: Sequence[float], values_b: Sequence[float]) -> float | None:
    """The standardised difference of two means, a minus b.

    Source: as `proportions_apart`: the difference by sqrt((s² + t²) / 2) of the two sample variances.

    Args:
        values_a, values_b: one a user or mentor, in any unit.

    Returns:
        In standard deviations; None when a group has fewer than two values, and when the means differ but
        no value differs from that of its group.

    >>> round(means_apart([1, 2, 3], [2, 3, 4, 5]), 3)
    -1.299
    """
    if min(len(values_a), len(values_b)) < 2:
        return None
    difference = float(np.mean(values_a) - np.mean(values_b))
    return _standardised(difference, float(np.var(values_a, ddof=1) + np.var(values_b, ddof=1)) / 2)


def categories_apart(counts_a: Sequence[int], counts_b: Sequence[int]) -> float | None:
    """The standardised difference of two distributions over categories, such as months.

    The Mahalanobis distance of the two vectors of proportions with the mean of their covariance matrices;
    of two categories it is the absolute value of `proportions_apart`.
    Source: Yang and Dalton, SAS Global Forum 2012, paper 335.

    Args:
        counts_a, counts_b: by category, in the same order; categories that neither group has do not count.

    Returns:
        In standard deviations, 0 where the distributions are the same; None when a group is empty, and
        where a direction in which they differ has no variance, as when they have no category in common.

    Raises:
        ValueError: a count is negative, or the groups have different numbers of categories.

    >>> round(categories_apart([10, 20, 30], [20, 20, 20]), 3)
    0.431
    """
    if len(counts_a) != len(counts_b):
        raise ValueError(f"both groups must have the same categories, got {len(counts_a)} and {len(counts_b)}")
    counts = np.array([counts_a, counts_b], dtype=float)
    if (counts < 0).any():
        raise ValueError(f"counts must not be negative, got {min(*counts_a, *counts_b)}")
    if not counts.size or not counts.sum(axis=1).all():
        return None
    p, q = counts / counts.sum(axis=1, keepdims=True)
    used = np.flatnonzero(p + q)[1:]
    covariance = sum(np.diag(x[used]) - np.outer(x[used], x[used]) for x in (p, q)) / 2
    apart = (p - q)[used]
    if not apart.any():
        return 0.0
    # The pseudo-inverse drops directions without variance: those must not be where the groups differ.
    solved = np.linalg.pinv(covariance, hermitian=True) @ apart
    if not np.allclose(covariance @ solved, apart):
        return None
    return math.sqrt(float(apart @ solved))


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


def _standardised(difference: float, variance: float) -> float | None:
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variance) if variance > 0 else None
