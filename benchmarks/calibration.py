"""Do the tests hold their level, and do the intervals cover? By simulation, where the truth is known.

    python -m benchmarks.calibration > benchmarks/calibration.md

Exits with 1 where one does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import polars as pl
from scipy import special

from analysis.statistics.clusters import beta_binomial_shrinkage, between_cluster_spread, clustered_difference
from analysis.statistics.proportions import (
    conditional_odds_ratio,
    fisher_p_value,
    katz_interval,
    newcombe_interval,
    wilson_interval,
)
from analysis.statistics.stratified import Stratum, mantel_haenszel, permutation_test
from analysis.statistics.survival import DayCounts, kaplan_meier, log_rank, share_by
from analysis.statistics.trend import cochran_armitage, p_chart
from simulation.population import FIRST_DAY, HISTORY_DAYS, REBOOKING_RATES, WINDOW_DAYS, Scenario, simulate

Random = np.random.Generator
Counts = list[tuple[int, int]]

LEVEL, COVERAGE = 0.05, 0.95
# How many Monte Carlo errors a rate may be off.
ERRORS = 3

BASE_RATE = 0.35
RATE_A, RATE_B = 0.6, 0.25
ODDS_RATIO = 2.5
CORRELATION = 0.05
PERMUTATIONS = 499
COHORTS, WEEKS, CANCELLATION_RATE = 12, 26, 0.1
RETURNING, MEAN_DAYS, OBSERVED_DAYS = 0.6, 20, 120


@dataclass(frozen=True)
class Size:
    """The users of both groups, their companies and mentors."""

    n_a: int
    n_b: int
    companies: int
    mentors_a: int
    mentors_b: int

    def __str__(self) -> str:
        return f"{self.n_a:,} / {self.n_b:,}"


SIZES = (Size(40, 90, 13, 5, 10), Size(4_000, 9_000, 40, 20, 45))


@dataclass(frozen=True)
class Measure:
    """What one method makes of what was drawn.

    Attributes:
        what: the test or the interval.
        kind: `rejects` (a test, at most so often), `covers` (an interval, at least so often), or
            `contrast`: a test where it does not belong, which must reject more often.
        evaluate: 1 where the test rejects or the interval covers, else 0, or the share that does.
        nominal: how often it should.
    """

    what: str
    kind: str
    evaluate: Callable[[Any], float]
    nominal: float

    def verdict(self, rate: float, replicates: int) -> str:
        margin = ERRORS * math.sqrt(self.nominal * (1 - self.nominal) / replicates)
        if self.kind == "covers":
            return "holds" if rate >= self.nominal - margin else "too low"
        is_within = rate <= self.nominal + margin
        if self.kind == "contrast":
            return "not noticed" if is_within else "too high, as it must be"
        return "holds" if is_within else "too high"


@dataclass(frozen=True)
class Population:
    """What is drawn, again and again, and every method that is applied to it."""

    name: str
    draw: Callable[[Random, Size], Any]
    measures: Sequence[Measure]

    def rates(self, replicates: int, random: Random, size: Size) -> list[float]:
        """Of each measure, the mean over the replicates."""
        drawn = (self.draw(random, size) for _ in range(replicates))
        return np.mean([[measure.evaluate(data) for measure in self.measures] for data in drawn], axis=0).tolist()


def level_of(what: str, p_value: Callable[[Any], float | None], kind: str = "rejects") -> Measure:
    return Measure(what, kind, lambda data: rejects(p_value(data)), LEVEL)


def coverage_of(what: str, truth: float, bounds: Callable[[Any], tuple[float | None, float | None]]) -> Measure:
    return Measure(what, "covers", lambda data: covers(truth, bounds(data)), COVERAGE)


def rejects(p_value: float | None) -> float:
    """A test that cannot be made rejects nothing."""
    return float(p_value is not None and p_value <= LEVEL)


def covers(truth: float, bounds: tuple[float | None, float | None]) -> float:
    """A bound that is not there excludes nothing."""
    low, high = bounds
    return float((low is None or low <= truth) and (high is None or truth <= high))


def bounds_of(result: Any, name: str = "") -> tuple[float | None, float | None]:
    prefix = f"{name}_" if name else ""
    return getattr(result, f"{prefix}ci_low"), getattr(result, f"{prefix}ci_high")


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


def mentors_of_groups(rate_a: float, rate_b: float, correlation: float) -> Callable[[Random, Size], list[Counts]]:
    def draw(random: Random, size: Size) -> list[Counts]:
        groups = ((size.n_a, size.mentors_a, rate_a), (size.n_b, size.mentors_b, rate_b))
        return [mentors(random, n, count, rate, correlation)[1] for n, count, rate in groups]

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


def waiting(random: Random, n: int) -> DayCounts:
    returns_at = np.where(random.random(n) < RETURNING, random.exponential(MEAN_DAYS, n), np.inf)
    observed = random.uniform(0, OBSERVED_DAYS, n)
    day, returns = np.minimum(returns_at, observed).astype(int), returns_at <= observed
    counts = (np.bincount(day[which], minlength=OBSERVED_DAYS).tolist() for which in (returns, ~returns))
    return (list(range(OBSERVED_DAYS)), *counts)


def waiting_groups(random: Random, size: Size) -> tuple[DayCounts, DayCounts]:
    return waiting(random, size.n_a), waiting(random, size.n_b)


def share_bounds(counts: DayCounts) -> tuple[float | None, float | None]:
    return bounds_of(share_by(kaplan_meier(*counts), WINDOW_DAYS))


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
        mentors_of_groups(BASE_RATE, BASE_RATE, CORRELATION),
        [
            level_of("clustered difference", lambda data: clustered_difference(*data).p_value),
            level_of(
                "Fisher's exact test, blind to mentors", lambda data: fisher_p_value(*without_mentors(data)), "contrast"
            ),
        ],
    ),
    Population(
        "mentors who do not differ",
        mentors_of_groups(BASE_RATE, BASE_RATE, 0),
        [
            level_of("clustered difference", lambda data: clustered_difference(*data).p_value),
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
        "mentors who differ, an effect of the group",
        mentors_of_groups(RATE_A, RATE_B, CORRELATION),
        [
            coverage_of(
                "clustered difference",
                RATE_A - RATE_B,
                lambda data: bounds_of(clustered_difference(*data), "difference"),
            )
        ],
    ),
    Population(
        "mentors who differ",
        all_mentors(CORRELATION),
        [Measure("shrunk rate of a mentor", "covers", shrunk_coverage, COVERAGE)],
    ),
)


def simulated(rebooking_rates: dict[str, float], users: int) -> Callable[[Random, Size], dict[str, pl.DataFrame]]:
    """By tier, a row per user with a session, counted from the events that `simulate` writes.

    `days`: whole days until the next session or the end of the history; `returned`: there is one;
    `rebooked`: within the window; `mature`: the whole window is part of the history.
    """

    def draw(random: Random, _: Size) -> dict[str, pl.DataFrame]:
        scenario = Scenario(users, int(random.integers(2**32)), rebooking_rates, dirt=0)
        population = simulate(scenario)
        fields = pl.Struct(dict.fromkeys(("user_id", "mentor_id", "timestamp", "event_type"), pl.String))
        events = population.events.select(pl.col("line").str.json_decode(fields).alias("event")).unnest("event")
        sessions = events.filter(pl.col("event_type") == "session_started").select(
            "user_id", "mentor_id", at=pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
        )
        second = pl.col("at").get(1, null_on_oob=True)
        first_two = (
            sessions.sort("user_id", "at")
            .group_by("user_id")
            .agg(pl.col("mentor_id").first(), first=pl.col("at").first(), second=second)
        )
        end, window = pl.lit(FIRST_DAY) + pl.duration(days=HISTORY_DAYS), pl.duration(days=WINDOW_DAYS)
        rows = first_two.join(population.mentors, on="mentor_id").select(
            "tier",
            days=(pl.coalesce("second", end) - pl.col("first")).dt.total_days(),
            returned=pl.col("second").is_not_null(),
            rebooked=(pl.col("second") <= pl.col("first") + window).fill_null(False),
            mature=pl.col("first") + window <= end,
        )
        return {tier: rows.filter(pl.col("tier") == tier) for tier in REBOOKING_RATES}

    return draw


def rebooked(rows: pl.DataFrame) -> tuple[int, int]:
    return rows["rebooked"].sum(), rows.height


def waits(rows: pl.DataFrame) -> DayCounts:
    counts = rows.group_by("days").agg(returned=pl.col("returned").sum(), censored=pl.col("returned").not_().sum())
    return counts["days"].to_list(), counts["returned"].to_list(), counts["censored"].to_list()


def gold_and_rest(tiers: dict[str, pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return tiers["Gold"], pl.concat(rows for tier, rows in tiers.items() if tier != "Gold")


def simulated_populations(users: int) -> tuple[Population, ...]:
    return (
        Population(
            "simulated events, one rate for all tiers",
            simulated(dict.fromkeys(REBOOKING_RATES, BASE_RATE), users),
            [
                level_of(
                    "Fisher's exact test",
                    lambda tiers: fisher_p_value(*(n for rows in gold_and_rest(tiers) for n in rebooked(rows))),
                ),
                level_of(
                    "log-rank test", lambda tiers: log_rank(*(waits(rows) for rows in gold_and_rest(tiers))).p_value
                ),
            ],
        ),
        Population(
            "simulated events, a rate for each tier",
            simulated(REBOOKING_RATES, users),
            [
                measure
                for tier, rate in REBOOKING_RATES.items()
                for measure in (
                    coverage_of(
                        f"Wilson, rate of mature users of {tier}",
                        rate,
                        lambda tiers, tier=tier: wilson_interval(*rebooked(tiers[tier].filter("mature"))),
                    ),
                    coverage_of(
                        f"Kaplan-Meier, share of {tier} by 30 days",
                        rate,
                        lambda tiers, tier=tier: share_bounds(waits(tiers[tier])),
                    ),
                )
            ],
        ),
    )


INTRODUCTION = """# Calibration

