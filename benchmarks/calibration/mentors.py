"""Groups of mentors who differ: how often is a difference found that is not there, or missed that is?

Many replicates at once, in columns: mentors are rows, those of group a first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from analysis.statistics.cluster_robust import cr2_variance, difference_interval, ratio_interval, robust_rate
from analysis.statistics.permutation import SEED, is_exact, permutation_p_values
from analysis.statistics.proportions import fisher_p_value, newcombe_interval
from benchmarks.calibration.measures import COVERAGE, ERRORS, LEVEL, Random

CORRELATIONS = (0.0, 0.02, 0.05, 0.1, 0.2)
# The shares of mentors in the users are Dirichlet distributed: the largest has about three times the mean of ten.
SKEW = 3.0
# Of the studentised statistic, which costs far more: replicates for one of the others, and deals where they are drawn.
FEWER, DRAWN = 10, 999
# What an interval must hold at least; with up to three mentors in a group the variance itself is a guess.
LEAST_COVERAGE, LEAST_COVERAGE_OF_FEW, FEW = 0.93, 0.90, 3
_TIE = 1e-9


@dataclass(frozen=True)
class Design:
    """Two groups of mentors, and the rate of their users with an effect; without one both have `rate_b`."""

    mentors_a: int
    mentors_b: int
    users_a: int
    users_b: int
    rate_a: float
    rate_b: float = 0.24

    def __str__(self) -> str:
        return f"{self.mentors_a} + {self.mentors_b} | {self.users_a:,} / {self.users_b:,}"


DESIGNS = (
    Design(3, 3, 42, 90, 0.62),
    Design(5, 5, 42, 90, 0.62),
    Design(5, 10, 42, 90, 0.62),
    Design(3, 30, 400, 900, 0.4),
    Design(20, 45, 4_000, 9_000, 0.32),
)


@dataclass(frozen=True)
class Found:
    """Shares of replicates.

    Attributes:
        fisher, plain, studentised: in which the test is below the level: Fisher's, that of the permuted
            difference, that of the permuted difference by its standard error.
        newcombe, robust, ratio: in which the interval holds the truth: Newcombe's, the cluster-robust one of
            the difference, that of the relative risk.
    """

    fisher: float
    plain: float
    studentised: float
    newcombe: float
    robust: float
    ratio: float


def draw(random: Random, design: Design, rate_a: float, correlation: float, replicates: int) -> tuple[np.ndarray, ...]:
    """Events and users of every mentor, and the groups' rates of which the mentors' are beta distributed."""
    groups = ((design.mentors_a, design.users_a, rate_a), (design.mentors_b, design.users_b, design.rate_b))
    sizes = [
        1 + random.multinomial(users - mentors, random.dirichlet(np.full(mentors, SKEW), replicates)).T
        for mentors, users, _ in groups
    ]
    n = np.vstack(sizes)
    rates = np.repeat([rate_a, design.rate_b], [design.mentors_a, design.mentors_b])[:, np.newaxis]
    if correlation:
        weight = 1 / correlation - 1
        rates = random.beta(rates * weight, (1 - rates) * weight, n.shape)
    return random.binomial(n, rates), n


def evaluate(random: Random, design: Design, rate_a: float, correlation: float, replicates: int) -> Found:
    """Every test and interval on as many replicates."""
    events, n = draw(random, design, rate_a, correlation, replicates)
    k = design.mentors_a
    difference, ratio = rate_a - design.rate_b, rate_a / design.rate_b
    events_a, events_b = events[:k].sum(axis=0).tolist(), events[k:].sum(axis=0).tolist()

    @cache
    def independent(of_a: int, of_b: int) -> tuple[bool, bool]:
        table = of_a, design.users_a, of_b, design.users_b
        low, high = newcombe_interval(*table)
        return fisher_p_value(*table) < LEVEL, low <= difference <= high

    fisher, newcombe = np.mean([independent(*pair) for pair in zip(events_a, events_b, strict=True)], axis=0)
    plain = permutation_p_values(events, n, np.ones(len(n), dtype=int), k, events[:k].sum(axis=0), n[:k].sum(axis=0))
    a, b = robust_rate(events[:k], n[:k]), robust_rate(events[k:], n[k:])
    fewer = max(1, replicates // FEWER)
    studentised = studentised_p_values(events[:, :fewer], n[:, :fewer], k)
    return Found(
        float(fisher),
        float((plain < LEVEL).mean()),
        float((studentised < LEVEL).mean()),
        float(newcombe),
        _coverage(difference, *difference_interval(a, b, COVERAGE)[:2]),
        _coverage(ratio, *ratio_interval(a, b, COVERAGE)[:2]),
    )


def studentised_p_values(events: np.ndarray, n: np.ndarray, mentors_a: int) -> np.ndarray:
    """The permutation test of the difference divided by its cluster-robust standard error."""
    observed = _studentised(events, n, np.arange(mentors_a))
    as_extreme = np.zeros(events.shape[1])
    deals = 0
    for chosen in _deals(len(n), mentors_a):
        as_extreme += _studentised(events, n, chosen) >= observed * (1 - _TIE)
        deals += 1
    if is_exact(mentors_a, len(n) - mentors_a):
        return as_extreme / deals
    return (1 + as_extreme) / (1 + deals)


def rows(design: Design, correlation: float, replicates: int, random: Random) -> tuple[list[str], list[str]]:
    """The cells of a row of the table, and what in it does not hold."""
    null = evaluate(random, design, design.rate_b, correlation, replicates)
    effect = evaluate(random, design, design.rate_a, correlation, replicates)
    failing = []
    if null.plain > LEVEL + _errors(LEVEL, replicates):
        failing.append("level of the test by mentor")
    least = LEAST_COVERAGE_OF_FEW if min(design.mentors_a, design.mentors_b) <= FEW else LEAST_COVERAGE
    for name, coverage in (("", null.robust), (" with an effect", effect.robust)):
        if coverage < least - _errors(least, replicates):
            failing.append(f"coverage of the interval by mentor{name}")
    shares = (
        *(null.fisher, null.plain, null.studentised),
        *(null.newcombe, null.robust, effect.robust, effect.ratio),
        *(effect.plain, effect.studentised),
    )
    return [str(design), f"{correlation:g}", *(f"{share:.1%}" for share in shares)], failing


def _coverage(truth: float, low: np.ndarray, high: np.ndarray) -> float:
    """A bound that is not there excludes nothing."""
    return float(1 - ((low > truth) | (high < truth)).mean())


def _errors(share: float, replicates: int) -> float:
    return ERRORS * math.sqrt(share * (1 - share) / replicates)


def _studentised(events: np.ndarray, n: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    is_chosen = np.zeros(len(n), dtype=bool)
    is_chosen[chosen] = True
    (rate_a, variance_a), (rate_b, variance_b) = (
        cr2_variance(events[is_a], n[is_a]) for is_a in (is_chosen, ~is_chosen)
    )
    # Groups without any spread differ infinitely, or not at all.
    return np.abs(rate_a - rate_b) / np.sqrt(variance_a + variance_b + np.finfo(float).tiny)


def _deals(mentors: int, dealt: int) -> Iterator[np.ndarray]:
    if is_exact(dealt, mentors - dealt):
        yield from map(np.array, itertools.combinations(range(mentors), dealt))
        return
    random = np.random.default_rng(SEED)
    for _ in range(DRAWN):
        yield random.permutation(mentors)[:dealt]
