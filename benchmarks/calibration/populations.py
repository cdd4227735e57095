"""Populations drawn as counts, with every method that is applied to them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

from analysis.statistics.clusters import beta_binomial_shrinkage, between_cluster_spread
from analysis.statistics.proportions import (
    conditional_odds_ratio,
    fisher_p_value,
    katz_interval,
    newcombe_interval,
    wilson_interval,
)
from analysis.statistics.stratified import Stratum, mantel_haenszel, permutation_test
from analysis.statistics.survival import TimeCounts, kaplan_meier, log_rank, share_by
from analysis.statistics.trend import cochran_armitage, p_chart
from benchmarks.calibration.measures import (
    COVERAGE,
    Measure,
    Population,
    Random,
    Size,
    bounds_of,
    coverage_of,
    covers,
    level_of,
)
from simulation.population import WINDOW_DAYS

Counts = list[tuple[int, int]]

BASE_RATE = 0.35
RATE_A, RATE_B = 0.6, 0.25
ODDS_RATIO = 2.5
CORRELATION = 0.05
PERMUTATIONS = 499
COHORTS, WEEKS, CANCELLATION_RATE = 12, 26, 0.1
RETURNING, MEAN_DAYS, OBSERVED_DAYS = 0.6, 20, 120
# Times until return are whole numbers of microseconds.
DAY = 24 * 60 * 60 * 1_000_000


def odds(rate: float) -> float:
    return rate / (1 - rate)


def evenly(random: Random, n: int, parts: int) -> np.ndarray:
    return random.multinomial(n, np.full(parts, 1 / parts))


def table(rate_a: float, rate_b: float) -> Callable[[Random, Size], tuple[int, int, int, int]]:
    """Users who are independent: events and n of both groups."""

    def draw(random: Random, size: Size) -> tuple[int, int, int, int]:
        return int(random.binomial(size.n_a, rate_a)), size.n_a, int(random.binomial(size.n_b, rate_b)), size.n_b

    return draw


def companies(odds_ratio: float, count: int | None = None) -> Callable[[Random, Size], list[Stratum]]:
    """Companies of different rates; those of high rates have more users of group a."""

    def draw(random: Random, size: Size) -> list[Stratum]:
        rates = np.linspace(0.15, 0.6, count or size.companies)
        rates_a = special.expit(special.logit(rates) + math.log(odds_ratio))
        n_a = random.multinomial(size.n_a, rates / rates.sum())
        n_b = random.multinomial(size.n_b, (1 - rates) / (1 - rates).sum())
        columns = (random.binomial(n_a, rates_a), n_a, random.binomial(n_b, rates), n_b)
        return [Stratum(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    return draw


def summed(strata: list[Stratum]) -> tuple[int, int, int, int]:
    """The same users without their companies."""
    rows = [(s.events_a, s.n_a, s.events_b, s.n_b) for s in strata]
    return tuple(sum(column) for column in zip(*rows, strict=True))


def mentors(random: Random, n: int, count: int, rate: float, correlation: float) -> tuple[np.ndarray, Counts]:
    """True rates of mentors, beta distributed so that two users of one have this correlation, and their counts."""
    weight = 1 / correlation - 1 if correlation else 0
    rates = random.beta(rate * weight, (1 - rate) * weight, count) if correlation else np.full(count, rate)
    sizes = evenly(random, n, count)
    return rates, list(zip(random.binomial(sizes, rates).tolist(), sizes.tolist(), strict=True))


def mentors_of_groups(correlation: float) -> Callable[[Random, Size], list[Counts]]:
    def draw(random: Random, size: Size) -> list[Counts]:
        groups = ((size.n_a, size.mentors_a), (size.n_b, size.mentors_b))
        return [mentors(random, n, count, BASE_RATE, correlation)[1] for n, count in groups]

    return draw


def all_mentors(correlation: float) -> Callable[[Random, Size], tuple[np.ndarray, Counts]]:
    return lambda random, size: mentors(
        random, size.n_a + size.n_b, size.mentors_a + size.mentors_b, BASE_RATE, correlation
    )


def without_mentors(groups: list[Counts]) -> tuple[int, int, int, int]:
    (events_a, n_a), (events_b, n_b) = (tuple(map(sum, zip(*counts, strict=True))) for counts in groups)
    return events_a, n_a, events_b, n_b


def shrunk_coverage(data: tuple[np.ndarray, Counts]) -> float:
    rates, counts = data
    found = beta_binomial_shrinkage(counts)
    return float(np.mean([covers(rate, bounds_of(one)) for rate, one in zip(rates, found, strict=True)]))


def periods(count: int, rate: float) -> Callable[[Random, Size], tuple[np.ndarray, np.ndarray]]:
    def draw(random: Random, size: Size) -> tuple[np.ndarray, np.ndarray]:
        sizes = evenly(random, size.n_a + size.n_b, count)
        return random.binomial(sizes, rate), sizes

    return draw


def waiting(random: Random, n: int) -> TimeCounts:
    returns_at = np.where(random.random(n) < RETURNING, random.exponential(MEAN_DAYS, n), np.inf)
    observed = random.uniform(0, OBSERVED_DAYS, n)
    returns = returns_at <= observed
    return (np.minimum(returns_at, observed) * DAY).astype(np.int64), returns, ~returns


def waiting_groups(random: Random, size: Size) -> tuple[TimeCounts, TimeCounts]:
    return waiting(random, size.n_a), waiting(random, size.n_b)


def share_bounds(counts: TimeCounts) -> tuple[float | None, float | None]:
    (point,) = kaplan_meier(*counts, at=[WINDOW_DAYS * DAY])
    return bounds_of(share_by(point, observed_until=max(counts[0])))


POPULATIONS = (
    Population(
        "independent users, no effect",
        table(BASE_RATE, BASE_RATE),
        [level_of("Fisher's exact test", lambda data: fisher_p_value(*data))],
    ),
    Population(
        "times until return, many unobserved, no effect",
        waiting_groups,
        [
            level_of("log-rank test", lambda data: log_rank(*data).p_value),
            coverage_of(
                "Kaplan-Meier, share by 30 days",
                RETURNING * -math.expm1(-WINDOW_DAYS / MEAN_DAYS),
                lambda data: share_bounds(data[0]),
            ),
        ],
    ),
    Population(
        "companies that differ, no effect within them",
        companies(odds_ratio=1),
        [
            level_of("Cochran-Mantel-Haenszel test", lambda data: mantel_haenszel(data).p_value),
            level_of("permutation test within strata", lambda data: permutation_test(data, PERMUTATIONS).p_value),
            level_of("Fisher's exact test, blind to companies", lambda data: fisher_p_value(*summed(data)), "contrast"),
        ],
    ),
    Population(
        "three large companies, one odds ratio",
        companies(ODDS_RATIO, count=3),
        [level_of("Breslow-Day test, Tarone", lambda data: mantel_haenszel(data).heterogeneity_p_value)],
    ),
    Population(
        "mentors who differ, no effect of the group",
        mentors_of_groups(CORRELATION),
        [
            level_of(
                "Fisher's exact test, blind to mentors", lambda data: fisher_p_value(*without_mentors(data)), "contrast"
            ),
        ],
    ),
    Population(
        "mentors who do not differ",
        mentors_of_groups(0),
        [
            level_of("spread between mentors", lambda data: between_cluster_spread(data[0] + data[1]).p_value),
        ],
    ),
    Population(
        f"{COHORTS} cohorts, no trend",
        periods(COHORTS, BASE_RATE),
        [level_of("Cochran-Armitage test", lambda data: cochran_armitage(*data, range(COHORTS)).p_value)],
    ),
    Population(
        f"{WEEKS} weeks of one rate",
        periods(WEEKS, CANCELLATION_RATE),
        [
            Measure(
                "alert of a p-chart",
                "rejects",
                lambda data: float(np.mean([point.is_alert for point in p_chart(*data)[1]])),
                nominal=float(2 * special.ndtr(-3)),
            )
        ],
    ),
    Population(
        "independent users, an effect",
        table(RATE_A, RATE_B),
        [
            coverage_of("Wilson, rate", RATE_A, lambda data: wilson_interval(*data[:2])),
            coverage_of("Newcombe, difference", RATE_A - RATE_B, lambda data: newcombe_interval(*data)),
            coverage_of("Katz, relative risk", RATE_A / RATE_B, lambda data: katz_interval(*data)),
            coverage_of(
                "exact, odds ratio", odds(RATE_A) / odds(RATE_B), lambda data: conditional_odds_ratio(*data)[1:]
            ),
        ],
    ),
    Population(
        "companies that differ, an effect within them",
        companies(ODDS_RATIO),
        [
            coverage_of(
                "Mantel-Haenszel, odds ratio", ODDS_RATIO, lambda data: bounds_of(mantel_haenszel(data), "odds_ratio")
            )
        ],
    ),
    Population(
        "mentors who differ",
        all_mentors(CORRELATION),
        [Measure("shrunk rate of a mentor", "covers", shrunk_coverage, COVERAGE)],
    ),
)
