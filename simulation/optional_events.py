"""The optional events of the tracking plan, drawn so that they agree with what the simulation lets happen.

Times are in seconds since the first day of the simulation, and may lie before it.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

SOURCES = ("search engine", "referral", "employer")
REASONS = ("too expensive", "goal reached", "no free mentor")
PAGES = ("search", "recommendation", "newsletter")
# How many of 100 reviews give 1, 2, 3, 4 and 5, by tier.
RATINGS = {"Gold": (2, 4, 9, 30, 55), "Silver": (4, 8, 18, 38, 32), "Bronze": (10, 16, 28, 28, 18)}

_HOUR = 60 * 60
_DAY = 24 * _HOUR
_VIEWED_RATE = 0.7
_IDLE_VIEWS = 0.5
_REVIEWED_RATE = 0.3
_CHURN_RATE = 0.12
_SAID_RATE = 0.8
_NO_RATINGS = ("0", "6", '"x"', "null")
_TEXTS = ("signup_source", "churn_reason", "viewed_from")


def optional_events(
    seed: int, dirt: float, signups: np.ndarray, visits: pl.DataFrame, tier_of_mentor: np.ndarray
) -> pl.DataFrame:
    """One row per event, in the order of their times: what happened, to whom, and the `fate` that loading has for it.

    Columns `user, mentor` (numbers from 0; no mentor of what a user does alone), `at`, `event_type`, the texts,
    `rating`, as JSON has it, and `fate`: loaded or rejected. They are drawn by a generator of their own: whether there
    are any changes no other event.

    Args:
        dirt: the share of reviews that come once more with a rating that is none, and are rejected.
        signups: when each user signed up, by the number of the user.
        visits: one row per session: `user`, `mentor` and `started_at`.
        tier_of_mentor: by the number of the mentor.
    """
    random = np.random.default_rng([seed, 2])

    def said(texts: tuple[str, ...], size: int) -> pl.Series:
        given = pl.Series(random.random(size) < _SAID_RATE, dtype=pl.Boolean)
        drawn = pl.Series(np.array(texts)[random.integers(0, len(texts), size)], dtype=pl.String)
        return drawn.zip_with(given, pl.Series([None], dtype=pl.String))

    def some(rows: pl.DataFrame, share: float) -> pl.DataFrame:
        return rows.filter(pl.Series(random.random(rows.height) < share, dtype=pl.Boolean))

    def later(rows: pl.DataFrame, low: int, high: int) -> pl.Series:
        return rows["at"] + random.integers(low, high, rows.height)

    started = visits.rename({"started_at": "at"})
    users = started.group_by("user").agg(first=pl.col("at").min(), last=pl.col("at").max()).sort("user")
    signed_up = pl.DataFrame({"user": np.arange(signups.size), "at": signups})
    signed_up = signed_up.with_columns(at=later(signed_up, 0, _DAY), signup_source=said(SOURCES, signups.size))
    activated = users.select("user", at="first")
    activated = activated.with_columns(at=later(activated, _HOUR, 2 * _HOUR))
    churned = some(users.select("user", at="last"), _CHURN_RATE)
    churned = churned.with_columns(at=later(churned, 5 * _DAY, 40 * _DAY), churn_reason=said(REASONS, churned.height))
    # A session is asked for at most two days before, and after a cancellation up to two days earlier.
    viewed = some(started.group_by("user", "mentor").agg(at=pl.col("at").min()).sort("user", "mentor"), _VIEWED_RATE)
    viewed = viewed.with_columns(at=later(viewed, -9 * _DAY, -5 * _DAY))
    idle = some(started, _IDLE_VIEWS)
    idle = idle.with_columns(
        at=later(idle, -20 * _DAY, 20 * _DAY), mentor=random.integers(0, tier_of_mentor.size, idle.height)
    )
    views = pl.concat([viewed, idle.select(viewed.columns)])
    views = views.with_columns(viewed_from=said(PAGES, views.height))
    reviewed = some(started, _REVIEWED_RATE)
    limits = np.array([np.cumsum(RATINGS[tier]) for tier in tier_of_mentor])[reviewed["mentor"].to_numpy()]
    rating = 1 + (random.integers(0, 100, reviewed.height)[:, None] >= limits).sum(axis=1)
    reviewed = reviewed.with_columns(
        at=later(reviewed, 2 * _HOUR, 48 * _HOUR), rating=pl.Series(rating).cast(pl.String)
    )
    broken = some(reviewed, dirt).with_columns(fate=pl.lit("rejected"))
    broken = broken.with_columns(rating=pl.Series(np.array(_NO_RATINGS)[np.arange(broken.height) % len(_NO_RATINGS)]))
    parts = {
        "user_signed_up": [signed_up],
        "user_activated": [activated],
        "user_churned": [churned],
        "mentor_profile_viewed": [views],
        "session_reviewed": [reviewed, broken],
    }
    rows = pl.concat(
        (part.with_columns(event_type=pl.lit(kind)) for kind, own in parts.items() for part in own), how="diagonal"
    ).with_columns(pl.col("fate").fill_null("loaded"))
    return rows.sort("at", maintain_order=True)


def json_line(first_day: datetime, first_user: int) -> pl.Expr:
    """An event as JSON; `event_id` is a number."""
    at = pl.lit(first_day) + pl.duration(seconds="at")
    members = [
        pl.format(', "mentor_id": "M-{}"', pl.col("mentor") + 1),
        *(pl.format(', "{}": "{}"', pl.lit(name), pl.col(name)) for name in _TEXTS),
        pl.format(', "rating": {}', pl.col("rating")),
    ]
    return pl.concat_str(
        pl.lit('{"event_id": "evt-'),
        pl.col("event_id").cast(pl.String),
        pl.format('", "user_id": {}', pl.col("user") + first_user),
        at.dt.strftime(', "timestamp": "%Y-%m-%dT%H:%M:%SZ"'),
        pl.format(', "event_type": "{}"', pl.col("event_type")),
        *(member.fill_null("") for member in members),
        pl.lit("}"),
    )
