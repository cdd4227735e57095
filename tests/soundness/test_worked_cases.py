"""Cases worked out by hand, from raw files to the facts and the answer.

Each user is a case of its own, all loaded and built together. All times are in February 2023, UTC:
`at("3 10:00")` is the third at ten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import duckdb
import pytest

from tests.test_answer import answer, run

TYPES = {
    "request": "booking_requested",
    "confirm": "booking_confirmed",
    "cancel": "booking_cancelled",
    "start": "session_started",
    "end": "session_ended",
}


def at(text: str) -> str:
    day, time = text.split()
    return f"2023-02-{int(day):02} {time}"


# Each case: its events `(what, when)` with mentor M-1, then what must come out.
# Bookings: (status, requested at, rescheduled). Sessions: (start, minutes, end estimated, has a booking).
CASES = {
    "cancelled and asked again at the same instant": (
        [
            ("request", "1 10:00"),
            ("cancel", "2 10:00"),
            ("request", "2 10:00"),
            ("start", "3 10:00"),
            ("end", "3 11:00"),
        ],
        [("cancelled", "1 10:00", True), ("attended", "2 10:00", False)],
        [("3 10:00", 60, False, True)],
    ),
    "confirmed, then cancelled": (
        [("request", "1 10:00"), ("confirm", "1 11:00"), ("cancel", "1 12:00")],
        [("cancelled", "1 10:00", False)],
        [],
    ),
    "cancelled, then a session all the same": (
        [("request", "1 10:00"), ("cancel", "1 12:00"), ("start", "2 10:00"), ("end", "2 10:15")],
        [("cancelled", "1 10:00", False)],
        [("2 10:00", 15, False, False)],
    ),
    "missing end": (
        [("request", "1 10:00"), ("start", "2 10:00"), ("start", "3 10:00"), ("end", "3 10:40")],
        [("attended", "1 10:00", False)],
        [("2 10:00", 30, True, True), ("3 10:00", 40, False, False)],
    ),
    "end at the next start's instant": (
        [("start", "2 10:00"), ("end", "2 11:00"), ("start", "2 11:00"), ("end", "2 12:30")],
        [],
        [("2 10:00", 60, False, False), ("2 11:00", 90, False, False)],
    ),
    "end too late to be this session's": (
        [("start", "2 10:00"), ("end", "3 10:01")],
        [],
        [("2 10:00", 30, True, False)],
    ),
    "double-fired webhooks": (
        [
            ("request", "1 10:00"),
            ("request", "1 10:00"),
            ("start", "2 10:00"),
            ("start", "2 10:00"),
            ("end", "2 10:20"),
        ],
        [("attended", "1 10:00", False)],
        [("2 10:00", 20, False, True)],
    ),
    "walk-in": ([("start", "2 10:00"), ("end", "2 10:20")], [], [("2 10:00", 20, False, False)]),
    "confirmation after the session": (
        [("request", "1 10:00"), ("start", "2 10:00"), ("end", "2 10:20"), ("confirm", "2 11:00")],
        [("attended", "1 10:00", False)],
        [("2 10:00", 20, False, True)],
    ),
    "everything at one instant": (
        # An end, a cancellation, then a request, its confirmation and the session.
        [
            ("start", "2 10:00"),
            ("confirm", "2 10:00"),
            ("request", "2 10:00"),
            ("cancel", "2 10:00"),
            ("end", "2 10:00"),
        ],
        [("attended", "2 10:00", False)],
        [("2 10:00", 30, True, True)],
    ),
    "asked twice, the first never answered": (
        [("request", "1 10:00"), ("request", "2 10:00"), ("confirm", "2 11:00")],
        [("pending", "1 10:00", False), ("confirmed", "2 10:00", False)],
        [],
    ),
}
NUMBER = {name: number for number, name in enumerate(CASES, start=1)}
MIXED_IDS, OFFSETS, REPEATED = 101, 102, 103


def events() -> Iterator[dict]:
    for name, (steps, _, _) in CASES.items():
        for step, (what, when) in enumerate(steps):
            yield {
                "event_id": f"{NUMBER[name]}-{step}",
                "user_id": NUMBER[name],
                "mentor_id": "M-1",
                "timestamp": at(when),
                "event_type": TYPES[what],
            }
    start, end = "session_started", "session_ended"
    yield {"event_id": "i1", "user_id": "101", "mentor_id": "M-1", "timestamp": at("2 10:00"), "event_type": start}
    yield {"event_id": "i2", "user_id": 101, "mentor_id": " M-1 ", "timestamp": at("2 10:50"), "event_type": end}
    # 10:00 UTC in three spellings of place and type, then the end at 10:45 UTC.
    for number, time in enumerate(("2023-02-02T12:00:00+02:00", "2023-02-02T05:00:00-05:00", "2023-02-02T10:00:00Z")):
        yield {"event_id": f"o{number}", "user_id": OFFSETS, "mentor_id": "M-1", "timestamp": time, "event_type": start}
    yield {
        "event_id": "o9",
        "user_id": OFFSETS,
        "mentor_id": "M-1",
        "timestamp": "2023-02-02T16:15:00+05:30",
        "event_type": " SESSION_ENDED ",
    }
    for _ in range(2):
        yield {
            "event_id": "r1",
            "user_id": REPEATED,
            "mentor_id": "M-1",
            "timestamp": at("2 10:00"),
            "event_type": start,
        }
    # Another mentor under the same event id: refused.
    yield {"event_id": "r1", "user_id": REPEATED, "mentor_id": "M-2", "timestamp": at("2 10:00"), "event_type": start}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    users = sorted([*NUMBER.values(), MIXED_IDS, OFFSETS, REPEATED])
    rows = "".join(f"{user},7,2023-01-01,active\n" for user in users)
    (folder / "users_db_export.csv").write_text("user_id,company_id,signup_date,status\n" + rows)
    (folder / "mentor_tiers.csv").write_text("mentor_id,tier,hourly_rate\nM-1, gOLD ,200\nM-2,Silver,100\n")
    # In reverse: the order of the file says nothing, but for what an id says twice.
    stream = [event for event in reversed(list(events())) if event["event_id"] != "r1"]
    stream += [event for event in events() if event["event_id"] == "r1"]
    (folder / "booking_events.json").write_text(json.dumps(stream))
    file = folder / "warehouse.duckdb"
    run(file, "refresh", "--data", str(folder))
    return file


def rows(warehouse, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def sessions(warehouse, user: int) -> list[tuple]:
    return rows(
        warehouse,
        f"""
        SELECT STRFTIME(started_at, '%-d %H:%M'), duration_minutes, is_duration_estimated, booking_id IS NOT NULL
        FROM marts.fct_sessions WHERE user_id = {user} ORDER BY started_at
        """,
    )


@pytest.mark.parametrize("name", CASES)
def test_case(warehouse, name):
    _, bookings, expected = CASES[name]
    found = rows(
        warehouse,
        f"""
        SELECT booking_status, STRFTIME(requested_at, '%-d %H:%M'), is_rescheduled
        FROM marts.fct_bookings WHERE user_id = {NUMBER[name]} ORDER BY requested_at
        """,
    )
    assert found == bookings
    assert sessions(warehouse, NUMBER[name]) == expected


def test_ids_as_numbers_and_as_text_are_one_user(warehouse):
    assert sessions(warehouse, MIXED_IDS) == [("2 10:00", 50, False, False)]


def test_one_instant_in_three_time_zones_is_one_session(warehouse):
    assert sessions(warehouse, OFFSETS) == [("2 10:00", 45, False, False)]


def test_an_event_id_told_twice_counts_once(warehouse):
    assert sessions(warehouse, REPEATED) == [("2 10:00", 30, True, False)]
    assert rows(warehouse, "SELECT reason FROM raw.rejected_rows") == [("conflicting_event_id",)]


def test_who_came_back(warehouse):
    """Of the ten users with a session, those with a second one later: missing end, end at the next start's instant."""
    (gold,) = [row for row in answer(warehouse)["rebooking"]["sessions"]["tiers"] if row["tier"] == "Gold"]
    with_session = {name for name, (_, _, found) in CASES.items() if found}
    came_back = {name for name, (_, _, found) in CASES.items() if len(found) > 1}
    assert came_back == {"missing end", "end at the next start's instant"}
    assert (gold["users"], gold["rebooked"]) == (len(with_session) + 3, len(came_back))
