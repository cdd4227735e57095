"""How long work takes, one question a command, as ratios to a floor or to each other within one run.

    python -m benchmarks.run full --users 20000 --users 200000
    python -m benchmarks.run incremental --users 200000
    python -m benchmarks.run paths --users 20000
    python -m benchmarks.run plan --users 20000
    python -m benchmarks.run growth --users 2000 --users 20000

Prints a Markdown table, and all but `growth` then every figure as one line of JSON; see `benchmarks/processes.py`. The
headline counts of all of them must agree.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks.data import apart, data_of, split, write_days
from benchmarks.floor import headline
from benchmarks.processes import Measured, Timed, beside, cli, measured, python, show, timed
from engines import engine_of
from settings import PROJECT_ROOT, load_settings

# What a refresh with nothing new cannot do without: to start, and to read each file once.
CHECKSUMS = (
    "import click, duckdb, hashlib, pathlib, sys; "
    "[hashlib.file_digest(file.open('rb'), 'sha256') for file in pathlib.Path(sys.argv[1]).iterdir()]"
)
# What a plan cannot do without: to read the project.
PROJECT = "from sqlmesh import Context; from config import config; Context(paths=['.'], config=config)"
SQLMESH = str(Path(sys.executable).with_name("sqlmesh"))


def answered(run: Timed) -> dict[str, list[int]]:
    tiers = json.loads(run.output)["rebooking"]["sessions"]["tiers"]
    return {row["tier"]: [row["users"], row["rebooked"]] for row in tiers if row["users"]}


def check(warehouse: Path | None, *expected: dict[str, list[int]]) -> None:
    """Compare the answer of a warehouse with that of floors.

    Raises:
        ClickException: they count otherwise.
    """
    found = answered(cli(warehouse, "answer", "--format", "json"))
    if any(found != counts for counts in expected):
        raise click.ClickException(f"the answer counts {found}, the floors {expected}")


@contextmanager
def warehouse_of(users: int) -> Iterator[Path]:
    """A refreshed warehouse of synthetic users, alone in a folder; 0: of the sample."""
    with data_of(users) as (folder, data, _):
        warehouse = folder / "warehouse.duckdb"
        cli(warehouse, "refresh", "--data", str(data))
        yield warehouse


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
        cli(None, "reset", "--yes")


def refreshed(users: int, gateway: str, repeats: int) -> list[Measured]:
    """A refresh from nothing beside both floors, and one with nothing new."""
    with data_of(users) as (folder, data, events):
        kept, floors, refreshes, keeps, again = folder / "kept.duckdb", [], [], [], []
        for _ in range(repeats):
            kept.unlink(missing_ok=True)
            floors.append(python("-m", "benchmarks.floor", str(data)))
            keeps.append(python("-m", "benchmarks.floor", str(data), "--keep", str(kept)))
            with place(folder, gateway) as warehouse:
                refreshes.append(cli(warehouse, "refresh", "--data", str(data)))
                again.append((cli(warehouse, "refresh", "--data", str(data)), python("-c", CHECKSUMS, str(data))))
                check(warehouse, json.loads(floors[-1].output), json.loads(keeps[-1].output))
                if warehouse:
                    warehouse.unlink()
        size = f"{users:,} users, {events:,} events" if users else "sample"
        return [
            beside(f"refresh, {size}", "headline", list(zip(refreshes, floors, strict=True))),
            beside(f"refresh, {size}", "kept", list(zip(refreshes, keeps, strict=True))),
            beside(f"refresh with nothing new, {size}", "checksums", again),
        ]


@contextmanager
def first_day(users: int) -> Iterator[tuple[Path, Path, Path]]:
    """A folder, a warehouse in it that lacks the last thousandth of the events, and a data folder with these."""
    with data_of(users, dirt=0) as (folder, data, _):
        (first, _), (second, _), *_ = apart(split, data, folder)
        warehouse = folder / "warehouse.duckdb"
        cli(warehouse, "refresh", "--data", str(first))
        yield folder, warehouse, second


def compared_paths(users: int, repeats: int) -> list[Measured]:
    """`ingest` and `sqlmesh run` beside a refresh that takes in the same day."""
    with first_day(users) as (folder, warehouse, day):

        def copy(name: str) -> Path:
            (folder / name).mkdir(exist_ok=True)
            return Path(shutil.copy(warehouse, folder / name / warehouse.name))

        def refresh() -> Timed:
            return cli(copy("refreshed"), "refresh", "--data", str(day))

        def run() -> Timed:
            there = copy("run")
            loading = cli(there, "ingest", "--data", str(day))
            running = timed(SQLMESH, "run", "--ignore-cron", MENTOR_WAREHOUSE=str(there))
            return Timed(
                loading.cpu + running.cpu,
                loading.wall + running.wall,
                max(loading.memory, running.memory),
                running.output,
            )

        found = measured(f"ingest, then sqlmesh run, {users:,} users", run, "refresh", refresh, repeats)
        of = [cli(folder / name / warehouse.name, "answer", "--format", "json") for name in ("refreshed", "run")]
        if answered(of[0]) != answered(of[1]):
            raise click.ClickException("refresh and sqlmesh run count otherwise")
        return [found]


def planned(users: int, repeats: int) -> list[Measured]:
    """`sqlmesh plan dev` of one changed report beside reading the project."""
    with warehouse_of(users) as warehouse:
        folder = warehouse.parent
        project = folder / "project"
        shutil.copytree(PROJECT_ROOT, project, ignore=shutil.ignore_patterns(".*", "*.duckdb*"))
        model = project / "models" / "reports" / "rpt_cohorts.py"
        text = model.read_text(encoding="utf-8")
        changed = text.replace("sql_for_engine(counts,", "sql_for_engine(counts.filter(counts.users > 0),")
        model.write_text(changed, encoding="utf-8")
        copy = folder / "planned" / warehouse.name
        copy.parent.mkdir()

        def plan() -> Timed:
            shutil.copy(warehouse, copy)
            command = (SQLMESH, "plan", "dev", "--auto-apply", "--no-prompts", "--skip-tests")
            return timed(*command, folder=project, MENTOR_WAREHOUSE=str(copy))

        def read() -> Timed:
            return timed(sys.executable, "-c", PROJECT, folder=project, MENTOR_WAREHOUSE=str(copy))

        size = f"{users:,} users" if users else "sample"
        return [measured(f"sqlmesh plan of a changed report, {size}", plan, "reading the project", read, repeats)]


gateway_option = click.option(
    "--gateway",
    type=click.Choice(["duckdb", "postgres"]),
    default="duckdb",
    show_default=True,
    help="postgres: the empty database that the PG… variables name; memory is that of the command alone.",
)
repeats_option = click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)


def users_option(*default: int) -> Callable:
    """Sizes: one, or several of which one is measured after the other."""
    return click.option(
        "--users",
        type=click.IntRange(min=0),
        multiple=True,
        default=default,
        show_default=True,
        help="Synthetic; 0: the sample.",
    )


@click.group()
def benchmarks() -> None:
    """Measure; print a Markdown table and JSON."""


@benchmarks.command()
@users_option(0, 20_000, 200_000)
@repeats_option
@gateway_option
def full(users: tuple[int, ...], repeats: int, gateway: str) -> None:
    """From raw files to the answer, against the floors, and again with nothing new."""
    show([row for size in users for row in refreshed(size, gateway, repeats)], gateway=gateway, repeats=repeats)


@benchmarks.command()
@users_option(20_000)
@repeats_option
def paths(users: tuple[int, ...], repeats: int) -> None:
    """Taking in a day by `ingest` and `sqlmesh run`, against a refresh."""
    show([row for size in users for row in compared_paths(size, repeats)], repeats=repeats)


@benchmarks.command()
@users_option(20_000)
@repeats_option
def plan(users: tuple[int, ...], repeats: int) -> None:
    """`sqlmesh plan dev` of one changed report, against reading the project."""
    show([row for size in users for row in planned(size, repeats)], repeats=repeats)


@benchmarks.command()
@click.option("--users", type=click.IntRange(min=1), default=200_000, show_default=True)
@repeats_option
@gateway_option
def incremental(users: int, repeats: int, gateway: str) -> None:
    """A refresh with a little more data, against the full one."""
    # Clean data: of two different events under one id the one that arrives first counts, and late ones change places.
    with data_of(users, dirt=0) as (folder, data, events), place(folder, gateway) as warehouse:
        deliveries = apart(split, data, folder)
        whole, rows = None, []
        for delivery, new in deliveries:
            runs = []
            for number in range(repeats if whole and warehouse else 1):
                if number:
                    cli(warehouse, "rollback")
                runs.append(cli(warehouse, "refresh", "--data", str(delivery)))
            whole = whole or runs[0]
            name = f"refresh with {new / events:.1%}, {new:,} events"
            rows.append(beside(name, "full refresh", [(run, whole) for run in runs]))
        check(warehouse, apart(headline, data))
    show(rows, users=users, gateway=gateway, repeats=repeats)


@benchmarks.command()
@users_option(2_000, 20_000)
@click.option(
    "--days", type=click.IntRange(2), default=4, show_default=True, help="Deliveries: all history, then days."
)
def growth(users: tuple[int, ...], days: int) -> None:
    """Bytes, memory and processor time as the events grow; docs/sizing.md has formulas from it."""
    click.echo("| users | new events | bytes of the events | of the users | warehouse | processor | memory |")
    click.echo("|---|---|---|---|---|---|---|")
    for size in users:
        with tempfile.TemporaryDirectory(prefix="mentor-analytics-") as name:
            folder = Path(name)
            apart(write_days, size, folder / "data", days)
            warehouse = folder / "warehouse.duckdb"
            for delivery in sorted((folder / "data").iterdir()):
                run = cli(warehouse, "refresh", "--data", str(delivery))
                events, exported = delivery / "booking_events.jsonl", delivery / "users_db_export.csv"
                with events.open("rb") as lines:
                    new = sum(1 for _ in lines)
                click.echo(
                    f"| {size:,} | {new:,} | {events.stat().st_size:,} | {exported.stat().st_size:,} "
                    f"| {warehouse.stat().st_size:,} | {run.cpu:.1f} s | {run.memory / 1e9:.2f} GB |"
                )


if __name__ == "__main__":
    benchmarks()
