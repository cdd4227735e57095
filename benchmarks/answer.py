"""What asking takes, each command beside its floor: a process that only imports.

    python -m benchmarks.answer --users 200000
    python -m benchmarks.answer --warehouse warehouse.duckdb --repeats 9

Command and floor run in turn, whole processes, start-up included. Prints a Markdown table and then, as one line of
JSON, every figure: medians of processor seconds (user and system, which other work on the machine disturbs less than
wall time), of wall seconds and of the pair's ratios, and the largest resident memory of the process and its children
together, as far as a look every hundredth of a second sees it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import click

from benchmarks.run import cli, data_of
from settings import PROJECT_ROOT

# What `answer` imports before it asks, from the reports alone and with the facts.
ANSWER = "import cli, duckdb, presentation.answer, presentation.renderers.terminal, warehouse.answers"
FLOORS = {
    "start": "import click, duckdb",
    "answer": ANSWER,
    "facts": f"{ANSWER}, analysis.answer.facts, ibis.backends.duckdb",
}
COMMANDS = {
    "--help": "start",
    "history": "start",
    "rejects": "start",
    "status": "start",
    "answer": "answer",
    "answer --group-a Silver --group-b Bronze": "answer",
    "answer --full": "facts",
    "answer --window-days 14": "facts",
    "answer --tier-attribution at_session": "facts",
    "answer --as-of {moment}": "facts",
}
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Timed:
    """One process and its children: processor and wall seconds, bytes of memory."""

    cpu: float
    wall: float
    memory: int


@dataclass(frozen=True)
class Measured:
    """A command beside its floor: medians, and the largest memory of all runs, in GB."""

    command: str
    floor: str
    cpu_seconds: float
    floor_cpu_seconds: float
    cpu_ratio: float
    wall_seconds: float
    floor_wall_seconds: float
    wall_ratio: float
    gigabytes: float
    floor_gigabytes: float


def resident(process: int) -> int:
    """Bytes of memory of a process and its children; 0 once it is gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
        children = [
            int(child)
            for task in Path(f"/proc/{process}/task").iterdir()
            for child in (task / "children").read_text(encoding="ascii").split()
        ]
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(child) for child in children)


def timed(*arguments: str) -> Timed:
    """Run Python with these arguments in the project.

    Raises:
        ClickException: it fails, but for `status`, which does so where something needs a hand.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    peak, is_over = 0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not is_over.wait(LOOK_SECONDS):
            peak = max(peak, resident(process.pid))

    looking = threading.Thread(target=look)
    looking.start()
    said = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    is_over.set()
    looking.join()
    if status and "status" not in arguments:
        raise click.ClickException(f"python {' '.join(arguments)} failed: {said.decode()[-2000:]}")
    return Timed(usage.ru_utime + usage.ru_stime, wall, max(peak, usage.ru_maxrss * 1024))


def measured(warehouse: Path, command: str, floor: str, repeats: int) -> Measured:
    """A command and its floor in turn, after one run of each that does not count."""
    pairs = [
        (timed("cli.py", "--warehouse", str(warehouse), *command.split()), timed("-c", FLOORS[floor]))
        for _ in range(repeats + 1)
    ][1:]
    runs, floors = zip(*pairs, strict=True)
    return Measured(
        command,
        floor,
        median(run.cpu for run in runs),
        median(run.cpu for run in floors),
        median(run.cpu / other.cpu for run, other in pairs),
        median(run.wall for run in runs),
        median(run.wall for run in floors),
        median(run.wall / other.wall for run, other in pairs),
        max(run.memory for run in runs) / 1e9,
        max(run.memory for run in floors) / 1e9,
    )


@contextmanager
def warehouse_of(users: int) -> Iterator[Path]:
    """A refreshed warehouse of synthetic users; 0: of the sample."""
    with data_of(users) as (folder, _):
        warehouse = folder / "warehouse.duckdb"
        cli(warehouse, "refresh", "--data", str(folder / "data"))
        yield warehouse


def report(warehouse: Path, users: str, repeats: int) -> None:
    """Measure every command on one warehouse, and print what was found."""
    newest = json.loads(cli(warehouse, "answer", "--format", "json").output)["parameters"]["as_of"]
    load = os.getloadavg()[0]
    found = [measured(warehouse, command.format(moment=newest), floor, repeats) for command, floor in COMMANDS.items()]
    click.echo("| command | processor time | floor | ratio | wall time | floor | ratio | memory | floor |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    for row in found:
        click.echo(
            f"| `{row.command}` | {row.cpu_seconds:.2f} s | {row.floor_cpu_seconds:.2f} s | {row.cpu_ratio:.2f} "
            f"| {row.wall_seconds:.2f} s | {row.floor_wall_seconds:.2f} s | {row.wall_ratio:.2f} "
            f"| {row.gigabytes:.2f} GB | {row.floor_gigabytes:.2f} GB |"
        )
    figures = {"users": users, "repeats": repeats, "load": [load, os.getloadavg()[0]], "cores": os.cpu_count()}
    click.echo(json.dumps(figures | {"floors": FLOORS, "commands": [asdict(row) for row in found]}))


@click.command()
@click.option("--users", type=click.IntRange(min=0), default=0, show_default=True, help="Synthetic; 0: the sample.")
@click.option("--warehouse", type=click.Path(path_type=Path, exists=True), help="Measure this one instead.")
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Pairs that count.")
def main(users: int, warehouse: Path | None, repeats: int) -> None:
    """Measure what asking takes."""
    if warehouse:
        report(warehouse.absolute(), str(warehouse.name), repeats)
        return
    with warehouse_of(users) as built:
        report(built, f"{users:,}" if users else "sample", repeats)


if __name__ == "__main__":
    main()
