"""How wrong could a comparison by mentor be? What would have to be otherwise for its conclusion to fall.

Counts are `(events, n)` a mentor, as in `by_mentor`. A conclusion at a level is the sign of the difference where
both p-values by mentor, the plain and the standardised one, are below it, else 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.statistics.by_mentor import Counts, mentor_counts
from analysis.statistics.permutation import (
    PValues,
    is_exact,
    permutation_p_value,
    permutation_p_values,
    smallest_p_value,
)

# The number of events for a conclusion to fall is looked for this exactly where deals are drawn, by all events; else
# so many numbers are tried at most, some at once, with so many mentors as the first to lose.
_WITHIN = 0.01
_MOST_TRIED, _TRIED_AT_ONCE, _MOST_FIRST = 1_000, 10, 10


@dataclass(frozen=True)
class LeftOut:
    """The difference of rates with one mentor left out.

    Attributes:
        difference: the rate of users of a minus that of b, in fractions.
        group: `a` or `b`, the group of the mentor.
        place: the mentor's place among the counts of that group.
    """

    difference: float
    group: str
    place: int


@dataclass(frozen=True)
class Overturn:
    """How many users would have to have done other than they did for the conclusion to fall.

    Attributes:
        fewer_events: events of the group of the higher rate that would have to be none; at most all of them.
        more_events: users of the other group without the event who would have to have had it.
        of_events, of_others: out of how many either number is.
    """

    fewer_events: int
    of_events: int
    more_events: int
    of_others: int


@dataclass(frozen=True)
class TierLeftOut:
    """The comparison with one tier left out of its group.

    Attributes:
        tier: its name.
        group: `a` or `b`.
        users: of the tier.
        has_no_event: none of them had the event, while some user of another tier had.
        difference: of the rates without it, in fractions.
        p_value, p_value_standardised: by mentor, without it.
        concluded: 1, -1 or 0 without it, as of `conclusion`; None where so few mentors are left that no p-value
            could lie below the level.
        changes_conclusion: the conclusion at the level is another without it; None where it would have to
            be, since so few mentors are left.
    """

    tier: str
    group: str
    users: int
    has_no_event: bool
    difference: float | None
    p_value: float | None
    p_value_standardised: float | None
    concluded: int | None
    changes_conclusion: bool | None

    @property
    def carries_difference(self) -> bool:
        """None of its users had the event, or the conclusion is another without it."""
        return self.has_no_event or bool(self.changes_conclusion)


def e_value(relative_risk: float | None) -> float | None:
    """How strongly a hidden cause must go with both the group and the event to explain a relative risk away.

    The smallest relative risk by which it would have to go with each of the two, all else being the same.
    Source: VanderWeele and Ding, Annals of Internal Medicine 167 (2017) 268-274: RR + sqrt(RR (RR - 1)),
    with 1 / RR in its place below 1.

    Args:
        relative_risk: of the groups; None or 0 where it is not defined or not finite one way round.

    Returns:
        A relative risk of at least 1; None where no finite one would do, or none is given.

    Raises:
        ValueError: the relative risk is negative.

    >>> round(e_value(3.9), 2), e_value(1), e_value(0.5) == e_value(2)
    (7.26, 1.0, True)
    """
    if relative_risk is not None and relative_risk < 0:
        raise ValueError(f"a relative risk must not be negative, got {relative_risk}")
    if not relative_risk:
        return None
    ratio = max(relative_risk, 1 / relative_risk)
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_value_of_limit(low: float | None, high: float | None) -> float | None:
    """The E-value of that bound of a relative risk's interval which lies nearer to 1.

    It says what it takes to move the interval to include 1; one that does so already takes nothing, so
    that its E-value is 1. Source: as `e_value`.

    Args:
        low, high: the bounds; None where they are not defined.

    Returns:
        A relative risk of at least 1; None without bounds.

    >>> round(e_value_of_limit(1.8, 8.7), 1), e_value_of_limit(0.8, 2.1), e_value_of_limit(None, None)
    (3.0, 1.0, None)
    """
    if low is None or high is None:
        return None
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


def leave_one_out(counts_a: Counts, counts_b: Counts) -> tuple[LeftOut, LeftOut] | None:
    """The lowest and the highest difference of rates when one mentor is left out, and which that is.

    The last mentor with users of a group is not left out, for nothing would be left to compare.

    Args:
        counts_a, counts_b: events and n of each mentor of either group.

    Returns:
        None when a group has no users, and when neither has two mentors with users.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> low, high = leave_one_out([(9, 10), (5, 10)], [(2, 10), (4, 10)])
    >>> [(round(one.difference, 2), one.group, one.place) for one in (low, high)]
    [(0.2, 'a', 0), (0.6, 'a', 1)]
    """
    mentor_counts(counts_a), mentor_counts(counts_b)
    (events_a, n_a), (events_b, n_b) = (np.array(counts).reshape(-1, 2).T for counts in (counts_a, counts_b))
    if not (n_a.sum() and n_b.sum()):
        return None
    found = []
    for group, events, n in (("a", events_a, n_a), ("b", events_b, n_b)):
        if np.count_nonzero(n) < 2:
            continue
        rates = (events.sum() - events) / (n.sum() - n)
        differences = rates - events_b.sum() / n_b.sum() if group == "a" else events_a.sum() / n_a.sum() - rates
        found += [LeftOut(float(differences[i]), group, int(i)) for i in np.flatnonzero(n)]
    if not found:
        return None
    return min(found, key=lambda one: one.difference), max(found, key=lambda one: one.difference)


def returns_to_overturn(counts_a: Counts, counts_b: Counts, significance_level: float = 0.05) -> Overturn | None:
    """How many returns would have to be other than they are for the conclusion by mentor to fall.

    The returns are taken from one mentor of the higher group, whichever lets the conclusion fall first, and
    from the others, the lowest rate first, only when none of that mentor's are left; likewise they are
    given to one mentor of the other group until all users of that mentor have returned. This is what one
    mentor whose data are wrong would do, and it makes a group more unlike within, which lets the p-value
    rise fastest: of small groups enumerated it is nearly always the smallest number there is, and never
    below it. At that number the p-value is not below the level, and with any fewer, taken so, it is. Above
    1,000 returns the number is found to a thousandth of them, the first to lose is one of the ten mentors
    with the lowest rates, and where deals are drawn it is the one with the lowest, and the number is found
    to a hundredth. After Walsh and others, Journal of Clinical Epidemiology 67 (2014) 622-628, whose
    fragility index has independent users.

    Args:
        counts_a, counts_b: events and n of each mentor of either group.
        significance_level: a fraction.

    Returns:
        None where the conclusion is 0 already.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> returns_to_overturn([(9, 10), (8, 10), (7, 10), (9, 10)], [(2, 10), (3, 10), (1, 10), (4, 10)])
    Overturn(fewer_events=3, of_events=33, more_events=3, of_others=30)
    """
    if not conclusion(counts_a, counts_b, significance_level):
        return None
    a, b = (np.stack(mentor_counts(counts)) for counts in (counts_a, counts_b))
    higher, lower = (a, b) if _difference(a, b) > 0 else (b, a)
    # Users without the event are taken from the lower group as users with it are from the higher one.
    mirrored, against = (np.stack([n - events, n]) for events, n in (lower, higher))
    return Overturn(
        _events_to_take(higher, lower, significance_level),
        int(higher[0].sum()),
        _events_to_take(mirrored, against, significance_level),
        int(mirrored[0].sum()),
    )


def tiers_left_out(
    tiers_a: Mapping[str, Counts], tiers_b: Mapping[str, Counts], significance_level: float = 0.05
) -> list[TierLeftOut]:
    """The comparison without each tier in turn, where its group has another tier with users.

    Args:
        tiers_a, tiers_b: by tier, events and n of each of its mentors, of either group.
        significance_level: a fraction.

    Returns:
        An entry for each tier that can be left out; the tiers that carry the difference say so.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> without = tiers_left_out({"Gold": [(6, 9), (7, 9), (5, 8)]}, {"Silver": [(3, 9)] * 3, "Bronze": [(0, 9)] * 3})
    >>> [(one.tier, one.has_no_event, one.carries_difference) for one in without]
    [('Silver', False, False), ('Bronze', True, True)]
    """
    groups = {"a": tiers_a, "b": tiers_b}
    whole = {group: [one for counts in tiers.values() for one in counts] for group, tiers in groups.items()}
    concluded_of_all = conclusion(whole["a"], whole["b"], significance_level)
    some_event = sum(events for counts in whole.values() for events, _ in counts) > 0
    found = []
    for group, tiers in groups.items():
        for tier, counts in tiers.items():
            users = sum(n for _, n in counts)
            rest = [one for other, counts in tiers.items() if other != tier for one in counts]
            without = whole | {group: rest}
            a, b = (np.stack(mentor_counts(without[which])) for which in ("a", "b"))
            if not (users and a.size and b.size):
                continue
            smallest = smallest_p_value(a.shape[1], b.shape[1])
            can_be_told = smallest is not None and smallest < significance_level
            p_values = _p_values(a, b)
            concluded = _concluded(a, b, p_values, significance_level) if can_be_told else None
            found.append(
                TierLeftOut(
                    tier,
                    group,
                    users,
                    some_event and not sum(events for events, _ in counts),
                    _difference(a, b),
                    p_values.plain,
                    p_values.standardised,
                    concluded,
                    None if concluded is None else concluded != concluded_of_all,
                )
            )
    return found


def conclusion(counts_a: Counts, counts_b: Counts, significance_level: float = 0.05) -> int:
    """1: the rate of a is higher, -1: it is lower, 0: neither can be said, or a group has no users.

    Raises:
        ValueError: a count of events is negative or above its n.
    """
    a, b = (np.stack(mentor_counts(counts)) for counts in (counts_a, counts_b))
    return _concluded(a, b, _p_values(a, b), significance_level) if a.size and b.size else 0


def _concluded(a: np.ndarray, b: np.ndarray, p_values: PValues[float], significance_level: float) -> int:
    if max(p_values) >= significance_level:
        return 0
    return 1 if _difference(a, b) > 0 else -1


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0].sum() / a[1].sum() - b[0].sum() / b[1].sum())


def _p_values(a: np.ndarray, b: np.ndarray) -> PValues[float]:
    events, n = np.hstack([a, b])
    return permutation_p_value(events, n, np.arange(n.size) < a.shape[1])


def _events_to_take(group: np.ndarray, other: np.ndarray, significance_level: float) -> int:
    # The lowest rate first, of equal ones that of most users, whatever the order in which the mentors came.
    group, other = (one[:, np.lexsort((-one[1], one[0] / one[1]))] for one in (group, other))
    (events, n), total = group, int(group[0].sum())
    all_n, mentors = np.concatenate([n, other[1]])[:, np.newaxis], np.ones(n.size + other.shape[1], dtype=np.int64)
    of_group = (np.arange(mentors.size) < n.size).astype(np.int64)

    def falls(numbers: np.ndarray, first: int) -> np.ndarray:
        """Of each number whether it is enough, the mentor in this place losing all before the others."""
        order = np.r_[first, np.delete(np.arange(n.size), first)]
        before = np.empty_like(events)
        before[order] = np.cumsum(events[order]) - events[order]
        left = events[:, np.newaxis] - np.clip(numbers - before[:, np.newaxis], 0, events[:, np.newaxis])
        changed = np.vstack([left, np.repeat(other[:1].T, numbers.size, axis=1)])
        p_values = np.maximum(*permutation_p_values(changed, np.broadcast_to(all_n, changed.shape), mentors, of_group))
        is_higher = left.sum(axis=0) * other[1].sum() > other[0].sum() * n.sum()
        has_fallen: np.ndarray = ~is_higher | (p_values >= significance_level)
        return has_fallen

    # Without any event left the group is not the higher one, so that all of them are always enough.
    if not is_exact(n.size, other.shape[1]):
        # Dealing costs more than counting, so that every look deals for several numbers.
        holds, number = 0, total
        while number - holds > max(1, _WITHIN * total):
            bounds = np.unique(np.linspace(holds, number, _TRIED_AT_ONCE + 2).round().astype(int))
            first = 1 + int(np.append(falls(bounds[1:-1], 0), True).argmax())
            holds, number = int(bounds[first - 1]), int(bounds[first])
        return number
    # With few mentors the p-value goes up and down: every number is tried, some at once.
    numbers = np.arange(1, total + 1)[:: -(-total // _MOST_TRIED)]
    for start in range(0, numbers.size, _TRIED_AT_ONCE):
        some = numbers[start : start + _TRIED_AT_ONCE]
        fallen = np.any([falls(some, first) for first in range(min(n.size, _MOST_FIRST))], axis=0)
        if fallen.any():
            return int(some[fallen.argmax()])
    return total
