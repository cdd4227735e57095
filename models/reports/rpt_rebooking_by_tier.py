"""The headline by tier; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.intent import follow_up_counts, user_intents
from analysis.metrics.marts import mart
from analysis.metrics.rebooking import rebooking_counts


@model(
    "reports.rpt_rebooking_by_tier",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per tier: users by the tier of the mentor of their first session, how many rebooked, and how "
    "many asked for another session.",
    depends_on=["marts.fct_bookings", "marts.fct_sessions", "reports.rpt_user_outcomes"],
    extract_dependencies_from_query=False,
    grain=["tier"],
    references=["tier"],
    column_descriptions={
        "tier": "The latest known tier of the mentor of the first session",
        "users": "Users whose first session was with a mentor of the tier",
        "rebooked": "Of these, users with a later session within the rebooking window",
        "mature_users": "Users whose whole window lies before the latest event",
        "mature_rebooked": "Of the mature users, those who rebooked",
        "may_yet_rebook": "Users who are not mature and have not rebooked",
        "with_intent": "Users who asked for another booking within the rebooking window",
        "attended": "Of these, users who attended one of those bookings, whenever",
        "lost": "Users with intent of whom all those bookings were cancelled",
        "returned": "Users with a second session, whenever",
        "same_mentor": "Of these, those whose second session is with the mentor of the first",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("tier", "users", "rebooked", "mature_users", "mature_rebooked")}),
        ("unique_values", {"columns": exp.array("tier")}),
        ("assert_rebooked_are_users", {}),
        ("assert_follow_ups_are_of_users", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    outcomes = mart("rpt_user_outcomes")
    intents = user_intents(outcomes, mart("fct_bookings"), evaluator.var("rebooking_window_days"))
    follow_ups = follow_up_counts(outcomes, intents, mart("fct_sessions")).drop("users")
    counts = rebooking_counts(outcomes).left_join(follow_ups, "tier").drop("tier_right")
    counts = counts.mutate(built_from=outcomes.built_from.max().as_scalar())
    return sql_for_engine(counts, evaluator)
