"""The groups dealt anew over the mentors: how often is the difference as large as the observed one?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np

from analysis.statistics.cluster_robust import intraclass_correlation

# Up to so many ways to deal the groups all are gone through, beyond so many are drawn.
MOST_WAYS = 20_000
DRAWN = 9_999
SEED = 1

# Cells of the arrays of one block of deals: about what a processor keeps at hand.
_BLOCK = 100_000
# Beyond so many users the products of two counts are no 64-bit integers.
_MOST_USERS_AT_ALL = 3 * 10**9
# Up to so many users the products of four counts, at most users⁴ / 16, are 64-bit integers.
_MOST_USERS = 110_000
# Two quotients further apart than this, relatively, are in the order in which floating point has them.
_ROUNDING = 1e-12
_ROUNDING_OF_SQUARES = 1e-9
# Drawing mentor by mentor costs a tenth of drawing the number of mentors of each kind, for each of them.
_COST_OF_KIND = 10

P = TypeVar("P", float, np.ndarray)


class PValues(NamedTuple, Generic[P]):
    """How often a deal is at least as extreme as the observed one, by either statistic.

    Attributes:
        plain: by the difference of the rates of users.
        standardised: by the difference divided by the standard error that it has if all mentors are alike.
    """

    plain: P
    standardised: P


def ways_to_deal(mentors_a: int, mentors_b: int) -> int:
    """In how many ways so many mentors can be dealt to two groups of these sizes.

    >>> ways_to_deal(5, 10)
    3003
    """
    return math.comb(mentors_a + mentors_b, mentors_a)


def is_exact(mentors_a: int, mentors_b: int) -> bool:
    """Whether all ways are gone through, rather than some drawn."""
    # There are at least 2^m ways with m mentors in the smaller group: thousands of digits need not be computed.
    return 2 ** min(mentors_a, mentors_b, 64) <= MOST_WAYS and ways_to_deal(mentors_a, mentors_b) <= MOST_WAYS


def smallest_p_value(mentors_a: int, mentors_b: int) -> float | None:
    """The smallest two-sided p-value that a permutation of so many mentors can have, whatever their users do.

    At least the observed deal is as extreme as itself, and between groups of equally many mentors also the
    deal that swaps them.

    Args:
        mentors_a, mentors_b: how many mentors of either group have users.

    Returns:
        A probability; None when a group has no mentor.

    >>> smallest_p_value(3, 5) == 1 / 56, smallest_p_value(3, 3), smallest_p_value(20, 45)
    (True, 0.1, 0.0001)
    """
    if not (mentors_a and mentors_b):
        return None
    if not is_exact(mentors_a, mentors_b):
        return 1 / (1 + DRAWN)
    return (2 if mentors_a == mentors_b else 1) / ways_to_deal(mentors_a, mentors_b)


def mentors_for_level(mentors_a: int, mentors_b: int, significance_level: float = 0.05) -> tuple[int, int] | None:
    """The fewest mentors of either group with which a p-value can lie below the level, at the present ratio.

    The smaller group grows by one mentor at a time and the larger in proportion, rounded up.

    Args:
        mentors_a, mentors_b: how many mentors of either group have users.
        significance_level: the p-value must be below it, a fraction.

    Returns:
        The two numbers, the present ones where they suffice; None when a group has no mentor, and when no
        number suffices because the level is not above 1 / 10,000.

    Raises:
        ValueError: the level is not a fraction.

    >>> mentors_for_level(3, 3), mentors_for_level(1, 3), mentors_for_level(5, 10)
    ((4, 4), (2, 6), (5, 10))
    """
    if not 0 < significance_level < 1:
        raise ValueError(f"the level must lie between 0 and 1, got {significance_level}")
    fewer, more = sorted((mentors_a, mentors_b))
    if not fewer:
        return None
    for least in itertools.count(fewer):
        most = -(-least * more // fewer)
        smallest = smallest_p_value(least, most)
        if smallest is not None and smallest < significance_level:
            return (least, most) if mentors_a <= mentors_b else (most, least)
        if not is_exact(least, most):
            return None
    raise AssertionError("unreachable")


def permutation_p_value(events: np.ndarray, n: np.ndarray, is_a: np.ndarray) -> PValues[float]:
    """The p-values of one set of mentors; they do not depend on their order.

    All ways to deal the groups are equally likely when the tier makes no difference (Fisher, The Design of
    Experiments (1935) chapter III; Pitman, Supplement to JRSS 4 (1937) 119-130). Where ways are drawn the
    observed one counts among them, so that the test holds its level: Phipson and Smyth, Statistical
    Applications in Genetics and Molecular Biology 9 (2010) article 39. Mentors of equal counts are one
    kind, of which only the number is dealt.

    Args:
        events, n: of each mentor, whole numbers, every n above 0.
        is_a: which mentors are of group a; some must be, and some not.

    Raises:
        ValueError: there are more than three billion users.
    """
    kinds, kind = np.unique(np.stack([n, events]).astype(np.int64), axis=1, return_inverse=True)
    mentors, of_a = (np.bincount(which.ravel(), minlength=kinds.shape[1]) for which in (kind, kind.ravel()[is_a]))
    return _p_values_of_kinds(*(tuple(numbers.tolist()) for numbers in (*kinds, mentors, of_a)))


# An answer asks for the same groups up to four times: compared, with a tier left out, as a pair, to be overturned.
@lru_cache(maxsize=256)
def _p_values_of_kinds(
    n: tuple[int, ...], events: tuple[int, ...], mentors: tuple[int, ...], of_a: tuple[int, ...]
) -> PValues[float]:
    found = permutation_p_values(
        np.array(events)[:, np.newaxis], np.array(n)[:, np.newaxis], np.array(mentors), np.array(of_a)
    )
    return PValues(float(found.plain[0]), float(found.standardised[0]))


def permutation_p_values(
    events: np.ndarray, n: np.ndarray, mentors: np.ndarray, mentors_a: np.ndarray
) -> PValues[np.ndarray]:
    """The p-values of many sets of mentors at once, each a column.

    The plain statistic is the difference of the rates of users. Under it all deals weigh the same, though
    those that leave a group few users make larger differences by chance: where the mentors of one group
    have far fewer users than those of the other the test rejects too often or too rarely
    (benchmarks/calibration.md). Standardised, each difference is divided by the standard error that it has
    if all mentors are alike, rho being how alike users of a mentor are:

        variance of a rate = p (1 - p) sum of n (1 + (n - 1) rho) / N²,

    with p and rho (`cluster_robust.intraclass_correlation`, bounded by 0 and 1) of all mentors, the same in every
    deal. Both see the same deals.

    Args:
        events, n: whole numbers, a row a kind of mentor and a column a set.
        mentors: how many mentors are of each kind.
        mentors_a: how many of them are in group a.

    Returns:
        One p-value a set, of either statistic.

    Raises:
        ValueError: there are more than three billion users.
    """
    # The smaller group is dealt: fewer to draw, and the same deals when the groups swap their names.
    if 2 * mentors_a.sum() > mentors.sum():
        mentors_a = mentors - mentors_a
    dealt, rest = int(mentors_a.sum()), int((mentors - mentors_a).sum())
    rho = np.nan_to_num(np.clip(intraclass_correlation(events, n, mentors[:, np.newaxis]), 0, 1))
    # Sums of whole numbers are exact in floating point, and its matrix product is the fast one.
    values = np.stack([events, n, n * (1 + (n - 1) * rho)], axis=1)
    observed, together = np.tensordot(mentors_a, values, 1)[np.newaxis], np.tensordot(mentors, values, 1)
    if together[1].max() > _MOST_USERS_AT_ALL:
        raise ValueError(f"at most three billion users can be compared, got {together[1].max():,.0f}")
    plain, standardised = np.zeros((2, events.shape[1]), dtype=np.int64)
    for totals in _totals_dealt(values, mentors, dealt):
        plain += _is_as_large(*(counts[..., :2, :].astype(np.int64) for counts in (totals, observed, together))).sum(
            axis=0
        )
        standardised += _is_as_large_standardised(totals, observed, together).sum(axis=0)
    if is_exact(dealt, rest):
        ways = ways_to_deal(dealt, rest)
        return PValues(plain / ways, standardised / ways)
    return PValues((1 + plain) / (1 + DRAWN), (1 + standardised) / (1 + DRAWN))


def _is_as_large(totals: np.ndarray, observed: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Whether the difference of each deal is at least the observed one, exactly: a tie is as extreme."""
    difference, weight = _difference(totals, together)
    of_observed, weight_of_observed = _difference(observed, together)
    if together[1].max() <= _MOST_USERS:
        is_as_large: np.ndarray = difference * weight_of_observed >= of_observed * weight
        return is_as_large
    ours, theirs = difference * weight_of_observed.astype(float), of_observed * weight.astype(float)
    is_larger: np.ndarray = ours > theirs * (1 + _ROUNDING)
    is_close = ~is_larger & (ours >= theirs * (1 - _ROUNDING))
    # Python's whole numbers have no end.
    exact = [np.broadcast_to(x, ours.shape)[is_close].astype(object) for x in (weight_of_observed, of_observed)]
    is_larger[is_close] = difference[is_close] * exact[0] >= exact[1] * weight[is_close]
    return is_larger


