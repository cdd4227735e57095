"""The headline by tier; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import mart
from analysis.metrics.rebooking import rebooking_counts


@model(
    "reports.rpt_rebooking_by_tier",
    is_sql=True,
    kind="FULL",
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
        "may_yet_rebook": "Users who are not mature and have not rebooked",
        "load_id": "The newest load that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("tier", "users", "rebooked", "mature_users", "mature_rebooked")}),
        ("unique_values", {"columns": exp.array("tier")}),
        ("assert_rebooked_are_users", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    outcomes = mart("rpt_user_outcomes")
    counts = rebooking_counts(outcomes).mutate(load_id=outcomes.load_id.max().as_scalar())
    return sql_for_engine(counts, evaluator)
