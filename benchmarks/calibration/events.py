"""Populations drawn as events of the booking tool, by the simulation."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from analysis.statistics.proportions import fisher_p_value, wilson_interval
from analysis.statistics.survival import TimeCounts, log_rank
from benchmarks.calibration.measures import Population, Random, Size, coverage_of, level_of
from benchmarks.calibration.populations import BASE_RATE, share_bounds
from simulation.population import FIRST_DAY, HISTORY_DAYS, REBOOKING_RATES, WINDOW_DAYS, Scenario, simulate


def simulated(rebooking_rates: dict[str, float], users: int) -> Callable[[Random, Size], dict[str, pl.DataFrame]]:
    """By tier, a row per user with a session, counted from the events that `simulate` writes.

    `time`: microseconds until the next session or the end of the history; `returned`: there is one;
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
            time=(pl.coalesce("second", end) - pl.col("first")).dt.total_microseconds(),
            returned=pl.col("second").is_not_null(),
            rebooked=(pl.col("second") <= pl.col("first") + window).fill_null(False),
            mature=pl.col("first") + window <= end,
        )
        return {tier: rows.filter(pl.col("tier") == tier) for tier in REBOOKING_RATES}

    return draw


def rebooked(rows: pl.DataFrame) -> tuple[int, int]:
    return rows["rebooked"].sum(), rows.height


def waits(rows: pl.DataFrame) -> TimeCounts:
    return rows["time"].to_numpy(), rows["returned"].to_numpy(), ~rows["returned"].to_numpy()


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
