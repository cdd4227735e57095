"""The sessions and bookings of an event stream, and the metrics of these, in plain Python and by brute force.

Written from the definitions, independent of the models' SQL and of Ibis: it looks at every pair of events.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

PRECEDENCE = {
    "session_ended": 1,
    "booking_cancelled": 2,
    "booking_requested": 3,
    "booking_confirmed": 4,
    "session_started": 5,
}


def ordered_pairs(events: list[dict]) -> dict[tuple, list[dict]]:
    """The events of each pair in their order, an event told twice only once."""
    pairs: dict[tuple, list[dict]] = {}
    for row in sorted(events, key=lambda e: (e["at"], PRECEDENCE[e["type"]], e["event_id"])):
        stream = pairs.setdefault((row["user_id"], row["mentor_id"]), [])
        if not any(known["at"] == row["at"] and known["type"] == row["type"] for known in stream):
            stream.append(row)
    return pairs


def sessions(events: list[dict], default_minutes: int = 30, max_hours: int = 24) -> list[tuple]:
    """`(user_id, mentor_id, started_at, ended_at, is_duration_estimated)` of every session, sorted."""
    found = []
    for (user_id, mentor_id), stream in ordered_pairs(events).items():
        for position, start in enumerate(stream):
            if start["type"] != "session_started":
                continue
            end = None
            for later in stream[position + 1 :]:
                if later["type"] == "session_started":
                    break
                if later["type"] == "session_ended" and later["at"] > start["at"]:
                    end = later["at"]
                    break
            if end is not None and end - start["at"] > timedelta(hours=max_hours):
                end = None
            ended_at = end or start["at"] + timedelta(minutes=default_minutes)
            found.append((user_id, mentor_id, start["at"], ended_at, end is None))
    return sorted(found)


def bookings(events: list[dict], reschedule_hours: int = 24) -> list[tuple]:
    """`(user_id, mentor_id, requested_at, status, is_confirmation_missing, is_rescheduled)`, sorted."""
    found = []
    for (user_id, mentor_id), stream in ordered_pairs(events).items():
        requests = [position for position, row in enumerate(stream) if row["type"] == "booking_requested"]
        for number, position in enumerate(requests):
            following = requests[number + 1] if number + 1 < len(requests) else len(stream)
            status, confirmed, missing, rescheduled = "pending", False, False, False
            for row in stream[position + 1 : following]:
                if row["type"] == "booking_confirmed":
                    confirmed = True
                elif row["type"] == "session_started":
                    status, missing = "attended", not confirmed
                    break
                elif row["type"] == "booking_cancelled":
                    status = "cancelled"
                    limit = row["at"] + timedelta(hours=reschedule_hours)
                    rescheduled = following < len(stream) and stream[following]["at"] <= limit
                    break
            if status == "pending" and confirmed:
                status = "confirmed"
            found.append((user_id, mentor_id, stream[position]["at"], status, missing, rescheduled))
    return sorted(found)


def latest_event(events: list[dict]) -> datetime | None:
    """The latest event of the pairs that have a request or a session: the moment that the facts speak of.

    An event counts where a request of the pair comes before it, a start or an end also where a start does.
    """
    found = []
    for stream in ordered_pairs(events).values():
        requested = started = False
        for row in stream:
            requested |= row["type"] == "booking_requested"
            started |= row["type"] == "session_started"
            if requested or (started and row["type"] in ("session_started", "session_ended")):
                found.append(row["at"])
    return max(found, default=None)


# The metrics. Rows are dicts with the columns of the marts; a version holds from `valid_from` to before `valid_to`.


def tier_of(mentors: list[dict], mentor_id: str, moment: datetime | None) -> str | None:
    """The tier of a mentor at a moment, or the latest one when it is None; who has left keeps the last one."""
    begun = [v for v in mentors if v["mentor_id"] == mentor_id and (moment is None or v["valid_from"] <= moment)]
    return max(begun, key=lambda version: version["valid_from"])["tier"] if begun else None


def session_visits(sessions: list[dict]) -> list[tuple]:
    """`(user_id, visited_at, visit_id, mentor_id)` of every session."""
    return [(row["user_id"], row["started_at"], row["session_id"], row["mentor_id"]) for row in sessions]


def booking_visits(bookings: list[dict], users: list[dict], with_replacements: bool = True) -> list[tuple]:
    """The same of bookings of known users, not cancelled; if so wanted without those not attended that replace a
    rescheduled one."""
    known = {row["user_id"] for row in users}
    found = []
    for row in bookings:
        earlier = [
            other
            for other in bookings
            if (other["user_id"], other["mentor_id"]) == (row["user_id"], row["mentor_id"])
            and other["requested_at"] < row["requested_at"]
        ]
        replaces = bool(earlier) and max(earlier, key=lambda other: other["requested_at"])["is_rescheduled"]
        if (
            row["booking_status"] != "cancelled"
            and row["user_id"] in known
            and (with_replacements or not replaces or row["booking_status"] == "attended")
        ):
            found.append((row["user_id"], row["requested_at"], row["booking_id"], row["mentor_id"]))
    return found


def outcomes(visits: list[tuple], mentors: list[dict], window_days: int | None, as_of: datetime) -> list[dict]:
    """One row per user, with the tier by either attribution."""
    found = []
    for user_id in sorted({visit[0] for visit in visits}):
        own = sorted(visit for visit in visits if visit[0] == user_id)
        _, first_at, _, mentor_id = own[0]
        later = [visit[1] for visit in own if visit[1] > first_at]
        next_at = min(later) if later else None
        found.append(
            {
                "user_id": user_id,
                "mentor_id": mentor_id,
                "first_at": first_at,
                "next_at": next_at,
                "is_rebooked": is_within(next_at, first_at, window_days),
                "is_mature": window_days is not None and first_at + timedelta(days=window_days) <= as_of,
                "current": tier_of(mentors, mentor_id, None),
                "at_session": tier_of(mentors, mentor_id, first_at),
            }
        )
    return found


def is_within(moment: datetime | None, first_at: datetime, window_days: int | None) -> bool:
    if moment is None:
        return False
    return window_days is None or moment - first_at <= timedelta(days=window_days)


def returns(users: list[dict], tier: str, as_of: datetime) -> dict[tuple, list[int]]:
    """`[returned, censored]` by tier, first session and the moment until which a user was seen."""
    found: dict[tuple, list[int]] = {}
    for user in users:
        if user[tier] is None or user["first_at"] > as_of:
            continue
        has_returned = user["next_at"] is not None and user["next_at"] <= as_of
        last_seen_at = user["next_at"] if has_returned else as_of
        found.setdefault((user[tier], user["first_at"], last_seen_at), [0, 0])[0 if has_returned else 1] += 1
    return found


def counts(users: list[dict], key: Callable[[dict], tuple]) -> dict[tuple, tuple[int, ...]]:
    """`(users, rebooked, mature_users, mature_rebooked, may_yet_rebook)` by `key`, of users with a current tier."""
    found: dict[tuple, list[dict]] = {}
    for user in users:
        if user["current"] is not None:
            found.setdefault(key(user), []).append(user)
    return {
        group: (
            len(own),
            sum(user["is_rebooked"] for user in own),
            sum(user["is_mature"] for user in own),
            sum(user["is_rebooked"] and user["is_mature"] for user in own),
            sum(not user["is_rebooked"] and not user["is_mature"] for user in own),
        )
        for group, own in found.items()
    }


def is_mature_month(month: date, window_days: int | None, as_of: datetime) -> bool:
    if window_days is None:
        return False
    end = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return datetime(end.year, end.month, end.day) + timedelta(days=window_days) <= as_of


def strata(users: list[dict], key: Callable[[dict], Any], group_a: list[str], group_b: list[str]) -> dict[Any, tuple]:
    """`(events_a, n_a, events_b, n_b)` by stratum, of users in either group; a stratum None is left out."""
    found: dict[Any, list[int]] = {}
    for user in users:
        stratum = key(user)
        if stratum is None or user["current"] not in (*group_a, *group_b):
            continue
        place = 0 if user["current"] in group_a else 2
        row = found.setdefault(stratum, [0, 0, 0, 0])
        row[place] += user["is_rebooked"]
        row[place + 1] += 1
    return {stratum: tuple(row) for stratum, row in found.items()}


def booking_outcome(row: dict, as_of: datetime, no_show_days: int, orphan_days: int) -> str:
    if row["booking_status"] == "confirmed":
        return "no_show" if row["confirmed_at"] + timedelta(days=no_show_days) < as_of else "upcoming"
    if row["booking_status"] == "pending":
        return "orphan" if row["requested_at"] + timedelta(days=orphan_days) < as_of else "open"
    return row["booking_status"]


def quantile(values: list[float], share: float) -> float | None:
    """Interpolated between the two values around it."""
    if not values:
        return None
    values = sorted(values)
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def lead_time(row: dict) -> str:
    waited = row["cancelled_at"] - row["requested_at"]
    if waited < timedelta(hours=1):
        return "under 1 hour"
    if waited <= timedelta(hours=24):
        return "1 to 24 hours"
    return "1 to 3 days" if waited <= timedelta(days=3) else "over 3 days"
