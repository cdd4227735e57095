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
from benchmarks.calibration.measures import COVERAGE, ERRORS, LEVEL, Random, covers

CORRELATIONS = (0.0, 0.02, 0.05, 0.1, 0.2)
# The mentors' shares of the users of their group are Dirichlet distributed, each with this parameter: their
# standard deviation is about half of their mean.
SKEW = 3.0
# So many replicates are dealt at once: their counts stay near the processor.
_AT_ONCE = 500
# Of the studentised statistic, which costs far more: replicates at most, and deals where they are drawn.
STUDENTISED, DRAWN = 2_000, 999
# What an interval must hold at least; with up to three mentors in a group the variance itself is a guess.
LEAST_COVERAGE, LEAST_COVERAGE_OF_FEW, FEW = 0.93, 0.90, 3
RATE_B = 0.24
_TIE = 1e-9


@dataclass(frozen=True)
class Design:
    """Two groups of mentors, and the rate of their users with an effect; without one both have `rate_b`."""

    mentors_a: int
    mentors_b: int
    users_a: int
    users_b: int
    rate_a: float
    rate_b: float = RATE_B

    def __str__(self) -> str:
        return f"{self.mentors_a} + {self.mentors_b}, {self.users_a:,} / {self.users_b:,}"

    @property
    def is_even(self) -> bool:
        """The mentors of one group have at most a half more users each than those of the other."""
        ratio = self.users_a / self.mentors_a / (self.users_b / self.mentors_b)
        return 2 / 3 <= ratio <= 3 / 2


DESIGNS = (
    Design(3, 3, 66, 66, 0.62),
    Design(5, 5, 66, 66, 0.62),
    Design(5, 10, 42, 90, 0.62),
    Design(20, 45, 4_000, 9_000, 0.32),
    Design(3, 30, 400, 900, 0.4),
    Design(3, 3, 42, 90, 0.62),
    Design(5, 5, 42, 90, 0.62),
    Design(5, 10, 20, 112, 0.62),
    Design(5, 10, 90, 42, 0.62),
    Design(20, 45, 1_000, 12_000, 0.32),
)


@dataclass(frozen=True)
class Found:
    """Shares of replicates.

    Attributes:
        fisher, plain, standardised, studentised: in which the test is below the level: Fisher's, and the
            permutation over mentors of the difference, of the difference by the standard error that it
            has if all mentors are alike, and of the difference by its cluster-robust standard error.
        both: in which the plain and the standardised one are: a difference is concluded, whichever group's rate
            is the higher.
        newcombe, robust, ratio: in which the interval holds the truth: Newcombe's, the cluster-robust one of
            the difference, that of the relative risk.
    """

    fisher: float
    plain: float
    standardised: float
    both: float
    studentised: float
    newcombe: float
    robust: float
    ratio: float


@dataclass(frozen=True)
class Row:
    """One design at one correlation, without an effect and with one."""

    design: Design
    correlation: float
    replicates: int
    null: Found
    effect: Found

    @property
    def failing(self) -> list[str]:
        """What does not hold, within the Monte Carlo error."""
        least = LEAST_COVERAGE_OF_FEW if min(self.design.mentors_a, self.design.mentors_b) <= FEW else LEAST_COVERAGE
        coverage = min(self.null.robust, self.effect.robust)
        found = []
        if self.null.plain > LEVEL + self._error(LEVEL):
            found.append("test rejects too often")
        if self.null.both > LEVEL + self._error(LEVEL):
            found.append("concluded too often")
        if coverage < least - self._error(least):
            found.append("interval covers too rarely")
        return found

    def _error(self, share: float) -> float:
        return ERRORS * math.sqrt(share * (1 - share) / self.replicates)


def evaluate_design(random: Random, design: Design, correlation: float, replicates: int) -> Row:
    null, effect = (evaluate(random, design, rate, correlation, replicates) for rate in (design.rate_b, design.rate_a))
    return Row(design, correlation, replicates, null, effect)


def evaluate(random: Random, design: Design, rate_a: float, correlation: float, replicates: int) -> Found:
    """Every test and interval on as many replicates."""
    events, n = draw(random, design, rate_a, correlation, replicates)
    k = design.mentors_a
    difference, ratio = rate_a - design.rate_b, rate_a / design.rate_b
    events_a, events_b = events[:k].sum(axis=0).tolist(), events[k:].sum(axis=0).tolist()

    @cache
    def independent(of_a: int, of_b: int) -> tuple[float, float]:
        table = of_a, design.users_a, of_b, design.users_b
        return float(fisher_p_value(*table) < LEVEL), covers(difference, newcombe_interval(*table))

    fisher, newcombe = np.mean([independent(*pair) for pair in zip(events_a, events_b, strict=True)], axis=0)
    plain, standardised = _p_values(events, n, k)
    studentised = studentised_p_values(events[:, :STUDENTISED], n[:, :STUDENTISED], k)
    a, b = robust_rate(events[:k], n[:k]), robust_rate(events[k:], n[k:])
    return Found(
        fisher=float(fisher),
        plain=float((plain < LEVEL).mean()),
        standardised=float((standardised < LEVEL).mean()),
        both=float((np.maximum(plain, standardised) < LEVEL).mean()),
        studentised=float((studentised < LEVEL).mean()),
        newcombe=float(newcombe),
        robust=_coverage(difference, *difference_interval(a, b, COVERAGE)[:2]),
        ratio=_coverage(ratio, *ratio_interval(a, b, COVERAGE)[:2]),
    )