def _difference(totals: np.ndarray, together: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The difference of two rates, without its sign, as a quotient of two whole numbers."""
    events, n = totals[:, 0], totals[:, 1]
    return np.abs(events * together[1] - together[0] * n), n * (together[1] - n)


def _is_as_large_standardised(totals: np.ndarray, observed: np.ndarray, together: np.ndarray) -> np.ndarray:
    """The same of the differences by their standard errors, up to rounding."""

    def square(totals: np.ndarray) -> np.ndarray:
        (events, n, variance), (all_events, all_n, all_variance) = np.moveaxis(totals, 1, 0), together
        error = variance * (all_n - n) ** 2 + (all_variance - variance) * n**2
        squared: np.ndarray = (events * all_n - all_events * n) ** 2 / error
        return squared

    return square(totals) >= square(observed) * (1 - _ROUNDING_OF_SQUARES)


def _totals_dealt(values: np.ndarray, mentors: np.ndarray, dealt: int) -> Iterator[np.ndarray]:
    """Of each deal, a row, the totals over the mentors dealt; the deals come in blocks."""
    count, (kinds, *columns) = int(mentors.sum()), values.shape
    cells = math.prod(columns)
    if is_exact(dealt, count - dealt):
        by_mentor, ways = np.repeat(values, mentors, axis=0), _ways(count, dealt)
        rows = max(1, _BLOCK // cells)
        for start in range(0, len(ways), rows):
            block = ways[start : start + rows]
            totals = by_mentor[block[:, 0]]
            for place in range(1, dealt):
                totals += by_mentor[block[:, place]]
            yield totals
        return
    random = np.random.default_rng(SEED)
    method: Literal["marginals", "count"] = "marginals" if _COST_OF_KIND * kinds < dealt else "count"
    rows = max(1, _BLOCK // max(kinds, cells))
    for start in range(0, DRAWN, rows):
        drawn = random.multivariate_hypergeometric(mentors, dealt, min(rows, DRAWN - start), method=method)
        yield (drawn.astype(float) @ values.reshape(kinds, cells)).reshape(-1, *columns)


@lru_cache(maxsize=8)
def _ways(mentors: int, dealt: int) -> np.ndarray:
    """Every choice of so many of the mentors, one a row, by their places."""
    chosen = itertools.chain.from_iterable(itertools.combinations(range(mentors), dealt))
    return np.fromiter(chosen, dtype=np.intp, count=math.comb(mentors, dealt) * dealt).reshape(-1, dealt)
