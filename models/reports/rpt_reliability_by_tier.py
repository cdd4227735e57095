"""Reliability of the booking system by tier; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import built_from, latest_marts, mart
from analysis.metrics.rebooking import with_tier
from analysis.metrics.reliability import booking_outcomes, reliability_counts


@model(
    "reports.rpt_reliability_by_tier",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per tier, and one without a tier for mentors that no sheet has: what became of the bookings.",
    depends_on=["marts.dim_mentors", "marts.dim_users", "marts.fct_bookings", "marts.fct_sessions"],
    extract_dependencies_from_query=False,
    grain=["tier"],
    references=["tier"],
    column_descriptions={
        "tier": "The mentor's latest known tier; null for mentors that no sheet has",
        "bookings": "All bookings: attended + cancelled + no_show + upcoming + orphan + open",
        "attended": "Bookings that led to a session",
        "missing_confirmations": "Of the attended, those without a confirmation before the session",
        "cancelled": "Bookings cancelled before any session",
        "rescheduled": "Of the cancelled, those asked for again within the reschedule hours",
        "no_show": "Confirmed, without a session, and the agreed start, or else the confirmation, is longer than the "
        "grace days before the latest event",
        "upcoming": "Confirmed, without a session, and not older than that",
        "orphan": "Requests unanswered for longer than the grace days before the latest event",
        "open": "Requests unanswered within the grace days",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("unique_values", {"columns": exp.array("tier")}),
        ("assert_bookings_add_up", {}),
        ("assert_orphan_rate_under_threshold", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    marts = latest_marts(mart)
    bookings = with_tier(marts.bookings, marts.mentors, "current", "requested_at")
    no_show_grace_days = evaluator.var("no_show_grace_days")
    orphan_grace_days = evaluator.var("orphan_grace_days")
    outcomes = booking_outcomes(bookings, marts.as_of, no_show_grace_days, orphan_grace_days)
    counts = reliability_counts(outcomes).mutate(built_from=built_from(mart))
    return sql_for_engine(counts, evaluator)
