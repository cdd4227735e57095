"""What the event catalogue says of an event's properties holds for loading, for the tables and for simulated files."""

from __future__ import annotations

import json

import duckdb
import pytest

from ingest.event_catalogue import EVENT_TYPES, EventType, always_required, further_properties
from ingest.normalisation import booking_events
from ingest.raw_tables import RAW_TABLES
from simulation.population import Scenario, simulate
from simulation.sample import sample
from tests.conftest import event

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
    assert {name for name, is_required in columns.items() if is_required} == always
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
    lacking = [event("e1", event_type=kind.name) | {name: None} for kind in EVENT_TYPES]
    assert set(reasons(EVENT_TYPES, *lacking)) == {f"missing_{name}"}


@pytest.mark.parametrize("source", ["sample", "population"])
def test_simulated_events_say_what_they_must_and_nothing_else(source):
    if source == "sample":
        events = sample().events
    else:
        events = [json.loads(line) for line in simulate(Scenario(users=200, dirt=0)).events["line"]]
    kinds = {kind.name: kind for kind in EVENT_TYPES}
    assert {event["event_type"] for event in events} == set(kinds)
    for said in events:
        kind = kinds[said["event_type"]]
        assert {*kind.required, "event_type"} <= set(said) <= {*kind.required, *kind.optional, "event_type"}
