"""Kill refreshes at every moment of their work, and see what readers and the next refresh find.

    python -m benchmarks.kill --times 100

Every refresh is a process of its own that gets SIGKILL: two of three at moments spread evenly over
a whole run, every third just when it publishes. After each the answer must be the one published
before or the new one, whole; and the next refresh must give what one gives that nobody killed.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
import duckdb

from settings import PROJECT_ROOT, load_settings
from warehouse.answers import answer_from_warehouse
from warehouse.differences import REPORTS

# Where nothing shows when publishing begins, kill by the clock after so many times the usual duration.
LONGEST = 3


class Process(Protocol):
    """A refresh under way."""

    def kill(self) -> None: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...


# Starts a refresh: warehouse, data folder.
Start = Callable[[Path, Path], Process]


@dataclass
class Report:
    """How many refreshes were killed, by (moment, what readers saw afterwards); `usual` is seconds of a whole one."""

    usual: float = 0
    killed: Counter[tuple[str, str]] = field(default_factory=Counter)
    ended_before: int = 0


def start_refresh(warehouse: Path, data: Path) -> subprocess.Popen:
    command = [sys.executable, "cli.py", "--warehouse", str(warehouse), "refresh", "--data", str(data)]
    return subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def content(warehouse: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the marts and reports that holds now, without the times of loads and of recording."""
    models = [("marts", name) for name in ("dim_users", "dim_mentors", "fct_bookings", "fct_sessions")]
    models += [("reports", name) for name in ("rpt_user_outcomes", *REPORTS)]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            name: sorted(
                connection.execute(
                    f"SELECT COLUMNS(c -> c NOT IN ('loaded_at', 'recorded_from', 'recorded_to')) FROM {schema}.{name} "
                    + ("WHERE recorded_to IS NULL" if name.startswith("dim_") else "")
                ).fetchall(),
                key=str,
            )
            for schema, name in models
        }


def answered(warehouse: Path) -> dict[str, Any]:
    document: dict[str, Any] = {**answer_from_warehouse(load_settings(warehouse=warehouse), "prod", None)}
    document["parameters"].pop("answered_at")
    document.pop("freshness")
    return document


def refreshed(start: Start, warehouse: Path, data: Path) -> None:
    if code := start(warehouse, data).wait():
        raise click.ClickException(f"a refresh that nobody killed ended with {code}")


def rehearse(
    folder: Path,
    published: Path,
    data: Path,
    times: int,
    refresh_every: int,
    start: Start = start_refresh,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Kill refreshes of a published warehouse from a data folder that brings something new.

    Args:
        folder: an empty one, for copies of the warehouse.
        refresh_every: let an undisturbed refresh follow every so many kills, and the last.

    Raises:
        click.ClickException: something was lost, mixed up or in the way.
    """
    undisturbed, warehouse = (folder / name / published.name for name in ("undisturbed", "killed"))
    for file in (undisturbed, warehouse):
        file.parent.mkdir(parents=True)
    shutil.copyfile(published, undisturbed)
    answers = {"before": answered(published)}
    started = time.monotonic()
    refreshed(start, undisturbed, data)
    report = Report(usual=time.monotonic() - started)
    answers["after"], expected = answered(undisturbed), content(undisturbed)
    if answers["before"] == answers["after"]:
        raise click.ClickException("the data change nothing in the answer")

    draw = random.Random(7)
    by_clock = [number for number in range(times) if number % 3 != 2]
    shares = [(place + draw.random()) / len(by_clock) for place in range(len(by_clock))]
    draw.shuffle(shares)  # a run that is cut short has still been everywhere
    moments = dict(zip(by_clock, shares, strict=True))
    for number in range(times):
        restore(published, warehouse)
        process = start(warehouse, data)
        if number in moments:
            time.sleep(moments[number] * report.usual)
            moment = f"{int(moments[number] * 10) * 10}-{int(moments[number] * 10) * 10 + 10} % of the time"
        else:
            wait_for_publishing(process, warehouse, LONGEST * report.usual)
            time.sleep(draw.uniform(0, 0.002))
            moment = "publishing"
        if process.poll() is not None:
            report.ended_before += 1
        process.kill()
        process.wait()
        found = answered(warehouse)
        state = next((name for name, answer in answers.items() if answer == found), None)
        if state is None:
            raise click.ClickException(f"after a kill at {moment} the answer is neither the old nor the new one")
        report.killed[moment, state] += 1
        say(f"{number + 1}/{times}: killed at {moment}, the answer is that of {state}")
        if (number + 1) % refresh_every == 0 or number == times - 1:
            refreshed(start, warehouse, data)
            if content(warehouse) != expected or answered(warehouse) != answers["after"]:
                raise click.ClickException(f"the refresh after a kill at {moment} differs from an undisturbed one")
    return report


def restore(published: Path, warehouse: Path) -> None:
    """Show the published state again, by one rename; what kills left behind stays."""
    copy = warehouse.with_name("restored")
    shutil.copyfile(published, copy)
    copy.replace(warehouse)


def wait_for_publishing(process: Process, warehouse: Path, longest: float) -> None:
    kept = warehouse.parent / ".previous" / f"{warehouse.name}.new"
    inode, deadline = warehouse.stat().st_ino, time.monotonic() + longest
    kept.unlink(missing_ok=True)
    while time.monotonic() < deadline and process.poll() is None:
        if kept.exists() or warehouse.stat().st_ino != inode:
            return
        time.sleep(0.0002)


@click.command()
@click.option("--times", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--refresh-every", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--users", type=click.IntRange(min=10), default=300, show_default=True, help="Size of the data.")
def kill(times: int, refresh_every: int, users: int) -> None:
    """Kill refreshes, and print as a Markdown table what was found."""
    from simulation.population import Scenario, simulate

    with tempfile.TemporaryDirectory(prefix="mentor-analytics-") as name:
        folder = Path(name)
        days = simulate(Scenario(users, dirt=0)).by_day(2, late_share=0.3)
        for day, data in zip(days, ("before", "after"), strict=True):
            day.write(folder / data)
        published = folder / "published" / "warehouse.duckdb"
        refreshed(start_refresh, published, folder / "before")
        report = rehearse(
            folder / "work",
            published,
            folder / "after",
            times,
            refresh_every,
            say=lambda line: click.echo(line, err=True),
        )
    click.echo(f"A refresh takes {report.usual:.1f} s; {report.ended_before} of {times} ended before their kill.\n")
    click.echo("| killed at | the answer stayed | the answer was the new one |\n|---|---|---|")
    for moment in sorted({moment for moment, _ in report.killed}, key=lambda text: (len(text), text)):
        click.echo(f"| {moment} | {report.killed[moment, 'before']} | {report.killed[moment, 'after']} |")


if __name__ == "__main__":
    kill()
