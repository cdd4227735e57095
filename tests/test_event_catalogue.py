"""What the event catalogue says of an event's properties holds for loading, for the tables and for simulated files."""

from __future__ import annotations

import json

import duckdb
import pytest

from analysis.metrics.classes import OPTIONAL_EVENTS
from ingest.event_catalogue import EVENT_TYPES, EventType, always_required, exempt, further_properties
from ingest.load import unchanged_loads
from ingest.normalisation import booking_events
from ingest.raw_tables import RAW_TABLES
from ingest.sources import find_sources
from settings import load_settings
from simulation.population import Scenario, simulate
from simulation.sample import sample
from tests.conftest import event, ingest

COLUMN_OF = {"timestamp": "occurred_at"}


def test_the_raw_table_has_a_column_for_every_property_and_fills_what_is_required():
    with duckdb.connect() as connection:
        connection.execute(RAW_TABLES)
        columns = dict(
            connection.execute(
                "SELECT column_name, is_nullable = 'NO' FROM information_schema.columns "
                "WHERE table_name = 'booking_events' AND column_name <> 'load_id'"
            ).fetchall()
        )
    always = {COLUMN_OF.get(name, name) for name in always_required()}
    assert {name for name, is_required in columns.items() if is_required} == always - {"mentor_id"}
    assert exempt("mentor_id")
    assert set(columns) - always == set(further_properties())


def reasons(event_types: tuple[EventType, ...], *events: dict) -> list[str | None]:
    """Why each event is rejected; None: it is not."""
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE loaded_at = TIMESTAMP '2030-01-01'")
        connection.execute("CREATE TABLE given (position BIGINT, raw_text VARCHAR)")
        connection.executemany("INSERT INTO given VALUES (?, ?)", [(n, json.dumps(e)) for n, e in enumerate(events)])
        rule = f"WITH source_rows AS (FROM given) {booking_events(event_types)}"
        return [row[0] for row in connection.execute(f"SELECT reason FROM ({rule}) ORDER BY position").fetchall()]


def test_what_a_type_requires_is_required_of_that_type_alone():
    always = ("event_id", "user_id", "mentor_id", "timestamp")
    types = (
        EventType("booking_cancelled", (*always, "cancelled_by"), ()),
        EventType("booking_requested", always, ("cancelled_by",)),
    )
    cancelled = event("e1", event_type=" Booking_Cancelled ")
    given = [cancelled, cancelled | {"cancelled_by": " "}, cancelled | {"cancelled_by": "user"}, event("e2")]
    given.append(event("e3", event_type="session_started"))
    assert reasons(types, *given) == ["missing_cancelled_by", "missing_cancelled_by", None, None, "unknown_event_type"]


@pytest.mark.parametrize("name", always_required())
def test_an_event_without_what_every_type_requires_is_rejected(name):
    lacking = [event("e1", event_type=kind.name, rating=3) | {name: None} for kind in EVENT_TYPES]
    found = dict(zip([kind.name for kind in EVENT_TYPES], reasons(EVENT_TYPES, *lacking), strict=True))
    assert {kind for kind, reason in found.items() if reason is None} == set(exempt(name))
    assert set(found.values()) - {None} == {f"missing_{name}"}


def test_the_optional_types_are_those_that_the_metrics_leave_out_of_bookings():
    assert tuple(kind.name for kind in EVENT_TYPES if kind.is_optional) == OPTIONAL_EVENTS
    assert str(OPTIONAL_EVENTS) == f"({', '.join(repr(name) for name in OPTIONAL_EVENTS)})"


RATINGS = {"1": None, " +5 ": None, "05": None, "0": "invalid_rating", "6": "invalid_rating", "x": "invalid_rating"}
RATINGS |= {"5.0": "invalid_rating", "-1": "invalid_rating", " ": "missing_rating", "9" * 30: "invalid_rating"}
OTHERS = [(5, None), (0, "invalid_rating"), (2.5, "invalid_rating"), (True, "invalid_rating")]
OTHERS += [(None, "missing_rating"), ([3], "invalid_rating"), ({}, "invalid_rating")]


@pytest.mark.parametrize(("rating", "reason"), [*RATINGS.items(), *OTHERS], ids=repr)
def test_a_rating_is_a_whole_number_from_1_to_5(rating, reason):
    assert reasons(EVENT_TYPES, event("e1", event_type="session_reviewed", rating=rating)) == [reason]


def test_what_only_optional_events_have_is_not_read_of_another_event(data_folder, warehouse):
    """An event that said so before there were optional events is the same event, and no conflict."""
    odd = {"rating": "x", "signup_source": "ad", "churn_reason": "left", "viewed_from": "search"}
    (*_, first) = ingest(warehouse, data_folder(events=[event("e1")]))
    (*_, again) = ingest(warehouse, data_folder(events=[event("e1") | odd, event("e2") | odd]))
    assert (first.rows_loaded, again.rows_loaded, again.rows_known, again.rows_rejected) == (1, 1, 1, 0)
    assert again.notes == (f"columns that are not loaded: {', '.join(sorted(odd))}",)
    with duckdb.connect(str(warehouse)) as connection:
        rows = connection.execute(f"SELECT DISTINCT {', '.join(odd)} FROM raw.booking_events").fetchall()
    assert rows == [(None, None, None, None)]


