"""Confounding: the two groups compared among users who are alike, stratum by stratum."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from analysis.metrics.classes import COMPANY_SIZES, UNKNOWN


def with_company(outcomes: Table, users: Table) -> Table:
    """`outcomes` of users whose company is known, with `company_id` and `company_size`.

    `users` has one row per known user. The size of a company is a class of how many of them it has.
    Users unknown to the export, or without a company, are left out: nothing says who is like them.
    """
    known = users.filter(users.company_id != UNKNOWN)
    size = known.group_by("company_id").agg(users=known.count())
    size = size.select(
        "company_id",
        company_size=ibis.cases(*((size.users >= smallest, name) for name, smallest in COMPANY_SIZES)),
    )
    return outcomes.join(known.select("user_id", "company_id"), "user_id").join(size, "company_id")


def with_month(outcomes: Table) -> Table:
    """`outcomes` with `month`, the first day of the month of the first session, UTC."""
    return outcomes.mutate(month=outcomes.first_at.truncate("M").date())


def stratum_counts(outcomes: Table, stratum: str, group_a: list[str], group_b: list[str]) -> Table:
    """One row per pattern of counts: `events_a, n_a, events_b, n_b, strata`, of users in either group.

    A stratum is a value of the column `stratum`. `n` are users, `events` those who rebooked, and
    `strata` says how many strata have these very counts: of many small companies few rows remain.
    """
    in_a, in_b = outcomes.tier.isin(group_a), outcomes.tier.isin(group_b)
    counted = outcomes.group_by(stratum).agg(
        events_a=outcomes.count(where=in_a & outcomes.is_rebooked),
        n_a=outcomes.count(where=in_a),
        events_b=outcomes.count(where=in_b & outcomes.is_rebooked),
        n_b=outcomes.count(where=in_b),
    )
    counted = counted.filter(counted.n_a + counted.n_b > 0)
    return counted.group_by("events_a", "n_a", "events_b", "n_b").agg(strata=counted.count())
