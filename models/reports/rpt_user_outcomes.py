"""What each user did after the first session; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import built_from, latest_marts, mart
from analysis.metrics.rebooking import session_visits, user_outcomes, with_tier


@model(
    "reports.rpt_user_outcomes",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per user with a session: the first one, its mentor's tier, and whether the user rebooked.",
    depends_on=["marts.dim_mentors", "marts.dim_users", "marts.fct_bookings", "marts.fct_sessions"],
    extract_dependencies_from_query=False,
    grain=["user_id"],
    references=["mentor_id"],
    column_descriptions={
        "user_id": "The user; may be unknown to the users export",
        "mentor_id": "The mentor of the user's first session",
        "first_at": "UTC start of the user's first session, over all tiers",
        "next_at": "UTC start of the first strictly later session with any mentor; null without one",
        "is_rebooked": "The next session started within the rebooking window",
        "is_mature": "The whole rebooking window lies before the latest event",
        "tier": "The mentor's latest known tier; null for a mentor that no sheet has",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("user_id", "mentor_id", "first_at", "is_rebooked", "is_mature")}),
        ("unique_combination_of_columns", {"columns": exp.array("user_id")}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    window_days = evaluator.var("rebooking_window_days")
    marts = latest_marts(mart)
    outcomes = user_outcomes(session_visits(marts.sessions), window_days, marts.as_of)
    tiered = with_tier(outcomes, marts.mentors, "current", "first_at")
    return sql_for_engine(tiered.mutate(built_from=built_from(mart)), evaluator)
