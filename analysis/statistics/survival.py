"""Time until users return, when some have not been observed for long.

Times are exact, in whole numbers of any unit. At the same time those who return come before those whose
observation ends, who are still at risk then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from analysis.statistics.results import TestResult

WholeNumbers = Sequence[int] | np.ndarray[Any, Any]
# Of one group: times, how many returned at each, and of how many the observation ended at each.
TimeCounts = tuple[WholeNumbers, WholeNumbers, WholeNumbers]

LOG_RANK_METHOD = "Log-rank test, chi-squared with 1 degree of freedom"


@dataclass(frozen=True)
class CurvePoint:
    """A Kaplan-Meier curve at one of the times that were asked for.

    Attributes:
        time: the time asked for; the point speaks of what came after the one before, up to this one included.
        at_risk: users not returned and still observed after the time before.
        returned: users who return.
        censored: users whose observation ends without a return.
        share: the share of users, as a fraction, who have returned by `time`, included.
        ci_low, ci_high: bounds of the share.
    """

    time: int
    at_risk: int
    returned: int
    censored: int
    share: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Horizon:
    """The share of users who return by a time, included.

    Attributes:
        at_risk: users observed for longer who have not returned by then.
        share: a fraction, with its bounds; None, as these, where nobody was observed for so long and some had not
            returned.
    """

    at_risk: int
    share: float | None
    ci_low: float | None
    ci_high: float | None


def kaplan_meier(
    times: WholeNumbers,
    returned: WholeNumbers,
    censored: WholeNumbers,
    at: WholeNumbers,
    confidence_level: float = 0.95,
) -> list[CurvePoint]:
    """Kaplan and Meier's estimate of the share of users who have returned, at the times asked for.

    The estimate is that of the exact times, whatever times it is asked at. The interval is the beta product
    confidence procedure by the method of moments, which holds its level in small samples and at the ends of the
    curve, where Greenwood's fails; without censoring it is Clopper and Pearson's, and in large samples it agrees
    with Greenwood's.
    Sources: Kaplan and Meier, JASA 53 (1958) 457-481; Fay, Brittain, Proschan, Biostatistics 14 (2013) 723-736.

    Args:
        times: whole numbers of a unit, in any order; several entries of a time are added up.
        returned: how many users return at each.
        censored: of how many users the observation ends at each.
        at: times, ascending, of the same unit.
        confidence_level: a fraction, such as 0.95.

    Returns:
        A point for each of `at`; none without users.

    Raises:
        ValueError: the sequences differ in length, or hold a negative number; `at` does not ascend.

    >>> curve = kaplan_meier([3, 5, 9], [1, 1, 1], [0, 2, 0], [0, 4, 9])
    >>> [(point.time, point.at_risk, round(point.share, 2)) for point in curve]
    [(0, 5, 0.0), (4, 5, 0.2), (9, 4, 1.0)]
    """
    time, event, end = _by_time(times, returned, censored)
    asked = np.array(at, dtype=np.int64)
    if (np.diff(asked) <= 0).any():
        raise ValueError("the times asked for must ascend")
    if not time.size:
        return []

    def up_to(values: np.ndarray, start: float) -> np.ndarray:
        """The value of each time asked for: that of the last time up to it, or `start` where none is."""
        return np.append(start, values)[np.searchsorted(time, asked, side="right")]

    remaining = (event + end)[::-1].cumsum()[::-1]
    mean = np.cumprod((remaining - event + 1) / (remaining + 1))
    square = mean * np.cumprod((remaining - event + 2) / (remaining + 2))
    survival = up_to(np.cumprod((remaining - event) / remaining), 1.0)
    mean, square = up_to(mean, 1.0), up_to(square, 1.0)
    events, ends = up_to(event.cumsum(), 0), up_to(end.cumsum(), 0)
    after = remaining[0] - events - ends
    tail = (1 - confidence_level) / 2
    upper = np.where(events == 0, 1.0, _beta_quantile(mean, square, 1 - tail))
    # Nobody knows about the last interval: it is as if one more user returned just then.
    lower = np.where(after == 0, 0.0, _beta_quantile(mean * after / (after + 1), square * after / (after + 2), tail))
    new_events, new_ends = np.diff(events, prepend=0), np.diff(ends, prepend=0)
    columns = (asked, after + new_events + new_ends, new_events, new_ends, 1 - survival, 1 - upper, 1 - lower)
    return [
        CurvePoint(int(t), int(n), int(r), int(c), float(share), float(low), float(high))
        for t, n, r, c, share, low, high in zip(*columns, strict=True)
    ]


def share_by(point: CurvePoint, observed_until: int) -> Horizon:
    """The share of users who return by the time of a point of a curve: who returns just then has.

    Where every user is observed for that long, it is the plain rate of users who return within the window.

    Args:
        observed_until: the time at which the last user returned or was last observed.

    >>> points = kaplan_meier([3, 5, 9], [1, 1, 0], [0, 2, 1], [5, 14])
    >>> [(found.at_risk, round(found.share or 0, 2)) for found in (share_by(point, 9) for point in points)]
    [(1, 0.4), (0, 0)]
    """
    at_risk = point.at_risk - point.returned - point.censored
    if observed_until < point.time and point.share < 1:
        return Horizon(at_risk, None, None, None)
    return Horizon(at_risk, point.share, point.ci_low, point.ci_high)


def log_rank(a: TimeCounts, b: TimeCounts) -> TestResult:
    """The log-rank test: do the users of two groups return at the same pace?

    Source: Mantel, Cancer Chemotherapy Reports 50 (1966) 163-170, with the hypergeometric variance.

    Args:
        a, b: of each group its times, how many returned and of how many the observation ended at each.

    Returns:
        The statistic, chi-squared with one degree of freedom, and the p-value; None when no time at
        which somebody returns has users at risk in both groups.

    Raises:
        ValueError: the sequences of a group differ in length, or hold a negative number.

    >>> result = log_rank(([1, 2, 3], [3, 2, 0], [0, 0, 5]), ([1, 2, 3], [1, 0, 1], [0, 0, 8]))
    >>> round(result.statistic, 3), round(result.p_value, 3)
    (2.041, 0.153)
    """
    time_a, event_a, end_a = _by_time(*a)
    time_b, event_b, end_b = _by_time(*b)
    time = np.union1d(time_a, time_b)

    def at_all_times(own: np.ndarray, counts: np.ndarray) -> np.ndarray:
        spread = np.zeros(time.size)
        spread[np.searchsorted(time, own)] = counts
        return spread

    returns_a, returns_b = at_all_times(time_a, event_a), at_all_times(time_b, event_b)
    leaves_a, leaves_b = returns_a + at_all_times(time_a, end_a), returns_b + at_all_times(time_b, end_b)
    at_risk_a, at_risk_b = leaves_a[::-1].cumsum()[::-1], leaves_b[::-1].cumsum()[::-1]
    at_risk, returns = at_risk_a + at_risk_b, returns_a + returns_b
    expected = returns * at_risk_a / at_risk
    variance = expected * (at_risk_b / at_risk) * (at_risk - returns) / np.maximum(at_risk - 1, 1)
    if variance.sum() == 0:
        return TestResult(None, None, LOG_RANK_METHOD)
    statistic = float((returns_a - expected).sum() ** 2 / variance.sum())
    return TestResult(statistic, float(special.chdtrc(1, statistic)), LOG_RANK_METHOD)


def _by_time(
    times: WholeNumbers, returned: WholeNumbers, censored: WholeNumbers
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every time at which something happens, in order, and what happens; empty without users."""
    if not len(times) == len(returned) == len(censored):
        raise ValueError(f"as many times as counts are needed, got {len(times)}, {len(returned)} and {len(censored)}")
    counts = np.array([times, returned, censored], dtype=np.int64)
    if (counts < 0).any():
        raise ValueError("times and counts must not be negative")
    counts = counts[:, counts[1:].sum(axis=0) > 0]
    time, place = np.unique(counts[0], return_inverse=True)
    event, end = np.zeros(time.size, dtype=np.int64), np.zeros(time.size, dtype=np.int64)
    np.add.at(event, place, counts[1])
    np.add.at(end, place, counts[2])
    return time, event, end


def _beta_quantile(mean: np.ndarray, square: np.ndarray, probability: float) -> np.ndarray:
    """A quantile of the beta distribution with this mean and this mean of squares; 1 where it is all at 1."""
    varies = (mean > 0) & (mean < 1)
    mean, square = np.where(varies, mean, 0.5), np.where(varies, square, 0.3)
    size = (mean - square) / (square - mean**2)
    return np.where(varies, special.betaincinv(mean * size, (1 - mean) * size, probability), 1.0)
