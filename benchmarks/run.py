"""How long things take, as ratios to a floor or to each other within one run.

    python -m benchmarks.run full --users 20000 --users 200000
    python -m benchmarks.run incremental --users 200000
    python -m benchmarks.run incremental --users 200000 --gateway postgres
    python -m benchmarks.run growth --users 2000 --users 20000

Each command is a whole process, start-up included; memory is the largest resident set of that
process. The headline counts of all of them must agree.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import polars as pl

from benchmarks.floor import headline
from engines import engine_of
from settings import PROJECT_ROOT, load_settings
from simulation.population import FIRST_USER, Scenario, simulate
from simulation.sample import sample

LATE_SHARE = 0.1
SHARES = (0.001, 0.01, 0.1)
REPEATS = 3


@dataclass(frozen=True)
class Run:
    """One process: seconds of wall time and of processor time, and peak memory in GB."""

    seconds: float
    processor_seconds: float
    gigabytes: float
    output: str


def timed(*command: str) -> Run:
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read()
    if status:
        raise click.ClickException(f"{' '.join(command)} failed: {text[-2000:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, text)


def cli(warehouse: Path | None, *arguments: str) -> Run:
    """Run a command on a file, or on the database that the PG… variables name."""
    where = ("--warehouse", str(warehouse)) if warehouse else ("--gateway", "postgres")
    return timed(sys.executable, "cli.py", *where, *arguments)


def refreshed(warehouse: Path | None, data: Path, times: int) -> Run:
    """The median of refreshes with the same new data, the warehouse rolled back between them; a database has one."""
    runs = []
    for number in range(times if warehouse else 1):
        if number:
            cli(warehouse, "rollback")
        runs.append(cli(warehouse, "refresh", "--data", str(data)))
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


@contextmanager
def place(folder: Path, gateway: str) -> Iterator[Path | None]:
    """Where a warehouse goes that is not there yet: a file, or None for the database, which is emptied again."""
    if gateway == "duckdb":
        yield folder / "warehouse.duckdb"
        return
    settings = load_settings(gateway=gateway)
    if engine_of(settings).version(settings):
        raise click.ClickException(f"{engine_of(settings).place(settings)} holds a warehouse; name an empty one")
    try:
        yield None
    finally:
        timed(sys.executable, "cli.py", "--gateway", gateway, "reset", "--yes")


def answered(run: Run) -> dict[str, list[int]]:
    tiers = json.loads(run.output)["rebooking"]["sessions"]["tiers"]
    return {row["tier"]: [row["users"], row["rebooked"]] for row in tiers if row["users"]}


@contextmanager
def data_of(users: int, dirt: float = 0.01) -> Iterator[tuple[Path, int]]:
    """A folder of synthetic files and how many events it holds; 0 users: the sample."""
    with tempfile.TemporaryDirectory(prefix="mentor-analytics-") as name:
        folder = Path(name)
        yield folder, apart(write, users, dirt, folder / "data")


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call in a process of its own: a process's peak memory counts that of the process it was forked from."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def write(users: int, dirt: float, data: Path) -> int:
    """Write a data folder; how many events it holds."""
    if not users:
        rows = sample()
        rows.write(data)
        return len(rows.events)
    population = simulate(Scenario(users, dirt=dirt))
    population.write(data, "jsonl")
    return population.events.height


def check(found: dict, expected: dict, what: str) -> None:
    if found != expected:
        raise click.ClickException(f"{what} counts {found}, the floor {expected}")


gateway_option = click.option(
    "--gateway",
    type=click.Choice(["duckdb", "postgres"]),
    default="duckdb",
    show_default=True,
    help="postgres: the empty database that the PG… variables name; memory is that of the command alone.",
)


@click.group()
def benchmarks() -> None:
    """Measure; print a Markdown table."""


@benchmarks.command()
@click.option("--users", "sizes", type=int, multiple=True, default=(0, 20_000, 200_000), show_default=True)
@gateway_option
def full(sizes: tuple[int, ...], gateway: str) -> None:
    """From raw files to the answer, against the floor."""
    click.echo("| users | events | floor | refresh | ratio | refresh again | answer | memory: floor | refresh |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for users in sizes:
        with data_of(users) as (folder, events), place(folder, gateway) as warehouse:
            floor = timed(sys.executable, "-m", "benchmarks.floor", str(folder / "data"))
            refresh, again = (cli(warehouse, "refresh", "--data", str(folder / "data")) for _ in range(2))
            answer = cli(warehouse, "answer", "--format", "json")
            check(answered(answer), json.loads(floor.output), "the answer")
            size = f"{users:,}" if users else "sample"
            click.echo(
                f"| {size} | {events:,} | {floor.seconds:.1f} s | {refresh.seconds:.1f} s "
                f"| {refresh.seconds / floor.seconds:.1f} | {again.seconds:.1f} s | {answer.seconds:.1f} s "
                f"| {floor.gigabytes:.2f} GB | {refresh.gigabytes:.2f} GB |"
            )


@benchmarks.command()
@click.option("--users", type=int, default=200_000, show_default=True)
@gateway_option
def incremental(users: int, gateway: str) -> None:
    """A refresh with a little more data, against the full one."""
    # Clean data: of two different events under one id the one that arrives first counts, and late ones change places.
    with data_of(users, dirt=0) as (folder, events), place(folder, gateway) as warehouse:
        deliveries = apart(split, folder / "data")
        expected = apart(headline, folder / "data")
        runs = [
            refreshed(warehouse, delivery, 1 if number == 0 else REPEATS)
            for number, (delivery, _) in enumerate(deliveries)
        ]
        check(answered(cli(warehouse, "answer", "--format", "json")), expected, "the answer")
    base = runs[0].seconds
    click.echo("| new events | share | refresh | of the full refresh | memory |")
    click.echo("|---|---|---|---|---|")
    for (_, new), run in zip(deliveries, runs, strict=True):
        ratio = run.seconds / base
        click.echo(f"| {new:,} | {new / events:.1%} | {run.seconds:.1f} s | {ratio:.1%} | {run.gigabytes:.2f} GB |")


@benchmarks.command()
@click.option("--users", "sizes", type=int, multiple=True, default=(2_000, 20_000), show_default=True)
@click.option(
    "--days", type=click.IntRange(2), default=4, show_default=True, help="Deliveries: all history, then days."
)
def growth(sizes: tuple[int, ...], days: int) -> None:
    """Bytes, memory and processor time as the events grow; docs/sizing.md has formulas from it."""
    click.echo("| users | new events | bytes of the events | of the users | warehouse | processor | memory |")
    click.echo("|---|---|---|---|---|---|---|")
    for users in sizes:
        with tempfile.TemporaryDirectory(prefix="mentor-analytics-") as name:
            folder = Path(name)
            apart(write_days, users, folder / "data", days)
            warehouse = folder / "warehouse.duckdb"
            for delivery in sorted((folder / "data").iterdir()):
                run = cli(warehouse, "refresh", "--data", str(delivery))
                events, exported = delivery / "booking_events.jsonl", delivery / "users_db_export.csv"
                with events.open("rb") as lines:
                    new = sum(1 for _ in lines)
                click.echo(
                    f"| {users:,} | {new:,} | {events.stat().st_size:,} | {exported.stat().st_size:,} "
                    f"| {warehouse.stat().st_size:,} | {run.processor_seconds:.1f} s | {run.gigabytes:.2f} GB |"
                )


def write_days(users: int, data: Path, days: int) -> None:
    """Write deliveries, the first with all history."""
    simulate(Scenario(users)).write(data, "jsonl", days)


def split(data: Path) -> list[tuple[Path, int]]:
    """Folders and their numbers of events: all but the last ones, then these in shares; a tenth of each comes late."""
    draw = random.Random(1)
    lines = (data / "booking_events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    on_time = [round(len(lines) * share * (1 - LATE_SHARE)) for share in SHARES]
    late = [round(len(lines) * share * LATE_SHARE) for share in SHARES]
    end = len(lines) - sum(on_time)
    week = max(len(lines) * 7 // 365, sum(late))
    held_back = draw.sample(range(max(0, end - week), end), sum(late))
    deliveries = [sorted(set(range(end)) - set(held_back))]
    for fresh, old in zip(on_time, late, strict=True):
        deliveries.append(sorted(held_back[:old]) + list(range(end, end + fresh)))
        held_back, end = held_back[old:], end + fresh
    folders = []
    for number, rows in enumerate(deliveries):
        folder = data.parent / f"delivery_{number}"
        folder.mkdir()
        with (folder / "booking_events.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(lines[row] for row in rows)
        (folder / "mentor_tiers.csv").write_bytes((data / "mentor_tiers.csv").read_bytes())
        write_users(data, folder, number)
        folders.append((folder, len(rows)))
    return folders


def write_users(data: Path, folder: Path, number: int) -> None:
    """The users export of a day: one user in a thousand has left since the day before."""
    users = pl.read_csv(data / "users_db_export.csv", infer_schema=False)
    key = pl.col("user_id").cast(pl.Int64, strict=False).fill_null(FIRST_USER)
    has_left = (key % 1000) < number
    users = users.with_columns(status=pl.when(has_left).then(pl.lit("left")).otherwise("status"))
    users.write_csv(folder / "users_db_export.csv")


if __name__ == "__main__":
    benchmarks()
