"""Time until users return, when some have not been observed for long.

Days are whole days since a user's first session, rounded down: day 0 is the first 24 hours. On the
same day those who return come before those whose observation ends, who count as at risk for all of it:
against a curve by the second that makes a share too low by less than the share of users who leave in half a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.results import TestResult

# Of one group: days, how many returned on each, and of how many the observation ended on each.
DayCounts = tuple[Sequence[int], Sequence[int], Sequence[int]]

LOG_RANK_METHOD = "Log-rank test, chi-squared with 1 degree of freedom"


@dataclass(frozen=True)
class CurvePoint:
    """One day of a Kaplan-Meier curve.

    Attributes:
        day: whole days since the first session.
        at_risk: users not returned and still observed when the day begins.
        returned: users who return on that day.
        censored: users whose observation ends on that day without a return.
        share: the share of users, as a fraction, who have returned by the end of that day.
        ci_low, ci_high: bounds of the share.
    """

    day: int
    at_risk: int
    returned: int
    censored: int
    share: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Horizon:
    """The share of users who return within so many times 24 hours.

    Attributes:
        days: the horizon.
        at_risk: users still observed then who have not returned.
        share: a fraction, with its bounds; None, as these, where the curve does not reach that far.
    """

    days: int
    at_risk: int
    share: float | None
    ci_low: float | None
    ci_high: float | None


def kaplan_meier(
    days: Sequence[int], returned: Sequence[int], censored: Sequence[int], confidence_level: float = 0.95
) -> list[CurvePoint]:
    """Kaplan and Meier's estimate of the share of users who have returned, day by day.

    The interval is the beta product confidence procedure by the method of moments, which holds its
    level in small samples and at the ends of the curve, where Greenwood's fails; without censoring it is
    Clopper and Pearson's, and in large samples it agrees with Greenwood's.
    Sources: Kaplan and Meier, JASA 53 (1958) 457-481; Fay, Brittain, Proschan, Biostatistics 14 (2013) 723-736.

    Args:
        days: whole days, in any order; several entries of a day are added up.
        returned: how many users return on each.
        censored: of how many users the observation ends on each.
        confidence_level: a fraction, such as 0.95.

    Returns:
        A point for day 0 and for each day on which something happens, in order; none without users.

    Raises:
        ValueError: the sequences differ in length, or hold a negative number.

    >>> [(point.day, point.at_risk, round(point.share, 2)) for point in kaplan_meier([3, 5, 9], [1, 1, 1], [0, 2, 0])]
    [(0, 5, 0.0), (3, 5, 0.2), (5, 4, 0.4), (9, 1, 1.0)]
    """
    day, event, end = _by_day(days, returned, censored)
    if not day.size:
        return []
    remaining = (event + end)[::-1].cumsum()[::-1]
    after = remaining - event - end
    mean = np.cumprod((remaining - event + 1) / (remaining + 1))
    square = mean * np.cumprod((remaining - event + 2) / (remaining + 2))
    tail = (1 - confidence_level) / 2
    upper = np.where(event.cumsum() == 0, 1.0, _beta_quantile(mean, square, 1 - tail))
    # Nobody knows about the last interval: it is as if one more user returned just then.
    lower = np.where(after == 0, 0.0, _beta_quantile(mean * after / (after + 1), square * after / (after + 2), tail))
    survival = np.cumprod((remaining - event) / remaining)
    columns = (day, remaining, event, end, 1 - survival, 1 - upper, 1 - lower)
    return [
        CurvePoint(int(d), int(n), int(r), int(c), float(share), float(low), float(high))
        for d, n, r, c, share, low, high in zip(*columns, strict=True)
    ]


def share_by(curve: Sequence[CurvePoint], days: int) -> Horizon:
    """The share of users who return within `days` times 24 hours.

    That is, before the day of that number begins: within 30 days are the days 0 to 29. Where every user
    is observed for longer, it is the plain rate of users who return within the window.

    Args:
        curve: as `kaplan_meier` gives it.
        days: the horizon.

    Returns:
        The horizon; its share is None when observation ends before it with users who had not returned.

    Raises:
        ValueError: the horizon is not above 0.

    >>> curve = kaplan_meier([3, 5, 9], [1, 1, 0], [0, 2, 1])
    >>> [(horizon.days, horizon.at_risk, horizon.share) for horizon in (share_by(curve, 5), share_by(curve, 14))]
    [(5, 4, 0.19999999999999996), (14, 0, None)]
    """
    if days <= 0:
        raise ValueError(f"a horizon must be above 0 days, got {days}")
    before = [point for point in curve if point.day < days]
    if not before:
        return Horizon(days, 0, None, None, None)
    last = before[-1]
    at_risk = last.at_risk - last.returned - last.censored
    if at_risk == 0 and last.share < 1:
        return Horizon(days, 0, None, None, None)
    return Horizon(days, at_risk, last.share, last.ci_low, last.ci_high)


def log_rank(a: DayCounts, b: DayCounts) -> TestResult:
    """The log-rank test: do the users of two groups return at the same pace?

    Source: Mantel, Cancer Chemotherapy Reports 50 (1966) 163-170, with the hypergeometric variance.

    Args:
        a, b: of each group its days, how many returned and of how many the observation ended on each.

    Returns:
        The statistic, chi-squared with one degree of freedom, and the p-value; None when no day on
        which somebody returns has users at risk in both groups.

    Raises:
        ValueError: the sequences of a group differ in length, or hold a negative number.

    >>> result = log_rank(([1, 2, 3], [3, 2, 0], [0, 0, 5]), ([1, 2, 3], [1, 0, 1], [0, 0, 8]))
    >>> round(result.statistic, 3), round(result.p_value, 3)
    (2.041, 0.153)
    """
    day_a, event_a, end_a = _by_day(*a)
    day_b, event_b, end_b = _by_day(*b)
    day = np.union1d(day_a, day_b)

    def on_all_days(own: np.ndarray, counts: np.ndarray) -> np.ndarray:
        spread = np.zeros(day.size)
        spread[np.searchsorted(day, own)] = counts
        return spread

    returns_a, returns_b = on_all_days(day_a, event_a), on_all_days(day_b, event_b)
    leaves_a, leaves_b = returns_a + on_all_days(day_a, end_a), returns_b + on_all_days(day_b, end_b)
    at_risk_a, at_risk_b = leaves_a[::-1].cumsum()[::-1], leaves_b[::-1].cumsum()[::-1]
    at_risk, returns = at_risk_a + at_risk_b, returns_a + returns_b
    expected = returns * at_risk_a / at_risk
    variance = expected * (at_risk_b / at_risk) * (at_risk - returns) / np.maximum(at_risk - 1, 1)
    if variance.sum() == 0:
        return TestResult(None, None, LOG_RANK_METHOD)
    statistic = float((returns_a - expected).sum() ** 2 / variance.sum())
    return TestResult(statistic, float(special.chdtrc(1, statistic)), LOG_RANK_METHOD)


def _by_day(
    days: Sequence[int], returned: Sequence[int], censored: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Day 0 and every day on which something happens, in order, and what happens; empty without users."""
    if not len(days) == len(returned) == len(censored):
        raise ValueError(f"as many days as counts are needed, got {len(days)}, {len(returned)} and {len(censored)}")
    counts = np.array([days, returned, censored], dtype=np.int64)
    if (counts < 0).any():
        raise ValueError("days and counts must not be negative")
    counts = counts[:, counts[1:].sum(axis=0) > 0]
    if not counts.size:
        return counts[0], counts[1], counts[2]
    day, place = np.unique(np.append(counts[0], 0), return_inverse=True)
    event, end = np.zeros(day.size, dtype=np.int64), np.zeros(day.size, dtype=np.int64)
    np.add.at(event, place[:-1], counts[1])
    np.add.at(end, place[:-1], counts[2])
    return day, event, end


def _beta_quantile(mean: np.ndarray, square: np.ndarray, probability: float) -> np.ndarray:
    """A quantile of the beta distribution with this mean and this mean of squares; 1 where it is all at 1."""
    varies = (mean > 0) & (mean < 1)
    mean, square = np.where(varies, mean, 0.5), np.where(varies, square, 0.3)
    size = (mean - square) / (square - mean**2)
    return np.where(varies, special.betaincinv(mean * size, (1 - mean) * size, probability), 1.0)
