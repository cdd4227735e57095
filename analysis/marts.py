"""The columns of the marts that the metrics read, as unbound Ibis tables for the report models."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

COLUMNS = {
    "fct_sessions": {
        "session_id": "string",
        "user_id": "int64",
        "mentor_id": "string",
        "started_at": "timestamp",
        "ended_at": "timestamp",
        "duration_minutes": "float64",
        "is_duration_estimated": "boolean",
        "booking_id": "string",
    },
    "fct_bookings": {
        "booking_id": "string",
        "user_id": "int64",
        "mentor_id": "string",
        "requested_at": "timestamp",
        "booking_status": "string",
        "confirmed_at": "timestamp",
        "cancelled_at": "timestamp",
        "session_started_at": "timestamp",
        "session_id": "string",
        "is_confirmation_missing": "boolean",
        "is_rescheduled": "boolean",
    },
    "dim_mentors": {
        "mentor_id": "string",
        "tier": "string",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
    },
    "dim_users": {
        "user_id": "int64",
        "company_id": "string",
        "status": "string",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
    },
    "stg_events": {
        "event_id": "string",
        "user_id": "int64",
        "mentor_id": "string",
        "occurred_at": "timestamp",
    },
}


def mart(name: str) -> Table:
    """An unbound table of one mart, or of `stg_events`, as SQLMesh names it."""
    schema = "staging" if name.startswith("stg_") else "marts"
    return ibis.table(COLUMNS[name], name=name, database=schema)
