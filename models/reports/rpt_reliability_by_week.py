"""Reliability of the booking system week by week; the SQL comes from `analysis`."""

import ibis
from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.marts import latest_marts, mart, newest_load
from analysis.metrics.reliability import booking_outcomes, weekly_counts


@model(
    "reports.rpt_reliability_by_week",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per week in which somebody asked for a booking: what became of the week's bookings.",
    grain=["week"],
    column_descriptions={
        "week": "Monday of the week of the request, UTC",
        "bookings": "All bookings asked for: attended + cancelled + no_show + upcoming + orphan + open",
        "attended": "Bookings that led to a session",
        "cancelled": "Bookings cancelled before any session",
        "rescheduled": "Of the cancelled, those asked for again within the reschedule hours",
        "no_show": "Confirmed longer than the grace days before the latest event, without a session",
        "upcoming": "Confirmed within the grace days",
        "orphan": "Requests unanswered for longer than the grace days before the latest event",
        "open": "Requests unanswered within the grace days",
        "load_id": "The newest load that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("week", "bookings")}),
        ("unique_values", {"columns": exp.array("week")}),
        ("assert_bookings_add_up", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> str:
    no_show_grace_days = evaluator.var("no_show_grace_days")
    orphan_grace_days = evaluator.var("orphan_grace_days")
    marts = latest_marts(mart)
    outcomes = booking_outcomes(marts.bookings, marts.as_of, no_show_grace_days, orphan_grace_days)
    counts = weekly_counts(outcomes).mutate(load_id=newest_load(mart))
    return str(ibis.to_sql(counts, dialect="duckdb"))
