"""Data folders to measure with: synthetic, made once and kept outside the project."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from settings import PROJECT_ROOT
from simulation.population import FIRST_USER, Scenario, simulate
from simulation.sample import sample

LATE_SHARE = 0.1
SHARES = (0.001, 0.01, 0.1)


def cache_folder() -> Path:
    """Where data folders are kept: MENTOR_BENCHMARK_DATA, or the user's cache."""
    named = os.environ.get("MENTOR_BENCHMARK_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "mentor-analytics" / "benchmarks"


@contextmanager
def data_of(users: int, dirt: float = 0.01) -> Iterator[tuple[Path, Path, int]]:
    """An empty folder to work in, a data folder not to be changed, and how many events that holds; 0 users: the sample.

    The data folder is of what `simulation/` is now.
    """
    code = b"".join(path.read_bytes() for path in sorted((PROJECT_ROOT / "simulation").glob("*.py")))
    data = cache_folder() / f"{users}-{dirt}-{hashlib.sha256(code).hexdigest()[:12]}"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data.parent) as name:
            apart(write, users, dirt, Path(name) / "data")
            (Path(name) / "data").rename(data)
    with tempfile.TemporaryDirectory(prefix="mentor-analytics-") as name:
        yield Path(name), data, events_in(data)


def events_in(data: Path) -> int:
    """How many events a data folder holds."""
    (file,) = data.glob("booking_events.*")
    if file.suffix == ".json":
        return len(pl.read_json(file))
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call in a process of its own: a process's peak memory counts that of the process it was forked from."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def write(users: int, dirt: float, data: Path) -> None:
    """Write a data folder."""
    if not users:
        sample().write(data)
    else:
        simulate(Scenario(users, dirt=dirt)).write(data, "jsonl")


def write_days(users: int, data: Path, days: int) -> None:
    """Write deliveries, the first with all history."""
    simulate(Scenario(users)).write(data, "jsonl", days)


def split(data: Path, folder: Path) -> list[tuple[Path, int]]:
    """Write deliveries; their folders and numbers of events.

    The first has all but the last events, the others have these in `SHARES`; a tenth of each comes late.
    """
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
        delivery = folder / f"delivery_{number}"
        delivery.mkdir()
        with (delivery / "booking_events.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(lines[row] for row in rows)
        shutil.copy(data / "mentor_tiers.csv", delivery)
        write_users(data, delivery, number)
        folders.append((delivery, len(rows)))
    return folders


def write_users(data: Path, folder: Path, number: int) -> None:
    """The users export of a day: one user in a thousand has left since the day before."""
    users = pl.read_csv(data / "users_db_export.csv", infer_schema=False)
    key = pl.col("user_id").cast(pl.Int64, strict=False).fill_null(FIRST_USER)
    has_left = (key % 1000) < number
    users = users.with_columns(status=pl.when(has_left).then(pl.lit("left")).otherwise("status"))
    users.write_csv(folder / "users_db_export.csv")
