"""The facts against the brute-force reference, on random event streams."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.metrics.classes import OPTIONAL_EVENTS
from analysis.metrics.marts import bookings_at, mart, sessions_at
from settings import HISTORY_START
from tests import reference
from tests.conftest import EXAMPLES_FACTOR

DAY = datetime(2023, 1, 1)
DEFAULT_MINUTES = 30
# Few users, mentors and instants, so that ties, doubles and limits are common.
MOMENTS = st.integers(0, 60).map(lambda step: DAY + timedelta(hours=step))
# What the tool may write beside an event: what can be read, what cannot, and what no session or booking can have.
TIMES = [
    "2023-01-02T10:00:00Z",
    "2023-01-02 12:00",
    "2023-01-02T12:00:00.5+02:00",
    "2023-01-01",
    "2023-01-03t09:30-0130",
    "2023-02-31T10:00:00Z",
    "2022-12-31T23:59:59Z",
    "tomorrow",
    "infinity",
    "1675245600",
]
NUMBERS = ["1800", "90.9999999", "0", "0.9", "-5", "86400", "86401", "NaN", "Infinity", "1e3", "half an hour", "30"]
PROPERTIES = {
    "confirmed_start_time": TIMES,
    "cancelled_by": ["user", "Mentor"],
    "cancellation_reason": ["ill", "other plans"],
    "requested_duration_minutes": NUMBERS,
    "duration_seconds": NUMBERS,
}
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.integers(1, 2),
            "mentor_id": st.sampled_from(["M-1", "M-2"]),
            "at": MOMENTS,
            "type": st.sampled_from(list(reference.PRECEDENCE)),
        },
        optional={name: st.sampled_from(texts) for name, texts in PROPERTIES.items()},
    ),
    max_size=25,
)

OPTIONAL = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.integers(1, 2),
            "mentor_id": st.sampled_from(["M-1", "M-2", None]),
            "at": MOMENTS,
            "type": st.sampled_from(OPTIONAL_EVENTS),
        }
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def fact_queries(context) -> dict[str, str]:
    """The SQL that SQLMesh would run for each fact, over all of history."""
    return {
        name: context.render(f"marts.{name}", start=HISTORY_START, end="2100-01-01").sql(dialect="duckdb")
        for name in ("fct_bookings", "fct_sessions")
    }


@pytest.fixture(scope="module")
def engine(context, tmp_path_factory):
    """A database that holds `stg_events` and empty facts, under the catalog name the queries carry."""
    with duckdb.connect(str(tmp_path_factory.mktemp("engine") / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA staging; CREATE SCHEMA marts")
        for name in ("fct_bookings", "fct_sessions"):
            types = context.get_model(f"marts.{name}").columns_to_types
            columns = ", ".join(f"{column} {kind.sql('duckdb')}" for column, kind in types.items())
            connection.execute(f"CREATE TABLE marts.{name} ({columns})")
        yield connection


def build(engine, fact_queries: dict[str, str], events: list[dict]) -> None:
    properties = "".join(f", {name} TEXT" for name in reference.PROPERTIES)
    engine.execute(f"""
        CREATE OR REPLACE TABLE staging.stg_events (
            event_id TEXT, user_id BIGINT, mentor_id TEXT, occurred_at TIMESTAMP, event_type TEXT, precedence INT,
            load_id BIGINT{properties}
        )
    """)
    rows = [
        (
            *(
                r["event_id"],
                r["user_id"],
                r["mentor_id"],
                r["at"],
                r["type"],
                reference.PRECEDENCE.get(r["type"], 0),
                1,
            ),
            *(r.get(name) for name in reference.PROPERTIES),
        )
        for r in events
    ]
    if rows:
        engine.executemany(f"INSERT INTO staging.stg_events VALUES ({', '.join('?' for _ in rows[0])})", rows)
    for name, query in fact_queries.items():
        engine.execute(f"CREATE OR REPLACE TABLE marts.{name} AS {query}")


@settings(max_examples=250 * EXAMPLES_FACTOR, deadline=None)
@given(events=EVENTS, optional=OPTIONAL, data=st.data())
def test_facts_equal_the_brute_force_reference(engine, fact_queries, events, optional, data):
    """Whatever optional events there are besides."""
    for number, row in enumerate(data.draw(st.permutations(events))):
        row["event_id"] = f"e{number:03}"
    build(engine, fact_queries, events + [row | {"event_id": f"o{n}"} for n, row in enumerate(optional)])
    sessions = engine.execute("""
        SELECT user_id, mentor_id, started_at, ended_at, end_recorded_at, is_duration_estimated
        FROM marts.fct_sessions ORDER BY ALL
    """).fetchall()
    assert sessions == reference.sessions(events)
    bookings = engine.execute("""
        SELECT
            user_id, mentor_id, requested_at, booking_status, is_confirmation_missing, is_rescheduled, agreed_start_at,
            cancelled_by, cancellation_reason, requested_duration_minutes
        FROM marts.fct_bookings ORDER BY ALL
    """).fetchall()
    assert bookings == reference.bookings(events)
    led_to = engine.execute("""
        SELECT COUNT(*) FROM marts.fct_bookings AS b FULL JOIN marts.fct_sessions AS s USING (booking_id)
        WHERE b.session_id IS DISTINCT FROM s.session_id AND (b.session_id IS NOT NULL OR s.booking_id IS NOT NULL)
    """).fetchone()
    assert led_to == (0,)
    spoken_of = engine.execute("""
        SELECT MAX(last_event_at) FROM (
            SELECT last_event_at FROM marts.fct_bookings UNION ALL SELECT last_event_at FROM marts.fct_sessions
        )
    """).fetchone()
    assert spoken_of == (reference.latest_event(events),)


@pytest.fixture(scope="module")
def rows_at() -> Callable[[datetime], list[str]]:
    """SQL for the rows of bookings and sessions as of a moment, sorted."""

    def queries(as_of: datetime) -> list[str]:
        bookings = bookings_at(mart("fct_bookings"), as_of)
        sessions = sessions_at(mart("fct_sessions"), as_of, DEFAULT_MINUTES)
        # Which event was the last, and by which load it came, is not asked of the past.
        return [
            f"SELECT * FROM ({ibis.to_sql(table.drop('last_event_at', 'load_id'), dialect='duckdb')}) ORDER BY ALL"
            for table in (bookings, sessions)
        ]

    return queries


@settings(max_examples=100 * EXAMPLES_FACTOR, deadline=None)
@given(events=EVENTS, as_of=MOMENTS)
def test_facts_as_of_a_moment_are_those_of_the_events_until_then(engine, fact_queries, rows_at, events, as_of):
    """Every booking, session, status, end and link, as though nothing after the moment had happened."""
    for number, row in enumerate(events):
        row["event_id"] = f"e{number:03}"
    build(engine, fact_queries, events)
    seen = [engine.execute(query).fetchall() for query in rows_at(as_of)]
    build(engine, fact_queries, [row for row in events if row["at"] <= as_of])
    after_all = DAY + timedelta(days=1000)
    assert seen == [engine.execute(query).fetchall() for query in rows_at(after_all)]
