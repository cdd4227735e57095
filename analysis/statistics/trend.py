"""Rates over time: do they rise or fall, and is one of them out of line?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.results import TestResult

COCHRAN_ARMITAGE_METHOD = "Cochran-Armitage test for trend, two-sided; the statistic is standard normal"

# What a normal distribution leaves beyond three standard deviations, on each side.
_TAIL = float(special.ndtr(-3))


@dataclass(frozen=True)
class ControlPoint:
    """One point of a p-chart.

    Attributes:
        value: events / n, a fraction; None, as the limits, when n is 0.
        lower, upper: the control limits, fractions within 0 and 1.
        is_alert: the value lies outside the limits.
    """

    value: float | None
    lower: float | None
    upper: float | None
    is_alert: bool


def cochran_armitage(events: Sequence[int], n: Sequence[int], scores: Sequence[float]) -> TestResult:
    """Test whether a proportion rises or falls along scores, such as the numbers of months.

    Sources: Cochran, Biometrics 10 (1954) 417-451; Armitage, Biometrics 11 (1955) 375-386.

    Args:
        events, n: events and size of each group.
        scores: where each group lies; equal steps for equal time.

    Returns:
        The statistic, positive where the proportion rises, and the p-value; None when fewer than two
        scores have users, or all or none of the users had the event.

    Raises:
        ValueError: the sequences differ in length, or a count of events is negative or above its n.

    >>> result = cochran_armitage([5, 9, 14], [30, 30, 30], [1, 2, 3])
    >>> round(result.statistic, 3), round(result.p_value, 4)
    (2.51, 0.0121)
    """
    event, size = _counts(events, n)
    if len(scores) != event.size:
        raise ValueError(f"as many scores as groups are needed, got {len(scores)} and {event.size}")
    total = size.sum()
    if not total:
        return TestResult(None, None, COCHRAN_ARMITAGE_METHOD)
    # Around their mean, scores lose no digits to their size.
    score = np.asarray(scores, dtype=float)
    score = score - (size @ score) / total
    p = event.sum() / total
    variance = p * (1 - p) * float(size @ score**2)
    if p in (0, 1) or len(set(score[size > 0])) < 2:
        return TestResult(None, None, COCHRAN_ARMITAGE_METHOD)
    statistic = float(score @ (event - size * p)) / math.sqrt(variance)
    return TestResult(statistic, float(2 * special.ndtr(-abs(statistic))), COCHRAN_ARMITAGE_METHOD)


def p_chart(events: Sequence[int], n: Sequence[int]) -> tuple[float | None, list[ControlPoint]]:
    """Shewhart's control chart of a proportion, with exact binomial limits.

    The limits leave out at most what three standard deviations of a normal distribution do, 0.135 % on
    each side, so they lie within 0 and 1 and hold for a handful of users, where the usual three sigmas do not.
    Sources: Shewhart, Economic Control of Quality (1931); probability limits: Ryan and Schwertman,
    Journal of Quality Technology 29 (1997) 86-98.

    A point is an alert when it lies outside its limits, high or low: by chance at most one in 370 does.

    Args:
        events, n: events and size of each point, in order of time.

    Returns:
        The center, the rate over all points as a fraction (None without users), and the points.

    Raises:
        ValueError: the sequences differ in length, or a count of events is negative or above its n.

    >>> center, points = p_chart([2, 1, 9], [20, 20, 20])
    >>> center, [point.is_alert for point in points], round(points[0].upper, 3)
    (0.2, [False, False, False], 0.5)
    """
    event, size = _counts(events, n)
    total = size.sum()
    if not total:
        return None, [ControlPoint(None, None, None, False) for _ in event]
    center = float(event.sum() / total)
    points = []
    for count, users in zip(event, size, strict=True):
        if users == 0:
            points.append(ControlPoint(None, None, None, False))
            continue
        low, high = _binomial_quantile(_TAIL, users, center), _binomial_quantile(1 - _TAIL, users, center)
        points.append(
            ControlPoint(
                float(count / users), float(low / users), float(high / users), is_alert=not low <= count <= high
            )
        )
    return center, points


def _counts(events: Sequence[int], n: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    event, size = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    if event.shape != size.shape:
        raise ValueError(f"as many events as sizes are needed, got {event.size} and {size.size}")
    is_wrong = (event < 0) | (event > size)
    if is_wrong.any():
        place = int(is_wrong.argmax())
        raise ValueError(f"events must lie between 0 and n = {n[place]}, got {events[place]}")
    return event, size


def _binomial_quantile(probability: float, n: float, p: float) -> float:
    """The smallest count that a binomial count does not exceed with at least this probability."""
    if p in (0, 1):
        return n * p
    low, high = -1.0, float(n)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if special.bdtr(middle, int(n), p) >= probability else (middle, high)
    return high
