"""How fresh the data are: ages by a clock that is given, weeks counted again in plain Python, and where it is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.metrics.definitions import checksums
from engines.duckdb import DuckDB, DuckDBReader
from pipeline.refresh import refresh
from pipeline.run_log import Run
from settings import load_settings
from tests.answer_schema import assert_documented
from tests.conftest import EXAMPLES_FACTOR, MENTORS_CSV, event
from tests.test_answer import run
from warehouse.answers import answer_from_warehouse
from warehouse.differences import differences
from warehouse.environments import Environment
from warehouse.freshness import read_freshness, stale_remarks, volume_remarks
from warehouse.status import read_status
from warehouse.trial import plan_from_warehouse

NEWEST = datetime(2023, 6, 1, 10, 30)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# The session of the fixture `refreshed`.
SESSION = datetime(2023, 2, 2, 10, tzinfo=UTC)
STALE = (
    "prod is stale: its newest event, of 2023-02-02T10:00:00Z, is older than max_feed_age_hours = 48; "
    "check that the booking tool still sends events, then run: python cli.py refresh"
)


def environment(as_of: datetime | None = NEWEST, newest_load: int = 1, name: str = "prod") -> Environment:
    taken_in = {"loads": 1, "events": 1, "waiting_loads": 0, "waiting_events": 0}
    return Environment(name, as_of, newest_load, taken_in, False, False, [], False, False, {}, {})


def warehouse_of(events: list[tuple[datetime, int]], loads: list[tuple[int, str, int, datetime]] = ()):
    """A warehouse of events with their loads, and of loads with the rows that they loaded."""
    connection = duckdb.connect()
    connection.execute("""
        CREATE SCHEMA raw;
        CREATE SCHEMA staging;
        CREATE TABLE staging.stg_events (
            occurred_at TIMESTAMP, load_id BIGINT, event_type TEXT DEFAULT 'session_started'
        );
        CREATE TABLE raw.loads (load_id BIGINT, source VARCHAR, rows_loaded BIGINT, loaded_at TIMESTAMP)
    """)
    if events:
        connection.executemany("INSERT INTO staging.stg_events (occurred_at, load_id) VALUES (?, ?)", events)
    if loads:
        connection.executemany("INSERT INTO raw.loads VALUES (?, ?, ?, ?)", loads)
    return connection


def freshness(connection, stands: Environment | None = None, age: timedelta = HOUR, **changes) -> dict:
    stands = stands or environment()
    reader = DuckDBReader(connection, "a warehouse of a few rows")
    now = (stands.as_of or NEWEST).replace(tzinfo=UTC) + age
    return read_freshness(reader, stands, load_settings(**changes), now, reports_say_now=False)


def weeks(ages: list[timedelta]) -> list[int]:
    """Events of each of the nine weeks, the latest first: its end belongs to it, its beginning does not."""
    ends = [NEWEST - 7 * number * DAY for number in range(9)]
    return [sum(end - 7 * DAY < NEWEST - age <= end for age in ages) for end in ends]


@settings(max_examples=60 * EXAMPLES_FACTOR, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(0, 80 * 24 * 3600 * 10**6).map(lambda microseconds: timedelta(microseconds=microseconds)),
            st.integers(0, 10).map(lambda number: 7 * number * DAY),
        ),
        max_size=60,
    )
)
def test_the_weeks_are_those_of_a_count_by_hand(ages):
    ages = [timedelta(0), *ages]
    with warehouse_of([(NEWEST - age, 1) for age in ages]) as connection:
        week = freshness(connection)["week"]
    latest, *before = weeks(ages)
    assert week["events"] == latest
    if max(ages) < 63 * DAY:
        assert week["expected"] is week["lowest"] is week["highest"] is week["is_unusual"] is None
    else:
        assert (week["expected"], week["lowest"], week["highest"]) == (sum(before) / 8, min(before), max(before))
        assert week["is_unusual"] == (2 * latest < min(before) or latest > 2 * max(before))


def evenly(latest: int, *before: int) -> list[tuple[datetime, int]]:
    """So many events in the latest week and in each of those before, and one of before them all."""
    counts = [latest, *(before[number % len(before)] for number in range(8)), 1]
    return [
        (NEWEST - 7 * number * DAY - place * timedelta(minutes=1), 1)
        for number, count in enumerate(counts)
        for place in range(count)
    ]


@pytest.mark.parametrize(
    ("latest", "before", "remark"),
    [
        (5, (10, 20), None),
        (40, (10, 20), None),
        (4, (10, 20), "prod has 4 events in the seven days up to the newest one, fewer than half of the lowest of the"),
        (1, (3,), "prod has 1 event in the seven days up to the newest one, fewer than half of the lowest of the"),
        (41, (10, 20), "prod has 41 events in the seven days up to the newest one, more than twice the highest of the"),
        (1, (0,), "more than twice the highest of the 8 weeks before (0 to 0)"),
    ],
)
def test_a_week_is_unusual_beyond_half_and_twice_what_the_eight_before_had(latest, before, remark):
    with warehouse_of(evenly(latest, *before)) as connection:
        week = freshness(connection)["week"]
    found = volume_remarks("prod", week)
    assert week["is_unusual"] == bool(found) == bool(remark)
    assert all(remark in line for line in found)


def test_only_what_the_environment_has_taken_in_counts():
    taken_in = evenly(5, 5)
    with warehouse_of(taken_in) as connection:
        expected = freshness(connection)
    with warehouse_of([*taken_in, (NEWEST - HOUR, 2), (NEWEST + HOUR, 1)]) as connection:
        assert freshness(connection) == expected
        assert freshness(connection, environment(newest_load=2))["week"]["events"] == 6


@pytest.mark.parametrize(
    ("age", "limit", "status", "hours"),
    [
        (48 * HOUR, 48, "fresh", 48),
        (48 * HOUR + timedelta(seconds=1), 48, "stale", 48 + 1 / 3600),
        (-3 * HOUR, 48, "fresh", -3),
        (48 * HOUR, 47, "stale", 48),
        (10_000 * HOUR, None, "not_checked", 10_000),
    ],
)
def test_the_age_is_held_to_the_setting(age, limit, status, hours):
    limits = {"max_feed_age_hours": limit}
    with warehouse_of([(NEWEST, 1)]) as connection:
        found = freshness(connection, age=age, **limits)
    assert (found["status"], found["max_age_hours"]) == (status, limit)
    assert found["age_hours"] == pytest.approx(hours, abs=1e-9)
    assert found["newest_event"] == "2023-06-01T10:30:00Z"
    remarks = stale_remarks(environment(), load_settings(**limits), NEWEST.replace(tzinfo=UTC) + age)
    assert bool(remarks) == (status == "stale")


def test_without_events_nothing_is_stale():
    with warehouse_of([]) as connection:
        found = freshness(connection, environment(as_of=None), max_feed_age_hours=1)
    assert found["status"] == "no_data"
    assert found["newest_event"] is found["age_hours"] is found["week"] is None
    assert stale_remarks(environment(as_of=None), load_settings(max_feed_age_hours=1), SESSION) == []


def test_a_file_is_as_old_as_its_last_new_row():
    loads = [
        (1, "users", 5, datetime(2023, 1, 1)),
        (2, "mentors", 0, datetime(2023, 1, 1)),
        (3, "users", 1, datetime(2023, 1, 5, 4, 17, 0, 250_000)),
        (4, "users", 0, datetime(2023, 1, 9)),
    ]
    with warehouse_of([(NEWEST, 1)], loads) as connection:
        assert freshness(connection)["files"] == [
            {"source": "users", "last_new_row": "2023-01-05T04:17:00Z"},
            {"source": "mentors", "last_new_row": None},
        ]


def test_an_environment_other_than_prod_is_refreshed_by_its_name():
    (line,) = stale_remarks(
        environment(name="dev"), load_settings(max_feed_age_hours=1), NEWEST.replace(tzinfo=UTC) + DAY
    )
    assert line.startswith("dev is stale: ")
    assert line.endswith("then run: python cli.py refresh --env dev")


def test_nothing_else_in_an_answer_depends_on_the_clock(refreshed):
    asked = load_settings(warehouse=refreshed, max_feed_age_hours=48)
    early, late = (answer_from_warehouse(asked, "prod", None, now=SESSION + age) for age in (2 * HOUR, 3 * DAY))
    for document, answered_at, hours, status in (
        (early, "2023-02-02T12:00:00Z", 2, "fresh"),
        (late, "2023-02-05T10:00:00Z", 72, "stale"),
    ):
        assert_documented(document)
        assert document["parameters"].pop("answered_at") == answered_at
        found = document.pop("freshness")
        assert (found["age_hours"], found["status"]) == (hours, status)
        assert [row["source"] for row in found["files"]] == ["users", "mentors", "booking_events"]
    assert late.pop("warnings") == [STALE, *early.pop("warnings")]
    assert late == early


def test_an_answer_of_an_earlier_moment_says_how_fresh_the_environment_is(refreshed):
    asked = load_settings(warehouse=refreshed)
    now, then = (
        answer_from_warehouse(asked, "prod", as_of, now=SESSION + DAY) for as_of in (None, "2023-02-01T11:00:00Z")
    )
    assert then["parameters"]["as_of"] != now["parameters"]["as_of"]
    assert then["freshness"] == now["freshness"]


def test_environments_are_not_compared_by_when_they_were_asked(refreshed):
    assert differences(load_settings(warehouse=refreshed), "prod", "prod", None).figures == []


@pytest.mark.parametrize(
    ("age", "limit", "status", "remarks"),
    [(2 * HOUR, 48, "fresh", []), (3 * DAY, 48, "stale", [STALE]), (3 * DAY, None, "not_checked", [])],
)
def test_the_status_of_an_environment_has_its_freshness(refreshed, age, limit, status, remarks):
    asked = load_settings(warehouse=refreshed, max_feed_age_hours=limit)
    with DuckDB().reading(asked) as reader:
        (found,) = read_status(reader, asked, checksums(), SESSION + age)
    assert found["freshness"]["status"] == status
    assert (found["remarks"], found["notices"]) == (remarks, [])


def test_status_shows_it_and_ends_with_1_where_the_data_are_stale(refreshed, monkeypatch):
    table = run(refreshed, "status").stdout
    assert "since max_feed_age_hours is not set" in table
    assert "The seven days up to it have 2 events; there are not yet eight weeks before to compare with." in table
    assert "\nlast new rows (UTC): users 20" in table
    monkeypatch.setenv("MENTOR_MAX_FEED_AGE_HOURS", "48")
    assert STALE in run(refreshed, "status", exit_code=1).stdout
    found = json.loads(run(refreshed, "status", "--format", "json", exit_code=1).stdout)["environments"][0]
    assert found["freshness"]["status"] == "stale"
    for output in ("table", "markdown"):
        assert "prod is stale: its newest event" in run(refreshed, "answer", "--format", output).stdout
    monkeypatch.setenv("MENTOR_MAX_FEED_AGE_HOURS", "100000")
    assert "  up to date" in run(refreshed, "status").stdout.splitlines()


def test_an_unusual_week_is_worth_a_look_and_no_failure(data_folder, warehouse):
    monday = datetime(2023, 5, 1, 10, tzinfo=UTC)
    times = [monday - 7 * week * DAY for week in range(10)] + [monday - HOUR, monday - 2 * HOUR]
    events = [event(f"e{number}", timestamp=time.isoformat()) for number, time in enumerate(times)]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    told = "prod has 3 events in the seven days up to the newest one, more than twice the highest of the 8 weeks before"
    lines = run(warehouse, "status").stdout.splitlines()
    assert lines[3] == "  up to date"
    assert lines[4].startswith(f"  worth a look: {told} (1 to 1); ")
    (found,) = json.loads(run(warehouse, "status", "--format", "json").stdout)["environments"]
    assert (found["remarks"], len(found["notices"])) == ([], 1)
    assert not any(
        told in warning
        for warning in answer_from_warehouse(load_settings(warehouse=warehouse), "prod", None)["warnings"]
    )


def test_a_refresh_warns_of_stale_data_when_its_work_is_done_also_where_nothing_is_new(
    data_folder, warehouse, logs, monkeypatch
):
    events = [event("e1"), event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z")]
    folder = data_folder(events=events)

    def refreshed_at(moment: datetime, command: str = "refresh", target: str | None = "prod", data=folder) -> list[str]:
        asked = load_settings(warehouse=warehouse, max_feed_age_hours=48)
        one = Run(command, asked, target, data, started_at=moment)
        said: list[str] = []
        found = refresh(one, said.append, lambda _: None)
        assert found == one.warnings
        assert one.outcome in ("done", "unchanged")
        assert [line for line in said if line.startswith("warning: ")] == [f"warning: {line}" for line in found]
        if found:
            assert said[-2].startswith("prod is up to date")
        return found

    assert refreshed_at(SESSION + 2 * HOUR) == []
    assert refreshed_at(SESSION + 48 * HOUR) == []
    assert refreshed_at(SESSION + 3 * DAY) == [STALE]
    assert refreshed_at(SESSION + 3 * DAY, "transform", data=None) == [STALE]
    assert refreshed_at(SESSION + 3 * DAY, "ingest", None) == []
    # New mentors make no event any younger.
    newer = data_folder(events=events, mentors=MENTORS_CSV.replace("Silver", "Bronze"))
    assert refreshed_at(SESSION + 3 * DAY, data=newer) == [STALE]
    latest = event("e3", event_type="session_started", timestamp="2023-02-05T09:00:00Z")
    assert refreshed_at(SESSION + 3 * DAY, data=data_folder(events=[*events, latest])) == []

    monkeypatch.setenv("MENTOR_MAX_FEED_AGE_HOURS", "48")
    assert "warning: prod is stale: " in run(warehouse, "refresh", "--data", str(folder)).stderr
    (logged,) = json.loads(run(warehouse, "history", "--format", "json", "--limit", "1").stdout)
    assert [line.startswith("prod is stale: ") for line in logged["warnings"]] == [True]


def test_a_document_that_does_not_say_how_fresh_the_data_are_does_not_ask(refreshed, monkeypatch):
    def asked(*_):
        raise AssertionError

    monkeypatch.setattr("warehouse.answers.read_freshness", asked)
    assert plan_from_warehouse(load_settings(warehouse=refreshed), "prod", None, 0.1)["status"]
    with pytest.raises(AssertionError):
        answer_from_warehouse(load_settings(warehouse=refreshed), "prod", None)