Made by `python -m benchmarks.calibration > benchmarks/calibration.md`, {replicates:,} replicates a row
({simulated_replicates:,} of simulated events), seed {seed}.

Without an effect a test at 5 % rejects in at most 5 % of replicates, with one a 95 % interval holds it in at
least 95 %; a row holds within three Monte Carlo errors (for a test: {level_error:.1f} points). Exact methods, Fisher's
test, the odds ratio's interval and that of Kaplan and Meier's curve, are conservative by design: in small
groups they reject less and cover more than their level says. A method that is blind to companies or
mentors where these differ must fail: those rows show that the simulation would notice.

Users of 40 / 90 come from 13 companies and have 5 and 10 mentors; of 4,000 / 9,000 from 40, with 20 and 45.

| drawn | users a / b | test or interval | rejects, or covers | at most, or at least | |
|---|---|---|---|---|---|
"""


@click.command()
@click.option("--replicates", type=click.IntRange(min=1), default=4_000, show_default=True)
@click.option("--simulated-replicates", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--simulated-users", type=click.IntRange(min=100), default=1_500, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def calibration(replicates: int, simulated_replicates: int, simulated_users: int, seed: int) -> None:
    """Print the table; exit with 1 where a test or an interval does not hold."""
    click.echo(
        INTRODUCTION.format(
            replicates=replicates,
            simulated_replicates=simulated_replicates,
            seed=seed,
            level_error=100 * ERRORS * math.sqrt(LEVEL * (1 - LEVEL) / replicates),
        ),
        nl=False,
    )
    runs = [(population, size, str(size), replicates) for population in POPULATIONS for size in SIZES]
    for population in simulated_populations(simulated_users):
        runs.append((population, SIZES[0], f"{simulated_users:,} in all", simulated_replicates))
    failing = []
    for number, (population, size, users, times) in enumerate(runs):
        rates = population.rates(times, np.random.default_rng([seed, number]), size)
        for measure, rate in zip(population.measures, rates, strict=True):
            verdict = measure.verdict(rate, times)
            click.echo(
                f"| {population.name} | {users} | {measure.what} | {rate:.2%} "
                f"| {'≥' if measure.kind == 'covers' else '≤'} {measure.nominal:.2%} | {verdict} |"
            )
            if verdict not in ("holds", "too high, as it must be"):
                failing.append(f"{measure.what} ({population.name}, {users})")
    if failing:
        raise click.ClickException(f"does not hold: {'; '.join(failing)}")


if __name__ == "__main__":
    calibration()
