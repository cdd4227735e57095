"""Reliability of the booking system by tier; the SQL comes from `analysis`."""

import ibis
from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.marts import mart
from analysis.rebooking import with_tier
from analysis.reliability import booking_outcomes, reliability_counts


@model(
    "reports.rpt_reliability_by_tier",
    is_sql=True,
    kind="FULL",
    allow_partials=True,
    owner="analytics",
    description="One row per tier, and one without a tier for mentors no sheet knew: what became of the bookings.",
    grain=["tier"],
    references=["tier"],
    column_descriptions={
        "tier": "The mentor's latest known tier; null for mentors no sheet knew",
        "bookings": "All bookings: attended + cancelled + no_show + upcoming + orphan + open",
        "attended": "Bookings that led to a session",
        "cancelled": "Bookings cancelled before any session",
        "rescheduled": "Of the cancelled, those asked for again within the reschedule hours",
        "no_show": "Confirmed longer than the grace days before the latest event, without a session",
        "upcoming": "Confirmed within the grace days",
        "orphan": "Requests unanswered for longer than the grace days before the latest event",
        "open": "Requests unanswered within the grace days",
    },
    audits=[
        ("unique_values", {"columns": exp.array("tier")}),
        ("assert_bookings_add_up", {}),
        ("assert_orphan_rate_under_threshold", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> str:
    as_of = mart("stg_events").occurred_at.max().as_scalar()
    bookings = with_tier(mart("fct_bookings"), mart("dim_mentors"), "current", "requested_at")
    no_show_grace_days = evaluator.var("no_show_grace_days")
    orphan_grace_days = evaluator.var("orphan_grace_days")
    outcomes = booking_outcomes(bookings, as_of, no_show_grace_days, orphan_grace_days)
    return str(ibis.to_sql(reliability_counts(outcomes), dialect="duckdb"))