def test_optional_events_are_loaded_and_kept_and_a_review_is_not(data_folder, warehouse):
    user_alone = {key: value for key, value in event("").items() if key != "mentor_id"}
    events = [
        user_alone | {"event_id": "s", "event_type": "User_Signed_Up", "signup_source": " ad "},
        user_alone | {"event_id": "a", "event_type": "user_activated", "mentor_id": ""},
        user_alone | {"event_id": "c", "event_type": "user_churned", "churn_reason": "too dear"},
        event("v", event_type="mentor_profile_viewed", viewed_from="search"),
        event("r", event_type="session_reviewed", rating="4", review_text="Ada is great"),
        event("x", event_type="session_reviewed", rating=0, review_text='Ada \\ "is" great'),
        user_alone | {"event_id": "w", "event_type": "mentor_profile_viewed"},
    ]
    (*_, load) = ingest(warehouse, data_folder(events=events))
    assert (load.rows_loaded, load.rows_rejected) == (5, 2)
    assert load.notes == ("columns that are not loaded: review_text",)
    with duckdb.connect(str(warehouse)) as connection:
        kept = connection.execute(
            "SELECT event_id, event_type, mentor_id, signup_source, churn_reason, viewed_from, rating "
            "FROM raw.booking_events ORDER BY event_id"
        ).fetchall()
        rejected = connection.execute("SELECT reason, raw_text FROM raw.rejected_rows ORDER BY position").fetchall()
    assert kept == [
        ("a", "user_activated", None, None, None, None, None),
        ("c", "user_churned", None, None, "too dear", None, None),
        ("r", "session_reviewed", "M-1", None, None, None, 4),
        ("s", "user_signed_up", None, "ad", None, None, None),
        ("v", "mentor_profile_viewed", "M-1", None, None, "search", None),
    ]
    assert [reason for reason, _ in rejected] == ["invalid_rating", "missing_mentor_id"]
    assert json.loads(rejected[0][1]) == events[5] | {"review_text": None}


EARLIER_RAW_EVENTS = """
    CREATE SCHEMA raw;
    CREATE TABLE raw.booking_events (
        event_id VARCHAR NOT NULL, user_id BIGINT NOT NULL, mentor_id VARCHAR NOT NULL,
        occurred_at TIMESTAMP NOT NULL, event_type VARCHAR NOT NULL,
        cancelled_by VARCHAR, cancellation_reason VARCHAR, confirmed_start_time VARCHAR,
        requested_duration_minutes VARCHAR, duration_seconds VARCHAR, load_id BIGINT NOT NULL
    );
"""


def test_a_warehouse_from_before_there_were_optional_events_is_extended(data_folder, warehouse):
    folder = data_folder(events=[event("e1")])
    ingest(warehouse, folder)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("ALTER TABLE raw.booking_events RENAME TO newer")
        connection.execute(EARLIER_RAW_EVENTS.replace("CREATE SCHEMA raw;", ""))
        connection.execute(
            "INSERT INTO raw.booking_events BY NAME SELECT * EXCLUDE (signup_source, churn_reason, "
            "viewed_from, rating) FROM raw.newer"
        )
        connection.execute("DROP TABLE raw.newer")
    # The files are the same, the tables are not.
    assert unchanged_loads(load_settings(warehouse=warehouse), find_sources(folder)) == []
    assert [load.outcome for load in ingest(warehouse, folder)] == ["unchanged"] * 3
    assert len(unchanged_loads(load_settings(warehouse=warehouse), find_sources(folder))) == 3
    churned = {key: value for key, value in event("c", event_type="user_churned").items() if key != "mentor_id"}
    (*_, load) = ingest(warehouse, data_folder(events=[event("e1"), churned]))
    assert (load.rows_loaded, load.rows_known, load.rows_rejected) == (1, 1, 0)


@pytest.mark.parametrize("source", ["sample", "population"])
def test_simulated_events_say_what_they_must_and_nothing_else(source):
    if source == "sample":
        events = sample().events
    else:
        events = [json.loads(line) for line in simulate(Scenario(users=200, dirt=0)).events["line"]]
    kinds = {kind.name: kind for kind in EVENT_TYPES}
    assert {event["event_type"] for event in events} == {kind.name for kind in EVENT_TYPES if not kind.is_optional}
    for said in events:
        kind = kinds[said["event_type"]]
        assert {*kind.required, "event_type"} <= set(said) <= {*kind.required, *kind.optional, "event_type"}
