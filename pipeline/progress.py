"""How far each environment and each table has come: kept in the warehouse, schema `pipeline`.

A table is named by its physical name, so that a version that comes back after a revert is known
to lag behind, whatever environment shows it. Times are naive UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from errors import WarehouseError
from ingest.warehouse import connect

_TABLES = """
CREATE SCHEMA IF NOT EXISTS pipeline;
CREATE TABLE IF NOT EXISTS pipeline.environments (
    environment VARCHAR PRIMARY KEY, plan_id VARCHAR NOT NULL, evaluated_at TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS pipeline.tables (
    table_name VARCHAR PRIMARY KEY, evaluated_at TIMESTAMP NOT NULL
);
"""


def _exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    found = connection.execute(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", [schema, table]
    ).fetchone()
    return found[0] > 0


def _last_change(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When `raw` last said something new that holds by now; None when it never did.

    A change of a user or a mentor counts when it takes effect, which may be later than its load.
    """
    return connection.execute(
        """
        SELECT MAX(moment) FROM (
            SELECT loaded_at AS moment FROM raw.loads WHERE source = 'booking_events' AND rows_loaded > 0
            UNION ALL SELECT GREATEST(loaded_at, effective_at) FROM raw.users
            UNION ALL SELECT GREATEST(loaded_at, effective_at) FROM raw.mentors
        ) AS changes WHERE moment <= ?
        """,
        [datetime.now(UTC).replace(tzinfo=None)],
    ).fetchone()[0]


def is_up_to_date(warehouse: Path, environment: str) -> bool:
    """Whether the environment shows all of `raw`, and nobody planned it since it was brought up to date.

    Raises:
        WarehouseError: there is no warehouse, it is locked, or nothing was loaded into it.
    """
    with connect(warehouse, read_only=True) as connection:
        if not _exists(connection, "raw", "loads"):
            raise WarehouseError(f"nothing was loaded into {warehouse} yet; run: python cli.py ingest")
        if not _exists(connection, "pipeline", "environments") or not _exists(connection, "sqlmesh", "_environments"):
            return False
        row = connection.execute(
            """
            SELECT evaluated_at FROM pipeline.environments JOIN sqlmesh._environments AS planned
            ON planned.name = environment AND planned.plan_id = environments.plan_id
            WHERE environment = ?
            """,
            [environment],
        ).fetchone()
        latest = _last_change(connection)
        return row is not None and (latest is None or latest <= row[0])


def evaluated_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """Up to which moment each physical table holds all that `raw` says."""
    if not _exists(connection, "pipeline", "tables"):
        return {}
    return dict(connection.execute("SELECT table_name, evaluated_at FROM pipeline.tables").fetchall())


def record(
    connection: duckdb.DuckDBPyConnection, environment: str, plan_id: str, tables: list[str], evaluated_at: datetime
) -> None:
    """Say that the environment, as planned by `plan_id`, and its tables hold all that `raw` says at `evaluated_at`."""
    connection.execute(_TABLES)
    connection.execute(
        "INSERT OR REPLACE INTO pipeline.environments VALUES (?, ?, ?)", [environment, plan_id, evaluated_at]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO pipeline.tables VALUES (?, ?)", [(table, evaluated_at) for table in tables]
    )
