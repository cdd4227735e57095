"""The CEO's answer: every figure of `answer --format json`, from the marts of one environment."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Any

from ibis.backends import BaseBackend
from ibis.expr.types import Table

from analysis.intent import intent_counts, user_intents
from analysis.rebooking import booking_visits, rebooking_counts, session_visits, user_outcomes, with_tier
from analysis.reliability import booking_outcomes, reliability_counts, session_counts, unknown_counts
from analysis.statistics.proportions import compare, rate, wilson_interval
from settings import TIER_GROUPS_FILE, Settings, read_seed

Row = dict[str, Any]
OUTCOMES = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")
SMALL_GROUP = 100


def answer(connection: BaseBackend, settings: Settings, environment: str, as_of: datetime.datetime | None) -> Row:
    """The answer document of one environment, shaped as `answer --format json` prints it.

    Args:
        as_of: naive UTC; None means the latest event.
    """
    suffix = "" if environment == "prod" else f"__{environment}"

    def mart(name: str) -> Table:
        return connection.table(name, database=f"marts{suffix}")

    events = connection.table("stg_events", database=f"staging{suffix}")
    sessions, bookings = mart("fct_sessions"), mart("fct_bookings")
    users, mentors = mart("dim_users"), mart("dim_mentors")
    if as_of is None:
        latest = events.occurred_at.max().execute()
        as_of = latest.to_pydatetime() if latest == latest else datetime.datetime(1970, 1, 1)
    window_days, attribution = settings.rebooking_window_days, settings.tier_attribution

    def outcomes(visits: Table) -> Table:
        return with_tier(user_outcomes(visits, window_days, as_of), mentors, attribution, "first_at")

    by_sessions = outcomes(session_visits(sessions))
    rebooking = {
        "sessions": _rebooking(_rows(rebooking_counts(by_sessions)), settings),
        "bookings": _rebooking(_rows(rebooking_counts(outcomes(booking_visits(bookings, users)))), settings),
    }
    intents = user_intents(by_sessions, bookings, window_days)
    intent = _rows(intent_counts(by_sessions, intents))
    tiered_bookings = with_tier(bookings, mentors, attribution, "requested_at")
    reliability = _rows(
        reliability_counts(
            booking_outcomes(tiered_bookings, as_of, settings.no_show_grace_days, settings.orphan_grace_days)
        )
    )
    totals = _rows(session_counts(sessions))[0] | _rows(unknown_counts(events, users, mentors))[0]
    document = {
        "parameters": {
            "environment": environment,
            "gateway": settings.gateway,
            "window_days": window_days,
            "group_a": settings.group_a,
            "group_b": settings.group_b,
            "tier_attribution": attribution,
            "as_of": as_of.isoformat() + "Z",
        },
        "rebooking": rebooking,
        "intent": _intent(intent, settings),
        "reliability": _reliability(reliability, totals, settings),
    }
    return document | {"warnings": _warnings(document, settings)}


def _rows(expression: Table) -> list[Row]:
    return expression.to_pyarrow().to_pylist()


def _tiers() -> list[Row]:
    return sorted(read_seed(TIER_GROUPS_FILE), key=lambda row: int(row["tier_rank"]))


def _sum(rows: list[Row], tiers: list[str], names: tuple[str, ...]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows if row["tier"] in tiers) for name in names}


def _groups(settings: Settings) -> list[tuple[str, list[str]]]:
    return [("group_a", settings.group_a), ("group_b", settings.group_b)]


def _rebooking(rows: list[Row], settings: Settings) -> Row:
    names = ("users", "rebooked", "mature_users", "mature_rebooked")

    def figures(tiers: list[str]) -> Row:
        counts = _sum(rows, tiers, names)
        low, high = wilson_interval(counts["rebooked"], counts["users"], settings.confidence_level)
        return {
            "users": counts["users"],
            "rebooked": counts["rebooked"],
            "rate": rate(counts["rebooked"], counts["users"]),
            "ci_low": low,
            "ci_high": high,
            "mature_users": counts["mature_users"],
            "mature_rebooked": counts["mature_rebooked"],
            "mature_rate": rate(counts["mature_rebooked"], counts["mature_users"]),
        }

    groups = [{"group": group, "tiers": tiers} | figures(tiers) for group, tiers in _groups(settings)]
    a, b = groups
    return {
        "tiers": [
            {"tier": tier["tier"], "tier_category": tier["tier_category"]} | figures([tier["tier"]])
            for tier in _tiers()
        ],
        "groups": groups,
        "comparison": asdict(compare(a["rebooked"], a["users"], b["rebooked"], b["users"], settings.confidence_level)),
    }


def _intent(rows: list[Row], settings: Settings) -> Row:
    def figures(tiers: list[str]) -> Row:
        counts = _sum(rows, tiers, ("users", "with_intent", "attended", "lost"))
        return counts | {
            "intent_rate": rate(counts["with_intent"], counts["users"]),
            "commitment_rate": rate(counts["attended"], counts["with_intent"]),
        }

    return {
        "tiers": [{"tier": tier["tier"]} | figures([tier["tier"]]) for tier in _tiers()],
        "groups": [{"group": group, "tiers": tiers} | figures(tiers) for group, tiers in _groups(settings)],
    }


def _reliability(rows: list[Row], totals: Row, settings: Settings) -> Row:
    def figures(counts: dict[str, int]) -> Row:
        confirmed = counts["no_show"] + counts["upcoming"]
        return counts | {
            "confirmation_rate": rate(counts["attended"] + confirmed, counts["bookings"]),
            "no_show_rate": rate(counts["no_show"], counts["attended"] + counts["no_show"]),
            "cancellation_rate": rate(counts["cancelled"], counts["bookings"]),
            "orphan_rate": rate(counts["orphan"], counts["bookings"]),
        }

    overall = figures({name: sum(row[name] for row in rows) for name in OUTCOMES}) | {
        "sessions": totals["sessions"],
        "estimated_ends": totals["estimated_ends"],
        "estimated_end_rate": rate(totals["estimated_ends"], totals["sessions"]),
        "unknown_user_events": totals["unknown_user_events"],
        "unknown_mentor_events": totals["unknown_mentor_events"],
    }
    checks = []
    for name in ("orphan_rate", "no_show_rate", "cancellation_rate", "estimated_end_rate"):
        value, threshold = overall[name], getattr(settings, f"max_{name}")
        status = "no data" if value is None else "pass" if value <= threshold else "fail"
        checks.append({"name": name, "value": value, "threshold": threshold, "status": status})
    failing = [check["name"] for check in checks if check["status"] == "fail"]
    judged = [check for check in checks if check["status"] != "no data"]
    verdict = "unreliable" if failing else "reliable" if judged else "no data"
    return {
        "tiers": [{"tier": t["tier"]} | figures(_sum(rows, [t["tier"]], OUTCOMES)) for t in _tiers()],
        "overall": overall,
        "checks": checks,
        "verdict": verdict,
    }


def _warnings(document: Row, settings: Settings) -> list[str]:
    found = []
    for group in document["rebooking"]["sessions"]["groups"]:
        name = "/".join(group["tiers"])
        if group["users"] < SMALL_GROUP:
            found.append(f"Few users of {name}, so the interval is wide: {group['users']}.")
        immature = group["users"] - group["mature_users"]
        if immature and settings.rebooking_window_days is not None:
            found.append(f"Users of {name} still inside their window, who may yet rebook: {immature:,}.")
    overall = document["reliability"]["overall"]
    if overall["unknown_user_events"]:
        found.append(f"Events of users whom the export does not know: {overall['unknown_user_events']:,}.")
    if overall["unknown_mentor_events"]:
        found.append(f"Events of mentors whom no sheet knew: {overall['unknown_mentor_events']:,}.")
    found.append("Users chose their mentors: a difference between tiers is an association, not proof of a cause.")
    return found
