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
    },
}
_SCHEMAS = {"stg": "staging", "rpt": "reports"}


def schema_of(name: str) -> str:
    """The schema of a model, as prod names it."""
    return _SCHEMAS.get(name.split("_")[0], "marts")


def mart(name: str) -> Table:
    """An unbound table of one mart, of `stg_events` or of `rpt_user_outcomes`, as SQLMesh names it."""
    return ibis.table((COLUMNS | REPORT_COLUMNS)[name], name=name, database=schema_of(name))
