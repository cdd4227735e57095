"""Reliability of the booking system week by week; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import built_from, latest_marts, mart
from analysis.metrics.reliability import booking_outcomes, weekly_counts


@model(
    "reports.rpt_reliability_by_week",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per week in which somebody asked for a booking: what became of the week's bookings.",
    depends_on=["marts.dim_mentors", "marts.dim_users", "marts.fct_bookings", "marts.fct_sessions"],
    extract_dependencies_from_query=False,
    grain=["week"],
    column_descriptions={
        "week": "Monday of the week of the request, UTC",
        "bookings": "All bookings asked for: attended + cancelled + no_show + upcoming + orphan + open",
        "attended": "Bookings that led to a session",
        "missing_confirmations": "Of the attended, those without a confirmation before the session",
        "cancelled": "Bookings cancelled before any session",
        "rescheduled": "Of the cancelled, those asked for again within the reschedule hours",
        "no_show": "Confirmed, without a session, and the agreed start, or else the confirmation, is longer than the "
        "grace days before the latest event",
        "upcoming": "Confirmed, without a session, and not older than that",
        "orphan": "Requests unanswered for longer than the grace days before the latest event",
        "open": "Requests unanswered within the grace days",
        "is_cancellation_rate_ripe": "The week is over at the latest event",
        "is_orphan_rate_ripe": "The week has been over for the orphan grace days: none of its requests is open",
        "is_no_show_rate_ripe": "The week has been over for the orphan and the no-show grace days, and none of its "
        "bookings is upcoming",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("week", "bookings")}),
        ("unique_values", {"columns": exp.array("week")}),
        ("assert_bookings_add_up", {}),
        ("assert_ripe_weeks_are_settled", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    no_show_grace_days = evaluator.var("no_show_grace_days")
    orphan_grace_days = evaluator.var("orphan_grace_days")
    marts = latest_marts(mart)
    outcomes = booking_outcomes(marts.bookings, marts.as_of, no_show_grace_days, orphan_grace_days)
    weeks = weekly_counts(outcomes, marts.as_of, no_show_grace_days, orphan_grace_days)
    counts = weeks.mutate(built_from=built_from(mart))
    return sql_for_engine(counts, evaluator)
