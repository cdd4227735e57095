"""The command: every population at every size, one table."""

from __future__ import annotations

import math

import click
import numpy as np

from benchmarks.calibration.events import simulated_populations
from benchmarks.calibration.measures import ERRORS, LEVEL, SIZES
from benchmarks.calibration.populations import POPULATIONS

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
