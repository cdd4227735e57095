"""The headline by tier; the SQL comes from `analysis`."""

import ibis
from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.marts import mart
from analysis.rebooking import rebooking_counts, session_visits, user_outcomes, with_tier


@model(
    "reports.rpt_rebooking_by_tier",
    is_sql=True,
    kind="FULL",
    allow_partials=True,
    owner="analytics",
    description="One row per tier: users by the tier of the mentor of their first session, and how many rebooked.",
    grain=["tier"],
    references=["tier"],
    column_descriptions={
        "tier": "The latest known tier of the mentor of the first session",
        "users": "Users whose first session was with a mentor of the tier",
        "rebooked": "Of these, users with a later session within the rebooking window",
        "mature_users": "Users whose whole window lies before the latest event",
        "mature_rebooked": "Of the mature users, those who rebooked",
    },
    audits=[
        ("not_null", {"columns": exp.array("tier", "users", "rebooked", "mature_users", "mature_rebooked")}),
        ("unique_values", {"columns": exp.array("tier")}),
        ("assert_rebooked_are_users", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> str:
    window_days = evaluator.var("rebooking_window_days")
    as_of = mart("stg_events").occurred_at.max().as_scalar()
    outcomes = user_outcomes(session_visits(mart("fct_sessions")), window_days, as_of)
    counts = rebooking_counts(with_tier(outcomes, mart("dim_mentors"), "current", "first_at"))
    return str(ibis.to_sql(counts, dialect="duckdb"))
