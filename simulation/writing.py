"""Data folders of any size, written in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ingest.source_files import EVENTS_NAME, MENTORS_FILE, USERS_FILE
from simulation.data_folder import write_events
from simulation.population import FIRST_DAY, HISTORY_DAYS, Population, Scenario, blocks

# With some nine events each: to draw and to write them takes 2 GB.
USERS_AT_ONCE = 250_000


def write_scenario(
    scenario: Scenario, folder: Path, events_format: str = "json", days: int | None = None, late_share: float = 0.01
) -> int:
    """Write what is simulated as `Population.write` does; the number of events.

    Users are drawn so many at once. Their events wait on disk, below `folder`, cut by time, until the slices of all
    users are put together: no more than a block of users or a slice of time is ever in memory.
    """
    slices = -(-scenario.users // USERS_AT_ONCE)
    if slices == 1:
        (population,) = blocks(scenario, USERS_AT_ONCE)
        population.write(folder, events_format, days, late_share)
        return population.events.height
    folder.mkdir(parents=True, exist_ok=True)
    events, names = 0, {}
    with tempfile.TemporaryDirectory(prefix=".events-", dir=folder) as waiting:
        for number, block in enumerate(blocks(scenario, USERS_AT_ONCE)):
            events += block.events.height
            for name, delivery in block.deliveries(days, late_share):
                names[name] = Path(waiting) / name
                _append(delivery, folder / name)
                _keep(delivery.events, names[name], slices, number)
        for name, kept in names.items():
            write_events(_in_order(kept, slices), folder / name / f"{EVENTS_NAME}.{events_format}")
    return events


def _append(delivery: Population, folder: Path) -> None:
    """Write users after those who are there, and the sheet."""
    folder.mkdir(exist_ok=True)
    file = folder / USERS_FILE
    is_first = not file.exists()
    with file.open("ab") as users:
        delivery.users.drop("fate").write_csv(users, include_header=is_first)
    delivery.mentors.drop("fate").write_csv(folder / MENTORS_FILE)


def _keep(events: pl.DataFrame, folder: Path, slices: int, block: int) -> None:
    """Write the events of a block, a file for each slice of time that has some."""
    folder.mkdir(exist_ok=True)
    second = (pl.col("occurred_at") - pl.lit(FIRST_DAY)).dt.total_seconds()
    # What is told of a time before the first day is in the first slice.
    slice_ = (second * slices // (HISTORY_DAYS * 24 * 60 * 60)).clip(0, slices - 1)
    cut = events.select("occurred_at", "line", slice=slice_).partition_by("slice", as_dict=True, include_key=False)
    for (number,), rows in cut.items():
        rows.write_parquet(folder / f"{number}-{block}.parquet", compression="lz4")


def _in_order(folder: Path, slices: int) -> Iterator[pl.Series]:
    """The lines of the events by their time, a slice at once; of one block in its own order, copies after originals."""
    for number in range(slices):
        # There are as many blocks as slices.
        files = [file for block in range(slices) if (file := folder / f"{number}-{block}.parquet").exists()]
        if files:
            yield pl.concat(map(pl.read_parquet, files)).sort("occurred_at", maintain_order=True)["line"]
