"""Answer documents of a few sessions and bookings: the real thing, from marts of a few rows, without a refresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ibis

from analysis.answer.built import Built
from analysis.answer.document import answer
from analysis.metrics.classes import UNKNOWN
from analysis.metrics.marts import schema_of
from settings import load_settings
from tests import small_marts
from tests.answer_schema import assert_documented

START = datetime(2023, 1, 2, 10)
OPEN = datetime(9999, 12, 31)
ANSWERED_AT = datetime(2024, 1, 1, tzinfo=UTC)
MENTORS = [
    {"mentor_id": f"M-{number}", "tier": tier, "valid_from": datetime(1970, 1, 1), "valid_to": OPEN}
    for number, tier in enumerate(
        ("Gold", "Gold", "Silver", "Silver", "Bronze", *["Gold"] * 3, *["Silver"] * 4), start=1
    )
]


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def session(user_id: int, mentor: int, moment: datetime, name: str = "") -> dict:
    name = name or f"{user_id}-{mentor}-{moment}"
    row = {"session_id": name, "user_id": user_id, "mentor_id": f"M-{mentor}", "started_at": moment}
    return row | {"is_duration_estimated": False}


def booking(user_id: int, mentor: int, moment: datetime, status: str, **times: datetime) -> dict:
    row = {"booking_id": f"{user_id}-{mentor}-{moment}", "user_id": user_id, "mentor_id": f"M-{mentor}"}
    return row | {"requested_at": moment, "booking_status": status, "is_rescheduled": False} | times


def user(user_id: int, company_id: str = "c", status: str = "active") -> dict:
    return {"user_id": user_id, "company_id": company_id, "status": status, "valid_from": START, "valid_to": OPEN}


def filled(sessions: list[dict] = (), bookings: list[dict] = (), users: list[dict] = (), until: float = 200) -> dict:
    latest = {"event_id": "e", "user_id": 1, "mentor_id": "M-1", "occurred_at": day(until)}
    latest |= {"event_type": "booking_requested", "load_id": 1}
    return {
        "fct_sessions": [row | {"last_event_at": day(until)} for row in sessions],
        "fct_bookings": list(bookings),
        "dim_users": list(users),
        "dim_mentors": MENTORS,
        "stg_events": [latest],
    }


def busy() -> dict:
    """Sixty users over five mentors and three months; half of Gold's and a quarter of the others' come back."""
    sessions, bookings = [], []
    for number in range(60):
        mentor, moment = number % 5 + 1, day(number * 1.5)
        sessions.append(session(number, mentor, moment))
        if number // 5 % (2 if mentor < 3 else 5) == 0:
            sessions.append(session(number, mentor % 5 + 1, moment + timedelta(days=3 + number % 20)))
    for row in sessions:
        asked = row["started_at"] - timedelta(days=1)
        mentor = int(row["mentor_id"][2:])
        bookings.append(
            booking(
                row["user_id"],
                mentor,
                asked,
                "attended",
                confirmed_at=asked + timedelta(hours=1),
                session_started_at=row["started_at"],
                requested_duration_minutes=45,
            )
        )
        row |= {"booking_id": bookings[-1]["booking_id"], "duration_minutes": 40 + row["user_id"] % 10}
    bookings += [
        booking(
            user_id,
            2,
            day(43),
            "cancelled",
            cancelled_at=day(44),
            agreed_start_at=day(44 + user_id / 4),
            cancelled_by=(None, "user", "mentor")[user_id % 3],
            cancellation_reason=(None, "no longer needed")[user_id % 2],
        )
        for user_id in range(12)
    ]
    bookings += [
        booking(1, 1, day(80), "cancelled", cancelled_at=day(81)),
        booking(2, 1, day(80), "pending"),
        booking(3, 1, day(80), "confirmed", confirmed_at=day(81)),
    ]
    found = filled(sessions, bookings, [user(number, f"c{number % 7}") for number in range(58)], until=95)
    return found | {"stg_events": [*found["stg_events"], *optional_events(sessions)]}


def optional_events(sessions: list[dict]) -> list[dict]:
    """A view of the mentor's profile before and a review after most sessions; every tenth user leaves."""
    events = []
    for number, row in enumerate(sessions):
        said = {"user_id": row["user_id"], "mentor_id": row["mentor_id"], "load_id": 1}
        if number % 4:
            at = {"occurred_at": row["started_at"] - timedelta(days=2)}
            events.append(said | at | {"event_type": "mentor_profile_viewed"})
            at = {"occurred_at": row["started_at"] + timedelta(days=1), "rating": 1 + number % 5}
            events.append(said | at | {"event_type": "session_reviewed"})
        if number % 10 == 3:
            reason = (None, "Too expensive")[number % 20 > 10]
            at = {"occurred_at": day(94), "mentor_id": None, "churn_reason": reason}
            events.append(said | at | {"event_type": "user_churned"})
    return [event | {"event_id": f"o{number}"} for number, event in enumerate(events)]


CASES = {
    "nothing at all": {"dim_mentors": MENTORS},
    "not even a mentor": {},
    "one user": filled([session(1, 1, day(0))], users=[user(1)]),
    "one user whom nobody knows": filled([session(1, 9, day(0))]),
    "one group is empty": filled([session(1, 1, day(0)), session(2, 1, day(0)), session(2, 1, day(5))]),
    "nobody came back": filled([session(n, n % 5 + 1, day(n)) for n in range(10)], users=[user(n) for n in range(10)]),
    "everybody came back": filled([session(n, n % 5 + 1, day(later)) for n in range(10) for later in (n, n + 3)]),
    "nobody is mature": filled(
        [session(n, n % 5 + 1, day(n)) for n in range(10)], users=[user(n) for n in range(10)], until=12
    ),
    "one company": filled(
        [session(n, n % 5 + 1, day(d)) for n in range(20) for d in (n, n + 2)[: 1 + n % 2]],
        users=[user(n) for n in range(20)],
    ),
    "everything at one instant": filled(
        [session(n, mentor, day(0)) for n in (1, 2) for mentor in (1, 3)],
        [booking(1, 1, day(0), "attended", confirmed_at=day(0), session_started_at=day(0))],
        [user(1), user(2, UNKNOWN)],
        until=0,
    ),
    "busy": busy(),
}


def freshness(latest: datetime | None) -> dict:
    age = (ANSWERED_AT - latest.replace(tzinfo=UTC)) / timedelta(hours=1) if latest else None
    week = {"events": 12, "expected": 10.5, "lowest": 8, "highest": 15, "is_unusual": False}
    return {
        "newest_event": latest.isoformat() + "Z" if latest else None,
        "age_hours": age,
        "max_age_hours": None,
        "files": [
            {"source": "users", "last_new_row": "2024-01-01T04:17:00Z"},
            {"source": "mentors", "last_new_row": None},
        ],
        "week": week if latest else None,
        "status": "not_checked" if latest else "no_data",
    }


def document_of(connection, tables: dict, as_of: datetime | None = None, full: bool = True, **changes) -> dict:
    small_marts.fill(connection.con, tables)
    settings = load_settings(**changes)
    latest = max((row["last_event_at"] for row in tables.get("fct_sessions", [])), default=None)
    taken_in = {"loads": 1, "events": 1, "waiting_loads": 0, "waiting_events": 0}
    built = Built("prod", latest, 1, taken_in, settings.model_variables(), [], lambda: freshness(latest), ANSWERED_AT)

    def table(name: str) -> ibis.Table:
        return connection.table(name, database=schema_of(name))

    document = answer(table, settings, built, as_of, full)
    assert_documented(document)
    return document
