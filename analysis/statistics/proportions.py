"""Proportions and the comparison of two of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.roots import crossing


@dataclass(frozen=True)
class Comparison:
    """Group a against group b.

    Null (None) where a value is not defined: either group empty, or, for the ratios and their bounds,
    a division by zero.

    Attributes:
        difference: the rate of a minus that of b, in fractions, with its bounds.
        relative_risk: the rate of a divided by that of b, with its bounds.
        odds_ratio: the odds of a divided by those of b, with its bounds.
        p_value: two-sided, of equal rates.
        method: which test and which intervals.
    """

    difference: float | None
    difference_ci_low: float | None
    difference_ci_high: float | None
    relative_risk: float | None
    relative_risk_ci_low: float | None
    relative_risk_ci_high: float | None
    odds_ratio: float | None
    odds_ratio_ci_low: float | None
    odds_ratio_ci_high: float | None
    p_value: float | None
    method: str


METHOD = (
    "Fisher's exact test, two-sided; Newcombe's hybrid score interval of the difference; "
    "Katz log interval of the relative risk; conditional maximum-likelihood odds ratio with exact interval"
)

# Two tables count as equally probable within this relative difference, as in R's fisher.test and SciPy's.
_TIE = 1e-7
# A weight so many logarithms below the largest is zero in floating point.
_NEGLIGIBLE = 1000.0


def rate(events: int, n: int) -> float | None:
    """A proportion.

    Args:
        events: how many of the `n` had the event.
        n: the size of the group.

    Returns:
        `events / n`, a fraction; None when n is 0.

    >>> rate(26, 42)
    0.6190476190476191
    """
    return events / n if n else None


def wilson_interval(events: int, n: int, confidence_level: float = 0.95) -> tuple[float | None, float | None]:
    """Wilson's score interval of a proportion.

    Source: Wilson, JASA 22 (1927) 209-212.

    Args:
        events: how many of the `n` had the event.
        n: the size of the group.
        confidence_level: a fraction, such as 0.95.

    Returns:
        The two bounds as fractions; (None, None) when n is 0.

    Raises:
        ValueError: events is negative or above n.

    >>> [round(bound, 3) for bound in wilson_interval(26, 42)]
    [0.468, 0.75]
    """
    _check_events(events, n)
    if n == 0:
        return None, None
    p, square = events / n, float(special.ndtri((1 + confidence_level) / 2)) ** 2
    center = (p + square / (2 * n)) / (1 + square / n)
    half_width = math.sqrt(square * (p * (1 - p) / n + square / (4 * n * n))) / (1 + square / n)
    return (0.0 if events == 0 else center - half_width), (1.0 if events == n else center + half_width)


def newcombe_interval(
    events_a: int, n_a: int, events_b: int, n_b: int, confidence_level: float = 0.95
) -> tuple[float | None, float | None]:
    """Newcombe's hybrid score interval of the difference of two proportions, a minus b.

    Source: Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10.

    Args:
        events_a, n_a, events_b, n_b: events and size of either group.
        confidence_level: a fraction, such as 0.95.

    Returns:
        The two bounds, as differences of fractions; (None, None) when a group is empty.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> [round(bound, 3) for bound in newcombe_interval(26, 42, 22, 90)]
    [0.195, 0.527]
    """
    low_a, high_a = wilson_interval(events_a, n_a, confidence_level)
    low_b, high_b = wilson_interval(events_b, n_b, confidence_level)
    if low_a is None or high_a is None or low_b is None or high_b is None:
        return None, None
    p_a, p_b = events_a / n_a, events_b / n_b
    difference = p_a - p_b
    return (
        difference - math.hypot(p_a - low_a, high_b - p_b),
        difference + math.hypot(high_a - p_a, p_b - low_b),
    )


def katz_interval(
    events_a: int, n_a: int, events_b: int, n_b: int, confidence_level: float = 0.95
) -> tuple[float | None, float | None]:
    """Katz's log interval of the relative risk, a divided by b.

    Source: Katz, Baptista, Azen, Pike, Biometrics 34 (1978) 469-474, method C.

    Args:
        events_a, n_a, events_b, n_b: events and size of either group.
        confidence_level: a fraction, such as 0.95.

    Returns:
        The two bounds; (None, None) when a group has no event, and when every user of both has it, for
        then the method sees no variance at all.

    >>> [round(bound, 2) for bound in katz_interval(26, 42, 22, 90)]
    [1.64, 3.91]
    """
    if not (events_a and events_b) or (events_a == n_a and events_b == n_b):
        return None, None
    center = math.log(events_a / n_a) - math.log(events_b / n_b)
    error = math.sqrt(1 / events_a - 1 / n_a + 1 / events_b - 1 / n_b)
    margin = float(special.ndtri((1 + confidence_level) / 2)) * error
    return math.exp(center - margin), math.exp(center + margin)


def conditional_odds_ratio(
    events_a: int, n_a: int, events_b: int, n_b: int, confidence_level: float = 0.95
) -> tuple[float | None, float | None, float | None]:
    """Conditional maximum-likelihood odds ratio of a against b, and its exact interval.

    Given its margins the table follows Fisher's noncentral hypergeometric distribution.
    Source: Cornfield, Proc. 3rd Berkeley Symposium 4 (1956) 135-148.

    Args:
        events_a, n_a, events_b, n_b: events and size of either group.
        confidence_level: a fraction, such as 0.95.

    Returns:
        Estimate, lower and upper bound. None where a value is zero by division or not finite.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> [round(value, 2) for value in conditional_odds_ratio(26, 42, 22, 90)]
    [4.95, 2.13, 11.91]
    """
    counts, log_weights = _tables(events_a, n_a, events_b, n_b)
    low, high = counts[0], counts[-1]
    if low == high:
        return None, None, None
    # Groups of a million have a million tables, of which only those near the observed one weigh anything.
    odds = (events_a + 0.5) * (n_b - events_b + 0.5) / ((n_a - events_a + 0.5) * (events_b + 0.5))
    near = log_weights + counts * math.log(odds)
    is_weighty = near > near.max() - _NEGLIGIBLE
    counts, log_weights = counts[is_weighty], log_weights[is_weighty]

    def probabilities(log_odds: float) -> np.ndarray:
        return np.asarray(special.softmax(log_weights + counts * log_odds))

    def solve(excess: Callable[[float], float]) -> float:
        """Where an increasing function of the log odds crosses zero."""
        bound = 1.0
        while excess(-bound) > 0 or excess(bound) < 0:
            bound *= 2
        return math.exp(crossing(excess, -bound, bound))

    tail = (1 - confidence_level) / 2
    at_least, at_most = counts >= events_a, counts <= events_a
    estimate = lower = upper = None
    if events_a > low:
        lower = solve(lambda log_odds: probabilities(log_odds)[at_least].sum() - tail)
    if events_a < high:
        upper = solve(lambda log_odds: tail - probabilities(log_odds)[at_most].sum())
    if low < events_a < high:
        estimate = solve(lambda log_odds: float(probabilities(log_odds) @ counts) - events_a)
    elif events_a == low:
        estimate = lower = 0.0
    return estimate, lower, upper


def fisher_p_value(events_a: int, n_a: int, events_b: int, n_b: int) -> float:
    """Fisher's exact test of equal proportions, two-sided.

    The sum over all tables of the same margins that are at most as probable as the observed one.
    Source: Fisher, JRSS 98 (1935) 39-82; two-sided after Freeman and Halton, Biometrika 38 (1951) 141-149.

    Args:
        events_a, n_a, events_b, n_b: events and size of either group.

    Returns:
        The p-value; 1 where only one table is possible, as when a group is empty.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> round(fisher_p_value(26, 42, 22, 90), 7)
    7.44e-05
    """
    counts, log_weights = _tables(events_a, n_a, events_b, n_b)
    is_as_extreme = log_weights <= log_weights[events_a - int(counts[0])] + math.log1p(_TIE)
    weights = np.exp(log_weights)
    return min(1.0, float(weights[is_as_extreme].sum() / weights.sum()))


def compare(events_a: int, n_a: int, events_b: int, n_b: int, confidence_level: float = 0.95) -> Comparison:
    """Two proportions against each other, by everything in this module.

    Args:
        events_a, n_a, events_b, n_b: events and size of either group.
        confidence_level: a fraction, such as 0.95.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> round(compare(26, 42, 22, 90).relative_risk, 2)
    2.53
    """
    _check_events(events_a, n_a)
    _check_events(events_b, n_b)
    if not (n_a and n_b):
        return Comparison(*(None,) * 10, METHOD)
    return Comparison(
        events_a / n_a - events_b / n_b,
        *newcombe_interval(events_a, n_a, events_b, n_b, confidence_level),
        (events_a / n_a) / (events_b / n_b) if events_b else None,
        *katz_interval(events_a, n_a, events_b, n_b, confidence_level),
        *conditional_odds_ratio(events_a, n_a, events_b, n_b, confidence_level),
        fisher_p_value(events_a, n_a, events_b, n_b),
        METHOD,
    )


def _check_events(events: int, n: int) -> None:
    if not 0 <= events <= n:
        raise ValueError(f"events must lie between 0 and n = {n}, got {events}")


def _tables(events_a: int, n_a: int, events_b: int, n_b: int) -> tuple[np.ndarray, np.ndarray]:
    """Every count of events of group a that the margins allow, and its log probability up to a constant.

    The logarithms are summed from the most probable table outwards, so that they are exact where it
    matters: differences of log factorials of a million would lose nine digits.
    """
    _check_events(events_a, n_a)
    _check_events(events_b, n_b)
    events = events_a + events_b
    counts = np.arange(max(0, events - n_b), min(n_a, events) + 1, dtype=float)
    before = counts[:-1]
    steps = np.log((n_a - before) * (events - before)) - np.log((before + 1) * (n_b - events + before + 1))
    mode = int((steps > 0).sum())
    log_weights = np.concatenate([-np.cumsum(steps[:mode][::-1])[::-1], [0.0], np.cumsum(steps[mode:])])
    return counts, log_weights
