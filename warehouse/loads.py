"""What all loads of a warehouse together read, took and refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePath

import duckdb

from errors import WarehouseError
from settings import COMMAND
from warehouse.connection import connect


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


def load_history(warehouse: duckdb.DuckDBPyConnection) -> LoadHistory:
    """The loads and rejections of a warehouse that is open.

    Raises:
        WarehouseError: nothing was ever loaded into it.
    """
    try:
        sources = warehouse.execute("""
            SELECT
                source, COUNT(*), SUM(rows_read)::BIGINT, SUM(rows_loaded)::BIGINT, SUM(rows_known)::BIGINT,
                SUM(rows_duplicate)::BIGINT, SUM(rows_rejected)::BIGINT,
                ARG_MAX(file, load_id), ARG_MAX(checksum, load_id), ARG_MAX(loaded_at, load_id)
            FROM raw.loads GROUP BY source ORDER BY MIN(load_id)
        """).fetchall()
        rejections = warehouse.execute("""
            SELECT source, reason, COUNT(*)
            FROM raw.rejected_rows JOIN raw.loads USING (load_id)
            GROUP BY source, reason ORDER BY MIN(load_id), source, COUNT(*) DESC, reason
        """).fetchall()
    except duckdb.CatalogException:
        raise WarehouseError(f"nothing was loaded into this warehouse yet; run: {COMMAND} refresh") from None
    return LoadHistory(
        [replace(loads, file=PurePath(loads.file).name) for loads in (SourceLoads(*row) for row in sources)],
        [Rejection(*row) for row in rejections],
    )


def rejected_rows(warehouse: Path) -> list[tuple[int, str, int, str, str]]:
    """The rejected rows of every load: load_id, file, position, reason, raw text; oldest first.

    `position` counts the rows of the file from 1, a CSV's header left out.

    Raises:
        WarehouseError: there is no warehouse, it is locked, or nothing was ever loaded into it.
    """
    with connect(warehouse, read_only=True) as connection:
        try:
            return connection.execute(
                "SELECT load_id, file, position, reason, raw_text FROM raw.rejected_rows ORDER BY load_id, position"
            ).fetchall()
        except duckdb.CatalogException:
            raise WarehouseError(f"nothing was loaded into {warehouse} yet; run: {COMMAND} refresh") from None
