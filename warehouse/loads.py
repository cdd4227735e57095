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
                source, loads, rows_read, rows_loaded, rows_known, rows_duplicate, rows_rejected,
                latest.file, latest.checksum, latest.loaded_at
            FROM (
                SELECT
                    source, COUNT(*) AS loads, SUM(rows_read)::BIGINT AS rows_read,
                    SUM(rows_loaded)::BIGINT AS rows_loaded, SUM(rows_known)::BIGINT AS rows_known,
                    SUM(rows_duplicate)::BIGINT AS rows_duplicate, SUM(rows_rejected)::BIGINT AS rows_rejected,
                    MIN(load_id) AS first_load, MAX(load_id) AS latest_load
                FROM raw.loads GROUP BY source
            ) AS totals
            JOIN (SELECT load_id AS latest_load, file, checksum, loaded_at FROM raw.loads) AS latest
                USING (latest_load)
            ORDER BY first_load
        """)
        rejections = warehouse.rows("""
            SELECT source, reason, COUNT(*)
            FROM raw.rejected_rows JOIN raw.loads USING (load_id)
            GROUP BY source, reason ORDER BY MIN(load_id), source, COUNT(*) DESC, reason
        """)
    except UnknownNameError:
        raise WarehouseError(f"nothing was loaded into this warehouse yet; run: {COMMAND} refresh") from None
    return LoadHistory(
        [replace(loads, file=PurePath(loads.file).name) for loads in (SourceLoads(*row) for row in sources)],
        [Rejection(*row) for row in rejections],
    )


def rejected_rows(settings: Settings) -> list[Row]:
    """The rejected rows of every load: load_id, file, position, reason, raw text; oldest first.

    `position` counts the rows of the file from 1, a CSV's header left out.

    Raises:
        WarehouseError: there is no warehouse, it is locked, or nothing was ever loaded into it.
    """
    engine = engine_of(settings)
    place = engine.place(settings)
    with engine.reading(settings) as reader:
        try:
            return reader.rows(
                "SELECT load_id, file, position, reason, raw_text FROM raw.rejected_rows ORDER BY load_id, position"
            )
        except UnknownNameError:
            raise WarehouseError(f"nothing was loaded into {place} yet; run: {COMMAND} refresh") from None
