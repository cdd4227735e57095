"""Reliability of the booking system as a whole; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import built_from, latest_marts, mart
from analysis.metrics.reliability import double_booking_counts, property_counts, session_counts


@model(
    "reports.rpt_reliability_overall",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per environment: what its sessions and bookings show of the booking system as a whole.",
    depends_on=["marts.dim_mentors", "marts.dim_users", "marts.fct_bookings", "marts.fct_sessions"],
    extract_dependencies_from_query=False,
    grain=["built_from"],
    column_descriptions={
        "sessions": "All sessions: running + estimated_ends + recorded_ends",
        "running": "Sessions without a recorded end that started too shortly before the latest event to be over",
        "estimated_ends": "Other sessions without a recorded end",
        "recorded_ends": "Sessions with a recorded end",
        "walk_ins": "Sessions without a booking",
        "double_booked": "Sessions with a recorded end that start inside another one of the same mentor",
        "double_booked_same_company": "Of these, those that start only inside sessions of users of the same company",
        "agreed_starts": "Bookings with an agreed start",
        "requested_durations": "Bookings that ask for a length",
        "named_cancellers": "Cancelled bookings that say who cancelled",
        "cancellation_reasons": "Cancelled bookings that say why",
        "ends_by_duration": "Sessions whose end is their measured duration after the start",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("sessions", "double_booked", "agreed_starts")}),
        ("assert_sessions_add_up", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    marts = latest_marts(mart)
    sessions = session_counts(marts.sessions, marts.as_of, evaluator.var("max_session_hours"))
    counts = sessions.cross_join(
        double_booking_counts(marts.sessions, marts.users), property_counts(marts.bookings, marts.sessions)
    )
    return sql_for_engine(counts.mutate(built_from=built_from(mart)), evaluator)
