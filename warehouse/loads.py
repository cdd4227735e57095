"""What all loads of a warehouse together read, took and refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath

from engines import engine_of
from engines.protocol import Reader, Row, UnknownNameError
from errors import WarehouseError
from settings import COMMAND, Settings


@dataclass(frozen=True)
class SourceLoads:
    """All loads of one source: rows_read = rows_loaded + rows_known + rows_duplicate + rows_rejected.

    A rejected row that passed when it was tried again is counted once, as what became of it.
    `file` (its name alone), `checksum` (SHA-256) and `loaded_at` (UTC) are those of the latest load.
    """

    source: str
    loads: int
    rows_read: int
    rows_loaded: int
    rows_known: int
    rows_duplicate: int
    rows_rejected: int
    file: str
    checksum: str
    loaded_at: datetime


@dataclass(frozen=True)
class Rejection:
    """How many rows of one source were rejected for one reason."""

    source: str
    reason: str
    rows: int


@dataclass(frozen=True)
class LoadHistory:
    """One row per source, in the order of their first loads, and one per source and reason of a rejection."""

    sources: list[SourceLoads]
    rejections: list[Rejection]


def load_history(warehouse: Reader) -> LoadHistory:
    """The loads and rejections of a warehouse that is open.

    Raises:
        WarehouseError: nothing was ever loaded into it.
    """
    try:
        sources = warehouse.rows("""
            SELECT
                source, loads, rows_read, rows_loaded, rows_known, rows_duplicate, rows_rejected - rows_replayed,
                latest.file, latest.checksum, latest.loaded_at
            FROM (
                SELECT
                    source, COUNT(*) FILTER (WHERE outcome <> 'replayed') AS loads,
                    COALESCE(SUM(rows_read) FILTER (WHERE outcome <> 'replayed'), 0)::BIGINT AS rows_read,
                    COALESCE(SUM(rows_read) FILTER (WHERE outcome = 'replayed'), 0)::BIGINT AS rows_replayed,
                    SUM(rows_loaded)::BIGINT AS rows_loaded, SUM(rows_known)::BIGINT AS rows_known,
                    SUM(rows_duplicate)::BIGINT AS rows_duplicate, SUM(rows_rejected)::BIGINT AS rows_rejected,
                    MIN(load_id) AS first_load, MAX(load_id) FILTER (WHERE outcome <> 'replayed') AS latest_load
                FROM raw.loads GROUP BY source
            ) AS totals
            JOIN (SELECT load_id AS latest_load, file, checksum, loaded_at FROM raw.loads) AS latest
                USING (latest_load)
            ORDER BY first_load
        """)
        rejections = warehouse.rows(f"""
            SELECT source, reason, COUNT(*)
            FROM raw.rejected_rows AS rejected JOIN raw.loads USING (load_id)
            LEFT JOIN {_replayed(warehouse)} AS replayed
                ON replayed.rejected_load_id = rejected.load_id AND replayed.position = rejected.position
            WHERE replayed.outcome IS NULL
            GROUP BY source, reason ORDER BY MIN(rejected.load_id), source, COUNT(*) DESC, reason
        """)
    except UnknownNameError:
        raise WarehouseError(f"nothing was loaded into this warehouse yet; run: {COMMAND} refresh") from None
    return LoadHistory(
        [replace(loads, file=PurePath(loads.file).name) for loads in (SourceLoads(*row) for row in sources)],
        [Rejection(*row) for row in rejections],
    )


def _replayed(warehouse: Reader) -> str:
    """The rows that were tried again, as SQL; a warehouse that nothing was loaded into since has no such table."""
    if ("raw", "replayed_rows") in warehouse.tables():
        return "raw.replayed_rows"
    return "(SELECT load_id AS rejected_load_id, load_id, load_id AS position, outcome FROM raw.loads WHERE 1 = 0)"


REJECTED_COLUMNS = ("load_id", "file", "position", "reason", "raw_text", "became", "became_in_load")


def rejected_rows(settings: Settings) -> list[Row]:
    """The rejected rows of every load, oldest first, with the `REJECTED_COLUMNS`.

    `position` counts the rows of the file from 1, a CSV's header left out. `became` is null while a row is rejected;
    loaded, known or duplicate where it passed when it was tried again; superseded, of a user or mentor, where a later
    export has said everything anew. `became_in_load` is the load that did so.

    Raises:
        WarehouseError: there is no warehouse, it is locked, or nothing was ever loaded into it.
    """
    engine = engine_of(settings)
    place = engine.place(settings)
    with engine.reading(settings) as reader:
        try:
            return reader.rows(f"""
                SELECT
                    rejected.load_id, rejected.file, rejected.position, rejected.reason, rejected.raw_text,
                    COALESCE(
                        replayed.outcome, CASE WHEN newest.load_id > rejected.load_id THEN 'superseded' END
                    ) AS became,
                    COALESCE(
                        replayed.load_id, CASE WHEN newest.load_id > rejected.load_id THEN newest.load_id END
                    ) AS became_in_load
                FROM raw.rejected_rows AS rejected
                JOIN raw.loads AS loads ON loads.load_id = rejected.load_id
                LEFT JOIN {_replayed(reader)} AS replayed
                    ON replayed.rejected_load_id = rejected.load_id AND replayed.position = rejected.position
                LEFT JOIN (
                    SELECT source, MAX(load_id) AS load_id FROM raw.loads
                    WHERE outcome <> 'replayed' AND source IN ('users', 'mentors') GROUP BY source
                ) AS newest ON newest.source = loads.source
                ORDER BY rejected.load_id, rejected.position
            """)
        except UnknownNameError:
            raise WarehouseError(f"nothing was loaded into {place} yet; run: {COMMAND} refresh") from None
