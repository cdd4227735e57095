"""Whole processes, timed beside one another: start-up included, each beside its floor in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

from settings import PROJECT_ROOT

LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Timed:
    """One process and its children: processor seconds (user and system), wall seconds, bytes of memory, its output.

    Memory is the largest resident set of all of them together, as far as a look every hundredth of a second sees it.
    """

    cpu: float
    wall: float
    memory: int
    output: str


@dataclass(frozen=True)
class Measured:
    """A command beside its floor: medians of seconds and of the pairs' ratios, and the largest memory, in GB."""

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


def timed(*command: str, may_fail: bool = False, folder: Path = PROJECT_ROOT, **environment: str) -> Timed:
    """Run a command in the project, or in a copy of it.

    Raises:
        ClickException: it fails.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
        peak, is_over = 0, threading.Event()

        def look() -> None:
            nonlocal peak
            while not is_over.wait(LOOK_SECONDS):
                peak = max(peak, resident(process.pid))

        looking = threading.Thread(target=look)
        looking.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        is_over.set()
        looking.join()
        output.seek(0)
        text = output.read()
    if status and not may_fail:
        raise click.ClickException(f"{' '.join(command)} failed: {text[-2000:]}")
    return Timed(usage.ru_utime + usage.ru_stime, wall, peak or usage.ru_maxrss * 1024, text)


def python(*arguments: str, may_fail: bool = False) -> Timed:
    """Run Python in the project; see `timed`."""
    return timed(sys.executable, *arguments, may_fail=may_fail)


def cli(warehouse: Path | None, *arguments: str) -> Timed:
    """Run a command on a file, or on the database that the PG… variables name.

    `status` may fail: it does where something needs a hand.
    """
    where = ("--warehouse", str(warehouse)) if warehouse else ("--gateway", "postgres")
    return python("cli.py", *where, *arguments, may_fail="status" in arguments)


def beside(command: str, floor: str, pairs: list[tuple[Timed, Timed]]) -> Measured:
    """What pairs of a run and its floor say together."""
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


def measured(command: str, run: Callable[[], Timed], floor: str, least: Callable[[], Timed], repeats: int) -> Measured:
    """A command and its floor in turn, after one run of each that does not count."""
    return beside(command, floor, [(run(), least()) for _ in range(repeats + 1)][1:])


def show(rows: list[Measured], **conditions: Any) -> None:
    """Print a Markdown table, and then every figure with its conditions as one line of JSON."""
    click.echo("| command | floor | processor time | floor | ratio | wall time | floor | ratio | memory | floor |")
    click.echo("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        click.echo(
            f"| {row.command} | {row.floor} | {row.cpu_seconds:.2f} s | {row.floor_cpu_seconds:.2f} s "
            f"| {row.cpu_ratio:.2f} | {row.wall_seconds:.2f} s | {row.floor_wall_seconds:.2f} s | {row.wall_ratio:.2f} "
            f"| {row.gigabytes:.2f} GB | {row.floor_gigabytes:.2f} GB |"
        )
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    click.echo(json.dumps(conditions | machine | {"measured": [asdict(row) for row in rows]}))
