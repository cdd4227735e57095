"""What the metrics read: the marts of one environment, as of one moment.

The report models read the same tables unbound, so that one definition of each metric serves both.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import ibis
from ibis.expr.types import StringValue, Table, TimestampValue

Moment: TypeAlias = datetime.datetime | TimestampValue

COLUMNS = {
    "fct_sessions": {
        "session_id": "string",
        "user_id": "int64",
        "mentor_id": "string",
        "started_at": "timestamp",
        "ended_at": "timestamp",
        "end_recorded_at": "timestamp",
        "duration_minutes": "float64",
        "is_duration_estimated": "boolean",
        "booking_id": "string",
        "last_event_at": "timestamp",
        "load_id": "int64",
    },
    "fct_bookings": {
        "booking_id": "string",
        "user_id": "int64",
        "mentor_id": "string",
        "requested_at": "timestamp",
        "booking_status": "string",
        "confirmed_at": "timestamp",
        "agreed_start_at": "timestamp",
        "cancelled_at": "timestamp",
        "cancelled_by": "string",
        "cancellation_reason": "string",
        "requested_duration_minutes": "int64",
        "session_started_at": "timestamp",
        "session_id": "string",
        "is_confirmation_missing": "boolean",
        "is_rescheduled": "boolean",
        "next_requested_at": "timestamp",
        "last_event_at": "timestamp",
        "load_id": "int64",
    },
    "dim_mentors": {
        "mentor_id": "string",
        "tier": "string",
        "hourly_rate": "decimal(18, 4)",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "loaded_at": "timestamp",
        "load_id": "int64",
        "recorded_to": "timestamp",
    },
    "dim_users": {
        "user_id": "int64",
        "company_id": "string",
        "status": "string",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "loaded_at": "timestamp",
        "load_id": "int64",
        "recorded_to": "timestamp",
    },
    "stg_events": {
        "event_id": "string",
        "user_id": "int64",
        "mentor_id": "string",
        "occurred_at": "timestamp",
        "event_type": "string",
        "churn_reason": "string",
        "rating": "int64",
        "load_id": "int64",
    },
}
# What other reports are counted from.
REPORT_COLUMNS = {
    "rpt_user_outcomes": {
        "user_id": "int64",
        "mentor_id": "string",
        "first_at": "timestamp",
        "next_at": "timestamp",
        "is_rebooked": "boolean",
        "is_mature": "boolean",
        "tier": "string",
        "built_from": "string",
    },
}
_SCHEMAS = {"stg": "staging", "rpt": "reports"}


def schema_of(name: str) -> str:
    """The schema of a model, as prod names it."""
    return _SCHEMAS.get(name.split("_")[0], "marts")


def mart(name: str) -> Table:
    """An unbound table of one mart, of `stg_events` or of `rpt_user_outcomes`, as SQLMesh names it."""
    return ibis.table((COLUMNS | REPORT_COLUMNS)[name], name=name, database=schema_of(name))


@dataclass(frozen=True)
class Marts:
    """The marts as of one moment, UTC.

    `sessions` and `bookings` are shaped like the facts. `users` has one row per known user, `user_id,
    company_id, status`. `mentors` has one row per version of a mentor that has begun, `mentor_id, tier,
    hourly_rate, valid_from`. `events` has one row per event, optional ones too, `event_id, user_id, mentor_id,
    occurred_at, event_type, churn_reason, rating, load_id`.
    """

    as_of: Moment
    sessions: Table
    bookings: Table
    users: Table
    mentors: Table
    events: Table


def latest_marts(table: Callable[[str], Table], as_of: Moment | None = None) -> Marts:
    """Everything that the environment has taken in; users and mentors as the latest export and sheet have them.

    An export or a sheet may be newer than the latest event: what it says without a date holds from its load.

    Args:
        table: gives a table of `COLUMNS` by its name.
        as_of: the latest event, where it is known already.
    """
    sessions, bookings = table("fct_sessions"), table("fct_bookings")
    latest = latest_event(sessions, bookings) if as_of is None else as_of

    def held(name: str) -> tuple[Table, Moment]:
        versions = held_now(table(name))
        return versions, ibis.greatest(latest, versions.select("loaded_at").loaded_at.max().as_scalar())

    return Marts(
        latest,
        sessions,
        bookings,
        _users_at(*held("dim_users")),
        _mentors_at(*held("dim_mentors")),
        table("stg_events"),
    )


def marts_at(table: Callable[[str], Table], as_of: datetime.datetime, default_session_minutes: int) -> Marts:
    """The marts as they would be had nothing after `as_of`, naive UTC, happened.

    Args:
        table: gives a table of `COLUMNS` by its name.
        default_session_minutes: the length of a session whose end is not seen yet.
    """
    return Marts(
        as_of,
        sessions_at(table("fct_sessions"), as_of, default_session_minutes),
        bookings_at(table("fct_bookings"), as_of),
        _users_at(held_now(table("dim_users")), as_of),
        _mentors_at(held_now(table("dim_mentors")), as_of),
        table("stg_events").filter(ibis._.occurred_at <= as_of),
    )


def latest_event(sessions: Table, bookings: Table) -> TimestampValue:
    """The latest event among those that the facts were built from: the moment that their environment speaks of."""
    events = sessions.select("last_event_at").union(bookings.select("last_event_at"))
    return events.last_event_at.max().as_scalar()


def built_from(table: Callable[[str], Table]) -> StringValue:
    """The newest loads that sessions, bookings, users and mentors hold, such as `7/8/2/3`; 0: it holds nothing.

    What a report is built from: a fact may hold a load before the others do, so that no single one says it.
    """
    held = [table("fct_sessions"), table("fct_bookings"), held_now(table("dim_users")), held_now(table("dim_mentors"))]
    sessions, bookings, users, mentors = (
        ibis.coalesce(each.load_id.max().as_scalar(), 0).cast("string") for each in held
    )
    return sessions + "/" + bookings + "/" + users + "/" + mentors


def held_now(dimension: Table) -> Table:
    """The versions that the warehouse holds to be true now, out of all that it ever recorded."""
    return dimension.filter(dimension.recorded_to.isnull())


def sessions_at(sessions: Table, as_of: datetime.datetime, default_session_minutes: int) -> Table:
    """The sessions that had started by `as_of`; an end whose event comes later is not recorded yet."""
    started = sessions.filter(sessions.started_at <= as_of)
    is_estimated = started.is_duration_estimated | (started.end_recorded_at > as_of)
    return started.mutate(
        is_duration_estimated=is_estimated,
        end_recorded_at=ibis.ifelse(is_estimated, ibis.null("timestamp"), started.end_recorded_at),
        ended_at=ibis.ifelse(
            is_estimated, started.started_at + ibis.interval(minutes=default_session_minutes), started.ended_at
        ),
        duration_minutes=ibis.ifelse(is_estimated, float(default_session_minutes), started.duration_minutes),
    )


def bookings_at(bookings: Table, as_of: datetime.datetime) -> Table:
    """The bookings that were asked for by `as_of`, each with the status that it had then."""

    def seen(moment: TimestampValue) -> TimestampValue:
        return ibis.ifelse(moment <= as_of, moment, ibis.null("timestamp"))

    times = {
        name: seen(bookings[name])
        for name in ("confirmed_at", "cancelled_at", "session_started_at", "next_requested_at")
    }
    asked = bookings.filter(bookings.requested_at <= as_of).mutate(**times)
    is_confirmed, is_cancelled, is_attended = (
        asked[name].notnull() for name in ("confirmed_at", "cancelled_at", "session_started_at")
    )
    no_text = ibis.null("string")
    return asked.mutate(
        booking_status=ibis.cases(
            (is_cancelled, "cancelled"),
            (is_attended, "attended"),
            (is_confirmed, "confirmed"),
            else_="pending",
        ),
        agreed_start_at=ibis.ifelse(is_confirmed, asked.agreed_start_at, ibis.null("timestamp")),
        cancelled_by=ibis.ifelse(is_cancelled, asked.cancelled_by, no_text),
        cancellation_reason=ibis.ifelse(is_cancelled, asked.cancellation_reason, no_text),
        session_id=ibis.ifelse(is_attended, asked.session_id, no_text),
        is_confirmation_missing=is_attended & asked.is_confirmation_missing,
        is_rescheduled=asked.is_rescheduled & is_cancelled & asked.next_requested_at.notnull(),
    )


def _users_at(versions: Table, moment: Moment) -> Table:
    held = versions.filter((versions.valid_from <= moment) & (versions.valid_to > moment))
    return held.select("user_id", "company_id", "status")


def _mentors_at(versions: Table, moment: Moment) -> Table:
    return versions.filter(versions.valid_from <= moment).select("mentor_id", "tier", "hourly_rate", "valid_from")
