"""The marts of a population, and rows at the limits of all rules, as tables of every engine that Ibis speaks to."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.metrics.classes import UNKNOWN
from analysis.metrics.marts import COLUMNS, schema_of
from tests.bare_sqlmesh import Warehouse
from tests.test_metrics import BASES, MENTOR_IDS, OPEN, STEPS

# No user of the population has so high a number.
FIRST_USER, USERS = 900_000, 60
DAYS_SEEN = 75


def marts_of(warehouse: Warehouse) -> tuple[datetime, dict[str, pa.Table]]:
    """The latest event, and each table of `COLUMNS`."""
    names = {name: ", ".join(f'"{column}"' for column in columns) for name, columns in COLUMNS.items()}
    rows = {name: warehouse.query(f"SELECT {names[name]} FROM {schema_of(name)}.{name}") for name in COLUMNS}
    [(as_of,)] = warehouse.query(
        "SELECT GREATEST((SELECT MAX(last_event_at) FROM marts.fct_sessions), "
        "(SELECT MAX(last_event_at) FROM marts.fct_bookings))"
    )
    for name, added in turning_points(as_of, random.Random(11)).items():
        rows[name] += [tuple(row.get(column) for column in COLUMNS[name]) for row in added]
    return as_of, {
        name: pa.Table.from_pylist(
            [dict(zip(columns, row, strict=True)) for row in rows[name]], ibis.schema(columns).to_pyarrow()
        )
        for name, columns in COLUMNS.items()
    }


def turning_points(as_of: datetime, chance: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Visits and bookings at one instant, and on either side of a day, a week, a month, a window and `as_of`."""
    start = as_of - timedelta(days=DAYS_SEEN)
    sessions, bookings, users, events = [], [], [], []
    waits = [hours * timedelta(hours=1) + tick * timedelta(microseconds=1) for hours in (1, 24, 72) for tick in (0, 1)]
    for user_id in range(FIRST_USER, FIRST_USER + USERS):
        company = chance.choice(["c1", "c2", UNKNOWN])
        user = {"user_id": user_id, "company_id": company, "status": chance.choice(["active", "churned"])}
        if chance.random() < 0.8:
            users.append(
                user | {"valid_from": datetime(2022, 1, 1), "valid_to": OPEN, "loaded_at": start, "load_id": 1}
            )
        moments = {min(start + chance.choice(BASES) + chance.choice(STEPS), as_of) for _ in range(chance.randint(0, 5))}
        for number, moment in enumerate(sorted(moments, key=lambda _: chance.random())):
            mentor_id, name = chance.choice(MENTOR_IDS), f"{user_id}-{number}"
            minutes, is_estimated = chance.choice([10, 20, 30, 45.5]), chance.random() < 0.4
            ended_at = moment + timedelta(minutes=minutes)
            late = chance.choice([timedelta(0), timedelta(days=2)])
            sessions.append(
                {"session_id": f"s{name}", "user_id": user_id, "mentor_id": mentor_id, "started_at": moment}
                | {"ended_at": ended_at, "end_recorded_at": None if is_estimated else ended_at + late}
                | {"duration_minutes": float(minutes), "is_duration_estimated": is_estimated, "load_id": 1}
                | {"booking_id": f"b{name}" if chance.random() < 0.5 else None, "last_event_at": moment}
            )
            status = chance.choice(["attended", "cancelled", "confirmed", "pending"])
            is_confirmed = status == "confirmed" or (status != "pending" and chance.random() < 0.5)
            is_cancelled, wait = status == "cancelled", chance.choice(waits)
            bookings.append(
                {"booking_id": f"b{name}", "user_id": user_id, "mentor_id": mentor_id, "requested_at": moment}
                | {"booking_status": status, "confirmed_at": moment + wait if is_confirmed else None}
                | {"agreed_start_at": moment + chance.choice(waits) if is_confirmed and chance.random() < 0.7 else None}
                | {"cancelled_at": moment + chance.choice(waits) if is_cancelled else None}
                | {"cancelled_by": chance.choice([None, "user"]) if is_cancelled else None}
                | {"requested_duration_minutes": chance.choice([None, 20, 45])}
                | {"session_started_at": moment + wait if status == "attended" else None}
                | {"is_confirmation_missing": status == "attended" and not is_confirmed}
                | {"is_rescheduled": is_cancelled and chance.random() < 0.5, "last_event_at": moment, "load_id": 1}
            )
        for number in range(4):
            kind = chance.choice(("session_reviewed", "user_churned", "mentor_profile_viewed", "user_signed_up"))
            moment = start + chance.choice(BASES) + chance.choice(STEPS)
            events.append(
                {"event_id": f"o{user_id}-{number}", "user_id": user_id, "event_type": kind, "load_id": 1}
                | {"mentor_id": None if kind.startswith("user_") else chance.choice(MENTOR_IDS)}
                | {"occurred_at": chance.choice([moment, moment, as_of, as_of + timedelta(microseconds=1)])}
                | {"rating": chance.randint(1, 5) if kind == "session_reviewed" else None}
                | {"churn_reason": chance.choice([None, "Price", "goal"]) if kind == "user_churned" else None}
            )
    return {"fct_sessions": sessions, "fct_bookings": bookings, "dim_users": users, "stg_events": events}


def connected(engine: str, tables: dict[str, pa.Table], folder: Path, server: Any) -> ibis.BaseBackend:
    """An engine that holds the tables by their names.

    Args:
        server: the Spark session or the PostgreSQL server, where the engine is one of these.
    """
    if engine == "polars":
        import polars as pl

        return ibis.polars.connect({name: pl.from_arrow(table) for name, table in tables.items()})
    if engine == "spark":
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet")
            server.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
        return ibis.pyspark.connect(server)
    if engine == "postgres":
        database = server.create_database("metrics")
        connection = ibis.postgres.connect(host=server.host, port=server.port, user=server.user, database=database)
    else:
        connection = ibis.duckdb.connect()
    for name, table in tables.items():
        connection.create_table(name, table)
    return connection
