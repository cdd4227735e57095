"""The models, planned for real by SQLMesh on a small warehouse."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from sqlmesh.core.dialect import find_tables

from settings import PROJECT_ROOT
from tests.conftest import event, ingest


def plan(warehouse):
    """`sqlmesh plan` of everything, as a user runs it."""
    command = [str(Path(sys.executable).with_name("sqlmesh")), "plan", "--auto-apply", "--no-prompts"]
    environment = os.environ | {"MENTOR_WAREHOUSE": str(warehouse)}
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def query(warehouse, sql):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_same_instant_events_close_before_they_open(data_folder, warehouse):
    at = "2023-02-01T10:00:00Z"
    later = "2023-02-02T10:00:00Z"
    events = [
        event("1", timestamp="2023-02-01T09:00:00Z"),
        event("3", timestamp=at),
        event("2", timestamp=at, event_type="booking_cancelled"),
        event("4", timestamp=at),  # the webhook fired twice
        event("5", timestamp=later, event_type="session_started"),
        event("6", timestamp="2023-02-02T11:00:00Z", event_type="session_ended"),
        event("7", timestamp="2023-02-02T11:00:00Z", event_type="session_started"),
    ]
    ingest(warehouse, data_folder(events=events))
    plan(warehouse)
    bookings = query(warehouse, "SELECT booking_status, is_rescheduled FROM marts.fct_bookings ORDER BY requested_at")
    assert bookings == [("cancelled", True), ("attended", False)]
    sessions = query(
        warehouse,
        """
        SELECT session_id, duration_minutes, is_duration_estimated, booking_id IS NOT NULL
        FROM marts.fct_sessions ORDER BY started_at
        """,
    )
    first_id = hashlib.sha256(b"1|M-1|2023-02-02 10:00:00").hexdigest()
    assert sessions[0] == (first_id, 60, False, True)
    assert sessions[1][1:] == (30, True, False)


def test_reports_name_the_models_that_they_read(context):
    """They are named for SQLMesh, which would work out the whole query of each for them whenever it begins."""
    reports = [model for model in context.models.values() if model.schema_name == "reports"]
    assert reports
    for report in reports:
        read = find_tables(report.render_query_or_raise(), report.default_catalog, report.dialect)
        assert report.depends_on == read, report.name


@pytest.mark.real_data
def test_real_files_give_the_published_counts(real_data, warehouse):
    ingest(warehouse, real_data)
    plan(warehouse)
    sessions = "SELECT COUNT(*), COUNT(*) FILTER (is_duration_estimated) FROM marts.fct_sessions"
    assert query(warehouse, sessions) == [(203, 13)]
    bookings = """
        SELECT tier, COUNT(*), COUNT(*) FILTER (booking_status = 'attended'),
            COUNT(*) FILTER (booking_status = 'cancelled'), COUNT(*) FILTER (is_rescheduled),
            COUNT(*) FILTER (booking_status = 'pending')
        FROM marts.fct_bookings JOIN marts.dim_mentors USING (mentor_id) GROUP BY tier ORDER BY tier
    """
    assert query(warehouse, bookings) == [
        ("Bronze", 36, 33, 3, 0, 0),
        ("Gold", 99, 91, 7, 5, 1),
        ("Silver", 90, 79, 11, 5, 0),
    ]
