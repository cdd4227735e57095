"""The facts against the brute-force reference, on random event streams."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import reference
from tests.conftest import EXAMPLES_FACTOR

DAY = datetime(2023, 1, 1)
# Few users, mentors and instants, so that ties, doubles and limits are common.
MOMENTS = st.integers(0, 60).map(lambda step: DAY + timedelta(hours=step))
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.integers(1, 2),
            "mentor_id": st.sampled_from(["M-1", "M-2"]),
            "at": MOMENTS,
            "type": st.sampled_from(list(reference.PRECEDENCE)),
        }
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def fact_queries(context) -> dict[str, str]:
    """The SQL that SQLMesh would run for each fact, over all of history."""
    return {
        name: context.render(f"marts.{name}", start="2000-01-01", end="2100-01-01").sql(dialect="duckdb")
        for name in ("fct_bookings", "fct_sessions")
    }


@pytest.fixture(scope="module")
def engine(fact_queries, tmp_path_factory):
    """A database that holds `stg_events` as a table, under the catalog name the queries carry."""
    with duckdb.connect(str(tmp_path_factory.mktemp("engine") / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA staging; CREATE SCHEMA marts")
        yield connection


@settings(max_examples=400 * EXAMPLES_FACTOR, deadline=None)
@given(events=EVENTS, data=st.data())
def test_facts_equal_the_brute_force_reference(engine, fact_queries, events, data):
    for number, row in enumerate(data.draw(st.permutations(events))):
        row["event_id"] = f"e{number:03}"
    engine.execute("""
        CREATE OR REPLACE TABLE staging.stg_events (
            event_id TEXT, user_id BIGINT, mentor_id TEXT, occurred_at TIMESTAMP, event_type TEXT, precedence INT
        )
    """)
    if events:
        engine.executemany(
            "INSERT INTO staging.stg_events VALUES (?, ?, ?, ?, ?, ?)",
            [
                (r["event_id"], r["user_id"], r["mentor_id"], r["at"], r["type"], reference.PRECEDENCE[r["type"]])
                for r in events
            ],
        )
    for name, query in fact_queries.items():
        engine.execute(f"CREATE OR REPLACE TABLE marts.{name} AS {query}")
    sessions = engine.execute("""
        SELECT user_id, mentor_id, started_at, ended_at, is_duration_estimated FROM marts.fct_sessions ORDER BY ALL
    """).fetchall()
    assert sessions == reference.sessions(events)
    bookings = engine.execute("""
        SELECT user_id, mentor_id, requested_at, booking_status, is_confirmation_missing, is_rescheduled
        FROM marts.fct_bookings ORDER BY ALL
    """).fetchall()
    assert bookings == reference.bookings(events)
    led_to = engine.execute("""
        SELECT COUNT(*) FROM marts.fct_bookings AS b FULL JOIN marts.fct_sessions AS s USING (booking_id)
        WHERE b.session_id IS DISTINCT FROM s.session_id AND (b.session_id IS NOT NULL OR s.booking_id IS NOT NULL)
    """).fetchone()
    assert led_to == (0,)
