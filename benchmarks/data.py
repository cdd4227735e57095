"""Data folders to measure with: synthetic, made once and kept outside the project."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import accumulate, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl

from settings import PROJECT_ROOT
from simulation.population import FIRST_USER, Scenario
from simulation.sample import sample
from simulation.writing import write_scenario

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
        write_scenario(Scenario(users, dirt=dirt), data, "jsonl")


def write_days(users: int, data: Path, days: int) -> None:
    """Write deliveries, the first with all history."""
    write_scenario(Scenario(users), data, "jsonl", days)


def split(data: Path, folder: Path) -> list[tuple[Path, int]]:
    """Write deliveries; their folders and numbers of events.

    The first has all but the last events, the others have these in `SHARES`; a tenth of each comes late.
    """
    draw = random.Random(1)
    events = events_in(data)
    on_time = [round(events * share * (1 - LATE_SHARE)) for share in SHARES]
    late = [round(events * share * LATE_SHARE) for share in SHARES]
    end = events - sum(on_time)
    week = max(events * 7 // 365, sum(late))
    held_back = iter(draw.sample(range(max(0, end - week), end), sum(late)))
    comes_late = {row: number for number, count in enumerate(late, start=1) for row in islice(held_back, count)}
    starts = list(accumulate(on_time, initial=end))
    folders = [folder / f"delivery_{number}" for number in range(len(starts))]
    counts = [0] * len(folders)
    for number, delivery in enumerate(folders):
        delivery.mkdir()
        shutil.copy(data / "mentor_tiers.csv", delivery)
        write_users(data, delivery, number)
    with ExitStack() as stack:
        files = [stack.enter_context((delivery / "booking_events.jsonl").open("wb")) for delivery in folders]
        for row, line in enumerate(stack.enter_context((data / "booking_events.jsonl").open("rb"))):
            number = comes_late.get(row) or bisect_right(starts, row)
            files[number].write(line)
            counts[number] += 1
    return list(zip(folders, counts, strict=True))


def write_users(data: Path, folder: Path, number: int) -> None:
    """The users export of a day: one user in a thousand has left since the day before."""
    users = pl.read_csv(data / "users_db_export.csv", infer_schema=False)
    key = pl.col("user_id").cast(pl.Int64, strict=False).fill_null(FIRST_USER)
    has_left = (key % 1000) < number
    users = users.with_columns(status=pl.when(has_left).then(pl.lit("left")).otherwise("status"))
    users.write_csv(folder / "users_db_export.csv")