def draw(random: Random, design: Design, rate_a: float, correlation: float, replicates: int) -> tuple[np.ndarray, ...]:
    """Events and users of every mentor; the mentors' rates are beta distributed about those of the groups."""
    groups = ((design.mentors_a, design.users_a), (design.mentors_b, design.users_b))
    sizes = [
        1 + random.multinomial(users - mentors, random.dirichlet(np.full(mentors, SKEW), replicates)).T
        for mentors, users in groups
    ]
    n = np.vstack(sizes)
    rates = np.repeat([rate_a, design.rate_b], [design.mentors_a, design.mentors_b])[:, np.newaxis]
    if correlation:
        weight = 1 / correlation - 1
        rates = random.beta(rates * weight, (1 - rates) * weight, n.shape)
    return random.binomial(n, rates), n


def _p_values(events: np.ndarray, n: np.ndarray, mentors_a: int) -> np.ndarray:
    """The plain ones and the standardised ones, a row each."""
    ones, of_a = np.ones(len(n), dtype=int), (np.arange(len(n)) < mentors_a).astype(int)
    parts = (slice(start, start + _AT_ONCE) for start in range(0, n.shape[1], _AT_ONCE))
    return np.hstack([np.stack(permutation_p_values(events[:, part], n[:, part], ones, of_a)) for part in parts])


def studentised_p_values(events: np.ndarray, n: np.ndarray, mentors_a: int) -> np.ndarray:
    """The permutation test of the difference divided by its cluster-robust standard error."""
    observed = _studentised(events, n, np.arange(mentors_a))
    as_extreme, deals = np.zeros(events.shape[1]), 0
    for chosen in _deals(len(n), mentors_a):
        as_extreme += _studentised(events, n, chosen) >= observed * (1 - _TIE)
        deals += 1
    if is_exact(mentors_a, len(n) - mentors_a):
        return as_extreme / deals
    return (1 + as_extreme) / (1 + deals)


def null_table(rows: list[Row]) -> Iterator[str]:
    """Without an effect, line by line."""
    yield (
        "| mentors, users a / b | ICC | Fisher | **test** | standardised | **both** | studentised | Newcombe "
        "| **interval** | |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        found = row.null
        tests = (found.fisher, found.plain, found.standardised, found.both, found.studentised)
        yield _line(row, (*tests, found.newcombe, found.robust), "; ".join(row.failing) or "holds")


def effect_table(rows: list[Row]) -> Iterator[str]:
    """With an effect, line by line."""
    yield (
        "| mentors, users a / b | ICC | rates | **test** | standardised | **both** | studentised | **interval** "
        "| of the ratio |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        found = row.effect
        rates = f"{row.design.rate_a:.0%} / {row.design.rate_b:.0%}"
        tests = (found.plain, found.standardised, found.both, found.studentised)
        yield _line(row, (rates, *tests, found.robust, found.ratio))


def _line(row: Row, shares: tuple[float | str, ...], *more: str) -> str:
    cells = [share if isinstance(share, str) else f"{share:.1%}" for share in shares]
    return "| " + " | ".join([str(row.design), f"{row.correlation:g}", *cells, *more]) + " |"


def _coverage(truth: float, low: np.ndarray, high: np.ndarray) -> float:
    """A bound that is not there excludes nothing."""
    return float(1 - ((low > truth) | (high < truth)).mean())


def _studentised(events: np.ndarray, n: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    is_a = np.zeros(len(n), dtype=bool)
    is_a[chosen] = True
    (rate_a, variance_a), (rate_b, variance_b) = (cr2_variance(events[which], n[which]) for which in (is_a, ~is_a))
    # Groups without any spread differ infinitely, or not at all.
    return np.abs(rate_a - rate_b) / np.sqrt(variance_a + variance_b + np.finfo(float).tiny)


def _deals(mentors: int, dealt: int) -> Iterator[np.ndarray]:
    if is_exact(dealt, mentors - dealt):
        yield from map(np.array, itertools.combinations(range(mentors), dealt))
        return
    random = np.random.default_rng(SEED)
    for _ in range(DRAWN):
        yield random.permutation(mentors)[:dealt]
