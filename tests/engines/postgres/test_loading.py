"""Loading into PostgreSQL: the rows and the judgements are those of DuckDB, whatever the text in them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from simulation.population import Scenario, simulate
from tests.conftest import MENTORS_CSV, USERS_CSV, event, ingest, write_data

pytestmark = pytest.mark.postgres

# All but the moment of a load, which is the clock's.
COMPARED = {
    "users": "user_id, company_id, signup_date, status, updated_at, load_id",
    "mentors": "mentor_id, tier, hourly_rate, updated_at, is_deleted, load_id",
    "booking_events": "event_id, user_id, mentor_id, occurred_at, event_type, cancelled_by, cancellation_reason, "
    "confirmed_start_time, requested_duration_minutes, duration_seconds, signup_source, churn_reason, viewed_from, "
    "rating, load_id",
    "rejected_rows": "load_id, file, position, reason, raw_text",
    "loads": "load_id, source, file, checksum, rows_read, rows_loaded, rows_known, rows_duplicate, rows_rejected",
}


def in_duckdb(warehouse: Path) -> dict[str, Counter]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            table: Counter(connection.execute(f"SELECT {columns} FROM raw.{table}").fetchall())
            for table, columns in COMPARED.items()
        }


def in_postgres(server) -> dict[str, Counter]:
    return {table: Counter(server.query(f"SELECT {columns} FROM raw.{table}")) for table, columns in COMPARED.items()}


def test_days_of_dirty_files_give_the_rows_that_duckdb_has(run, gateway, warehouse, tmp_path):
    simulate(Scenario(150, 3, dirt=0.1, optional_events=True)).write(tmp_path / "days", "jsonl", 4, 0.2)
    for day in sorted((tmp_path / "days").iterdir()):
        run("ingest", "--data", str(day))
        ingest(warehouse, day)
        assert in_postgres(gateway) == in_duckdb(warehouse), day.name
    assert in_postgres(gateway)["rejected_rows"]
    assert "unchanged since its last load" in run("ingest", "--data", str(day)).output


TEXTS = ["\\.", "\\N", "", '"', '""', "a,b", "line\nbreak", "\r\n", "\t", "'; DROP SCHEMA raw; --", "%s %(a)s", "€"]


def test_text_comes_as_it_was(run, gateway, warehouse, tmp_path):
    events = [event(f"e{number}|{text}", cancelled_by=text) for number, text in enumerate(TEXTS)]
    events += [event(f"rejected {number}", event_type=text) for number, text in enumerate(TEXTS)]
    folder = write_data(tmp_path / "data", USERS_CSV + '3,"a\n""b""",2023-01-01,"\\."\n', events=events)
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_postgres(gateway) == in_duckdb(warehouse)
    # They are known by their ids when they come again.
    write_data(folder, mentors=MENTORS_CSV.replace("200", "300"), events=[*events, event("new")])
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_postgres(gateway) == in_duckdb(warehouse)


def test_a_character_that_postgresql_cannot_hold_is_replaced_in_the_rejected_row(run, gateway, tmp_path):
    folder = write_data(tmp_path / "data", USERS_CSV + "3,a\0b,2023-01-01,active\n")
    run("ingest", "--data", str(folder))
    rejected = gateway.query("SELECT reason, raw_text FROM raw.rejected_rows")
    assert rejected == [("nul_character", "3,a\ufffdb,2023-01-01,active")]


def test_a_file_that_cannot_be_read_leaves_nothing(run, gateway, tmp_path):
    folder = write_data(tmp_path / "data", events=json.dumps([event("e1")])[:-5])
    assert "is broken JSON" in run("ingest", "--data", str(folder), exit_code=1).output
    assert gateway.query("SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'raw'") == [(0,)]


def test_a_warehouse_from_before_there_were_optional_events_is_extended(run, gateway, warehouse, tmp_path):
    folder = write_data(tmp_path / "data", events=[event("e1")])
    run("ingest", "--data", str(folder))
    for column in ("signup_source", "churn_reason", "viewed_from", "rating"):
        gateway.query(f"ALTER TABLE raw.booking_events DROP COLUMN {column}")
    gateway.query("ALTER TABLE raw.booking_events ALTER COLUMN mentor_id SET NOT NULL")
    ingest(warehouse, folder)
    run("ingest", "--data", str(folder))
    assert in_postgres(gateway) == in_duckdb(warehouse)
    write_data(folder, events=[event("e1"), event("c", event_type="user_churned", mentor_id=None)])
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_postgres(gateway) == in_duckdb(warehouse)
