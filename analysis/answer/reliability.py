"""The sections on the booking system: what became of the bookings, as a whole and week by week."""

from __future__ import annotations

from dataclasses import asdict

from analysis.answer.tiers import Row, by_tier, total
from analysis.metrics.reliability import LEAD_TIMES
from analysis.statistics.proportions import rate
from analysis.statistics.trend import p_chart
from settings import Settings, known_tiers

OUTCOMES = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")


def reliability_section(rows: list[Row], totals: Row, settings: Settings) -> Row:
    """What became of the bookings by tier and overall, and whether each rate passes its threshold.

    Args:
        rows: rows of `reliability_counts`.
        totals: the rows of `session_counts` and `unknown_counts` in one.
    """

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
        "estimated_end_rate": rate(totals["estimated_ends"], totals["sessions"] - totals["running"]),
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
        "tiers": by_tier(lambda tiers: figures(total(rows, tiers, OUTCOMES))),
        "overall": overall,
        "checks": checks,
        "verdict": verdict,
    }


def reliability_in_time_section(weeks: list[Row], delays: list[Row], cancellations: list[Row]) -> Row:
    """Outcomes week by week with control charts, how long requests wait, and how soon they are cancelled.

    Args:
        weeks: rows of `weekly_counts`.
        delays: rows of `delay_quantiles`.
        cancellations: rows of `cancellation_counts`.
    """
    counted = [
        {"week": row["week"].isoformat()} | {name: row[name] for name in OUTCOMES}
        for row in sorted(weeks, key=lambda row: row["week"])
    ]
    # Of each rate: what is counted, and out of which bookings.
    rates = {
        "cancellation_rate": [(row["cancelled"], row["bookings"]) for row in counted],
        "no_show_rate": [(row["no_show"], row["attended"] + row["no_show"]) for row in counted],
        "orphan_rate": [(row["orphan"], row["bookings"]) for row in counted],
    }
    charts = []
    for name, counts in rates.items():
        center, points = p_chart([events for events, _ in counts], [n for _, n in counts])
        charts.append(
            {
                "rate": name,
                "center": center,
                "points": [
                    {"week": row["week"], "n": n} | asdict(point)
                    for row, (_, n), point in zip(counted, counts, points, strict=True)
                    if n
                ],
            }
        )
    waited = {row["tier"]: row for row in delays}
    soon = {row["lead_time"]: row for row in cancellations}
    return {
        "weeks": [
            row | {name: rate(*counts[place]) for name, counts in rates.items()} for place, row in enumerate(counted)
        ],
        "control_charts": charts,
        "delays": [_delay(tier, waited.get(tier)) for tier in (*known_tiers(), None)],
        "cancellations_by_lead_time": [
            {"lead_time": name}
            | {count: soon[name][count] if name in soon else 0 for count in ("cancelled", "rescheduled")}
            for name in LEAD_TIMES
        ],
    }


def _delay(tier: str | None, row: Row | None) -> Row:
    def quantiles(name: str) -> Row:
        if row is None:
            return {"n": 0, "median": None, "p90": None}
        return {statistic: row[f"{name}_{statistic}"] for statistic in ("n", "median", "p90")}

    return {"tier": tier, "confirmation_hours": quantiles("confirmation"), "session_hours": quantiles("session")}
