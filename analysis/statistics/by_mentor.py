"""Two groups of mentors compared, with the mentor as the unit.

Counts are `(events, n)` a mentor, here the users who rebooked and all users; mentors without users tell nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.cluster_robust import difference_interval, ratio_interval, robust_rate
from analysis.statistics.permutation import DRAWN, is_exact, permutation_p_value, smallest_p_value, ways_to_deal

Counts = Sequence[tuple[int, int]]

INTERVAL_METHOD = "cluster-robust interval (CR2) with Satterthwaite's degrees of freedom"


@dataclass(frozen=True)
class MentorComparison:
    """Group a against group b, whose users come by mentor.

    Attributes:
        difference: the rate of users of a minus that of b, in fractions; None when a group has no users.
        difference_ci_low, difference_ci_high: its bounds; None when a group has fewer than two mentors
            with users, and where no mentor's rate differs from that of the group, as when all users of a
            group or none have the event.
        degrees_of_freedom: of the interval; None as the bounds.
        relative_risk_ci_low, relative_risk_ci_high: the bounds of the rate of a divided by that of b;
            None as the bounds of the difference, and when a group has no event.
        p_value: two-sided, of the mentors being alike whatever their group; None when a group has no
            users, 1 when all users have the event or none.
        p_value_standardised: the same with the difference divided by the standard error that it has if all
            mentors are alike, which allows for the mentors of one group having fewer users each; None as the
            p-value.
        deals: how many ways to deal the groups the p-value counts, the observed one among them.
        is_exact: these are all ways there are, not some drawn.
        smallest_p_value: the smallest that so many mentors allow.
        group_a_mentors, group_b_mentors: how many of either group have users.
        method: the names of test and interval.
    """

    difference: float | None
    difference_ci_low: float | None
    difference_ci_high: float | None
    degrees_of_freedom: float | None
    relative_risk_ci_low: float | None
    relative_risk_ci_high: float | None
    p_value: float | None
    p_value_standardised: float | None
    deals: int
    is_exact: bool
    smallest_p_value: float | None
    group_a_mentors: int
    group_b_mentors: int
    method: str


def compare_by_mentor(counts_a: Counts, counts_b: Counts, confidence_level: float = 0.95) -> MentorComparison:
    """The rate of users of a minus that of b, tested and bounded with the mentor as the unit.

    The test deals the groups anew over the mentors (`permutation.permutation_p_value`), all ways where
    there are at most 20,000, else 9,999 drawn ones with a fixed seed; the interval is that of
    `cluster_robust.difference_interval`. Either sees the mentors in any order alike. A mentor who has
    users in both groups counts in each as a mentor of its own.

    The plain statistic is the difference. Without an effect it is below 5 % in 4.1 to 5.2 % of simulated cases
    where the mentors of both groups have about as many users each, whether these are alike or not (three
    against three mentors never reach it); in 0 to 1.5 % where three mentors with 133 users each stand against
    thirty with 30 each; but in up to 26 % where the mentors of the smaller group have far fewer users than the
    others (20 with 50 against 45 with 267). Standardised (`permutation_p_values`) it stays within 3.1 and 7.2 %
    in all of these and finds as much; divided by its cluster-robust standard error within 1.5 and 7.5 %, but it
    finds a difference in 74 % of cases where the plain one finds it in 81 % (5 and 10 mentors). Who concludes
    only where both p-values are small is wrong no more often than with either: without an effect both are in
    at most 5.0 % where the mentors of both groups have about as many users each, and in up to 7.2 % where those
    of the smaller group have far fewer. benchmarks/calibration.md has them all.

    Args:
        counts_a, counts_b: events and n of each mentor of either group, whole numbers.
        confidence_level: of the intervals, a fraction, such as 0.95.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> result = compare_by_mentor([(9, 12), (4, 10), (8, 11)], [(2, 10), (6, 15), (1, 12), (3, 11)])
    >>> round(result.difference, 3), round(result.p_value, 4), round(result.degrees_of_freedom, 1)
    (0.386, 0.0286, 3.8)
    """
    (events_a, n_a), (events_b, n_b) = mentor_counts(counts_a), mentor_counts(counts_b)
    mentors_a, mentors_b = n_a.size, n_b.size
    exact = is_exact(mentors_a, mentors_b)
    deals = ways_to_deal(mentors_a, mentors_b) if exact else 1 + DRAWN
    ways = f"all {deals:,} ways to deal the groups" if exact else f"{DRAWN:,} random deals"
    difference = p_value = standardised = None
    low = high = freedom = ratio_low = ratio_high = None
    if mentors_a and mentors_b:
        difference = float(events_a.sum() / n_a.sum() - events_b.sum() / n_b.sum())
        is_a = np.repeat([True, False], [mentors_a, mentors_b])
        p_value, standardised = permutation_p_value(
            np.concatenate([events_a, events_b]), np.concatenate([n_a, n_b]), is_a
        )
    if min(mentors_a, mentors_b) > 1:
        a, b = robust_rate(events_a, n_a), robust_rate(events_b, n_b)
        low, high, freedom = (_or_none(value) for value in difference_interval(a, b, confidence_level))
        ratio_low, ratio_high, _ = (_or_none(value) for value in ratio_interval(a, b, confidence_level))
    return MentorComparison(
        difference=difference,
        difference_ci_low=low,
        difference_ci_high=high,
        degrees_of_freedom=freedom,
        relative_risk_ci_low=ratio_low,
        relative_risk_ci_high=ratio_high,
        p_value=p_value,
        p_value_standardised=standardised,
        deals=deals if mentors_a and mentors_b else 0,
        is_exact=exact,
        smallest_p_value=smallest_p_value(mentors_a, mentors_b),
        group_a_mentors=mentors_a,
        group_b_mentors=mentors_b,
        method=f"Permutation test over mentors, two-sided, {ways}; {INTERVAL_METHOD}",
    )


def mentor_counts(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Events and n of the mentors who have users, as whole numbers.

    Raises:
        ValueError: a count of events is negative or above its n.
    """
    events, n = np.array(counts, dtype=np.int64).reshape(-1, 2).T
    is_wrong = (events < 0) | (events > n)
    if is_wrong.any():
        raise ValueError(f"events must lie between 0 and n, got {tuple(counts[int(is_wrong.argmax())])}")
    return events[n > 0], n[n > 0]


def _or_none(value: np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None
