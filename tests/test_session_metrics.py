"""How sessions ended, who was booked twice and how exact the clocks are, against the brute-force reference."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from statistics import median

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.expr.types import Table

from analysis.metrics.classes import UNKNOWN
from analysis.metrics.marts import Marts, latest_marts, mart
from analysis.metrics.reliability import (
    booking_events,
    clock_counts,
    double_booking_counts,
    event_counts,
    property_counts,
    requested_duration_quantiles,
    session_counts,
    unknown_counts,
)
from tests import reference, small_marts
from tests.conftest import EXAMPLES_FACTOR

DAY = datetime(2023, 1, 17)
AS_OF = DAY + timedelta(hours=26)
MAX_HOURS = 24
TICK = timedelta(microseconds=1)
# Few instants, so that starts meet starts and ends, midnight, and the limit of what is running.
STARTS = [DAY + timedelta(minutes=minutes) for minutes in range(0, 50, 10)]
STARTS += [AS_OF - timedelta(hours=MAX_HOURS) + tick for tick in (-TICK, 0 * TICK, TICK)]
COMPANY = {1: "c1", 2: "c1", 3: "c2", 4: UNKNOWN, 5: UNKNOWN}  # user 6 is not in the export
USERS = [
    {"user_id": user_id, "company_id": company, "valid_from": DAY, "valid_to": datetime(9999, 12, 31)}
    for user_id, company in COMPANY.items()
]
KNOWN = {user_id: company for user_id, company in COMPANY.items() if company != UNKNOWN}


@st.composite
def visits(draw) -> dict[str, list[dict]]:
    pairs = st.tuples(st.integers(1, 6), st.sampled_from(["M-1", "M-2"]), st.sampled_from(STARTS))
    size = draw(st.sampled_from([0, 1, 6]))
    sessions, bookings = [], []
    for number, (user_id, mentor_id, started_at) in enumerate(
        draw(st.lists(pairs, min_size=size, max_size=14, unique=True))
    ):
        minutes = draw(st.sampled_from([10, 20, 30, 45]))
        is_estimated = draw(st.booleans())
        ended_at = started_at + timedelta(minutes=minutes)
        late = draw(st.sampled_from([timedelta(0), timedelta(0), timedelta(days=2)]))
        booking_id = f"b{number:02}" if draw(st.booleans()) else None
        sessions.append(
            {"session_id": f"s{number:02}", "user_id": user_id, "mentor_id": mentor_id, "started_at": started_at}
            | {"ended_at": ended_at, "end_recorded_at": None if is_estimated else ended_at + late}
            | {"duration_minutes": minutes, "is_duration_estimated": is_estimated, "booking_id": booking_id}
        )
        if booking_id:
            bookings.append(
                {"booking_id": booking_id, "requested_duration_minutes": draw(st.sampled_from([None, 20, 30]))}
                | {"agreed_start_at": draw(st.sampled_from([None, started_at]))}
                | {"cancelled_by": draw(st.sampled_from([None, "user"]))}
                | {"cancellation_reason": draw(st.sampled_from([None, "ill"]))}
            )
    events = [
        {"event_id": f"e{number}", "event_type": kind, "occurred_at": moment, "mentor_id": mentor_id}
        for number, (kind, moment, mentor_id) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(["booking_requested", "session_ended", "user_signed_up"]),
                        st.sampled_from([DAY, DAY + TICK, DAY - TICK, DAY + timedelta(days=1), AS_OF]),
                        st.sampled_from(["M-1", None]),
                    ),
                    max_size=8,
                )
            )
        )
    ]
    return {"fct_sessions": sessions, "fct_bookings": bookings, "stg_events": events, "dim_users": USERS}


def metrics_of(marts: Marts) -> dict[str, Table]:
    """Every metric of sessions and events, as of the moment of the marts."""
    return {
        "sessions": session_counts(marts.sessions, marts.as_of, MAX_HOURS),
        "double bookings": double_booking_counts(marts.sessions, marts.users),
        "booking events": booking_events(marts.events).select("event_id", "event_type"),
        "clocks": clock_counts(marts.events),
        "events": event_counts(marts.events, marts.users, marts.mentors, marts.as_of),
        "unknown": unknown_counts(marts.events, marts.users, marts.mentors),
        "properties": property_counts(marts.bookings, marts.sessions),
        "lengths": requested_duration_quantiles(marts.bookings, marts.sessions),
    }


@pytest.fixture(scope="module")
def expressions() -> dict[str, Table]:
    return metrics_of(latest_marts(mart, AS_OF))


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        small_marts.create(connection)
        yield connection


@pytest.fixture(scope="module")
def found(engine, expressions):
    """The rows of a metric over some marts, each a dict."""
    queries = {name: str(ibis.to_sql(expression, dialect="duckdb")) for name, expression in expressions.items()}

    def rows(name: str) -> list[dict]:
        result = engine.execute(queries[name])
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return rows


@settings(max_examples=150 * EXAMPLES_FACTOR, deadline=None)
@given(tables=visits())
def test_metrics_of_sessions_and_events_equal_the_reference(engine, found, tables):
    small_marts.fill(engine, tables)
    sessions, bookings = tables["fct_sessions"], tables["fct_bookings"]
    outcomes = Counter(reference.session_outcome(row, AS_OF, MAX_HOURS) for row in sessions)
    assert found("sessions") == [
        {"sessions": len(sessions)}
        | {name: outcomes[name] for name in ("running", "estimated_ends", "recorded_ends")}
        | {"walk_ins": sum(row["booking_id"] is None for row in sessions)}
    ]
    double, same_company = reference.double_booked(sessions, KNOWN)
    assert found("double bookings") == [{"double_booked": double, "double_booked_same_company": same_company}]

    stamped = Counter(row["event_type"] for row in tables["stg_events"])
    midnight = Counter(
        row["event_type"] for row in tables["stg_events"] if f"{row['occurred_at']:%H%M%S%f}" == "0" * 12
    )
    assert {row["event_type"]: (row["events"], row["at_midnight"]) for row in found("clocks")} == {
        kind: (n, midnight[kind]) for kind, n in stamped.items()
    }

    weeks = Counter()
    for row in tables["stg_events"]:
        age = AS_OF - row["occurred_at"]
        weeks[(row["event_type"], min(9, age // timedelta(days=7)) if age >= timedelta(0) else -1)] += 1
    counted = found("events")
    assert {(row["event_type"], row["weeks_before"]): row["events"] for row in counted} == weeks
    assert sum(row["at_midnight"] for row in counted) == sum(midnight.values())
    (unknown,) = found("unknown")
    assert unknown == {name: sum(row[name] for row in counted) for name in unknown}
    assert unknown["unknown_mentor_events"] == sum(row["mentor_id"] is not None for row in tables["stg_events"])
    assert [row["event_id"] for row in found("booking events")] == [
        row["event_id"] for row in tables["stg_events"] if row["event_type"] != "user_signed_up"
    ]

    def said(name):
        return sum(row[name] is not None for row in bookings)

    recorded = [row for row in sessions if not row["is_duration_estimated"]]
    assert found("properties") == [
        {
            "agreed_starts": said("agreed_start_at"),
            "requested_durations": said("requested_duration_minutes"),
            "named_cancellers": said("cancelled_by"),
            "cancellation_reasons": said("cancellation_reason"),
            "ends_by_duration": sum(row["end_recorded_at"] != row["ended_at"] for row in recorded),
        }
    ]
    wanted = {row["booking_id"]: row["requested_duration_minutes"] for row in bookings}
    both = [
        (wanted[row["booking_id"]], row["duration_minutes"])
        for row in recorded
        if wanted.get(row["booking_id"]) is not None
    ]
    assert found("lengths") == [
        {
            "sessions": len(both),
            "requested_median": median(asked for asked, _ in both) if both else None,
            "actual_median": median(took for _, took in both) if both else None,
            "overruns": sum(took > asked for asked, took in both),
        }
    ]


def session(number: int, user_id: int, start: int, minutes: int, mentor_id: str = "M-1") -> dict:
    started_at = DAY + timedelta(minutes=start)
    ended_at = started_at + timedelta(minutes=minutes)
    return {
        "session_id": f"s{number}",
        "user_id": user_id,
        "mentor_id": mentor_id,
        "started_at": started_at,
        "ended_at": ended_at,
        "end_recorded_at": ended_at,
        "duration_minutes": minutes,
        "is_duration_estimated": False,
    }


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        # From one end to the next start, and from the same start: neither is inside the other.
        ([session(1, 1, 0, 30), session(2, 3, 30, 30), session(3, 2, 30, 60)], (0, 0)),
        # Inside, of another company, of the same, and of a user of no known company.
        ([session(1, 1, 0, 30), session(2, 3, 29, 30)], (1, 0)),
        ([session(1, 1, 0, 30), session(2, 2, 29, 30)], (1, 1)),
        ([session(1, 4, 0, 30), session(2, 5, 29, 30)], (1, 0)),
        ([session(1, 6, 0, 30), session(2, 6, 29, 30)], (1, 0)),
        # The one that ends last began first, and two that begin at once are both inside it.
        ([session(1, 1, 0, 90), session(2, 3, 10, 5), session(3, 2, 40, 5), session(4, 3, 40, 5)], (3, 1)),
        # Of two around it one is of another company.
        ([session(1, 1, 0, 90), session(2, 3, 10, 50), session(3, 2, 40, 5)], (2, 0)),
        # Another mentor.
        ([session(1, 1, 0, 30), session(2, 3, 10, 30, mentor_id="M-2")], (0, 0)),
    ],
)
def test_a_double_booked_session_starts_strictly_inside_another(engine, found, sessions, expected):
    small_marts.fill(engine, {"fct_sessions": sessions, "dim_users": USERS})
    assert tuple(found("double bookings")[0].values()) == expected


def test_double_bookings_of_a_busy_mentor_are_counted_in_one_pass(engine, found):
    """200,000 sessions of one mentor, which a join of each with each would take hours for."""
    small_marts.fill(engine, {})
    engine.execute("""
        INSERT INTO marts.fct_sessions (session_id, user_id, mentor_id, started_at, ended_at, is_duration_estimated)
        SELECT n::TEXT, n, 'M-1', moment, moment + INTERVAL 10 MINUTE, FALSE
        FROM (SELECT n, TIMESTAMP '2023-01-17' + INTERVAL 30 MINUTE * n::INT AS moment FROM range(200_000) AS t(n))
    """)
    engine.execute(
        "UPDATE marts.fct_sessions SET started_at = started_at - INTERVAL 25 MINUTE WHERE user_id % 1000 = 7"
    )
    assert found("double bookings") == [{"double_booked": 200, "double_booked_same_company": 0}]


def test_every_metric_is_also_sql_for_postgresql_and_spark(expressions):
    for name, expression in expressions.items():
        assert ibis.to_sql(expression, dialect="postgres")
        if name != "lengths":  # Ibis writes fractions for Spark only where pyspark is installed
            assert ibis.to_sql(expression, dialect="pyspark")
