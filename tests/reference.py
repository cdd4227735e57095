"""The sessions and bookings of an event stream, and the metrics of these, in plain Python and by brute force.

Written from the definitions, independent of the models' SQL and of Ibis: it looks at every pair of events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

PRECEDENCE = {
    "session_ended": 1,
    "booking_cancelled": 2,
    "booking_requested": 3,
    "booking_confirmed": 4,
    "session_started": 5,
}


# The properties of the tracking plan that an event may carry, as the tool wrote them.
PROPERTIES = (
    "confirmed_start_time",
    "cancelled_by",
    "cancellation_reason",
    "requested_duration_minutes",
    "duration_seconds",
)


def ordered_pairs(events: list[dict], read: Callable[[str, str | None], Any] | None = None) -> dict[tuple, list[dict]]:
    """The events of each pair in their order, an event sent twice only once.

    Of such an event's properties, as `read` takes their texts, the first in the order of ids that is not None stands.
    """
    pairs: dict[tuple, list[dict]] = {}
    for row in sorted(events, key=lambda e: (e["at"], PRECEDENCE[e["type"]], e["event_id"])):
        stream = pairs.setdefault((row["user_id"], row["mentor_id"]), [])
        same = [known for known in stream if known["at"] == row["at"] and known["type"] == row["type"]]
        said = {name: read(name, row.get(name)) for name in PROPERTIES} if read else {}
        if not same:
            stream.append(row | said)
        for known in same:
            known |= {name: value for name, value in said.items() if known[name] is None}
    return pairs


def utc_time(text: str) -> datetime | None:
    """ISO-8601 as naive UTC, by Python's own reading; None where it is anything else."""
    if not re.fullmatch(
        r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?", text, re.IGNORECASE
    ):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def whole_number(text: str) -> int | None:
    """A plain decimal number without its fraction; None where that is 0 or the text is anything else."""
    return int(Decimal(text)) or None if re.fullmatch(r"\d+(\.\d+)?", text) else None


def property_of(name: str, text: str | None) -> Any:
    """What a property says; None where it is missing or cannot be read."""
    if text is None:
        return None
    if name == "confirmed_start_time":
        return utc_time(text)
    return text.lower() if name.startswith("cancel") else whole_number(text)


def sessions(events: list[dict], default_minutes: int = 30, max_hours: int = 24) -> list[tuple]:
    """`(user_id, mentor_id, started_at, ended_at, end_recorded_at, is_duration_estimated)` of every session, sorted."""
    longest = timedelta(hours=max_hours)

    def length(name: str, text: str | None) -> timedelta | None:
        """What a session can have."""
        seconds = property_of(name, text) if name == "duration_seconds" else None
        return timedelta(seconds=seconds) if seconds is not None and seconds <= max_hours * 3600 else None

    found = []
    for (user_id, mentor_id), stream in ordered_pairs(events, length).items():
        for position, start in enumerate(stream):
            if start["type"] != "session_started":
                continue
            ended_at = recorded_at = None
            for later in stream[position + 1 :]:
                if later["type"] == "session_started":
                    break
                if later["type"] == "session_ended" and later["at"] > start["at"]:
                    if later["at"] - start["at"] <= longest:
                        ended_at = recorded_at = later["at"]
                    elif later["duration_seconds"] is not None:
                        ended_at, recorded_at = start["at"] + later["duration_seconds"], later["at"]
                    break
            is_estimated = ended_at is None
            ended_at = ended_at or start["at"] + timedelta(minutes=default_minutes)
            found.append((user_id, mentor_id, start["at"], ended_at, recorded_at, is_estimated))
    return sorted(found, key=lambda row: row[:3])


def bookings(events: list[dict], reschedule_hours: int = 24) -> list[tuple]:
    """One row per booking, sorted.

    `(user_id, mentor_id, requested_at, status, is_confirmation_missing, is_rescheduled, agreed_start_at,
    cancelled_by, cancellation_reason, requested_duration_minutes)`
    """
    found = []
    for (user_id, mentor_id), stream in ordered_pairs(events, property_of).items():
        requests = [position for position, row in enumerate(stream) if row["type"] == "booking_requested"]
        for number, position in enumerate(requests):
            request = stream[position]
            following = requests[number + 1] if number + 1 < len(requests) else len(stream)
            status, confirmed, missing, rescheduled = "pending", False, False, False
            cancellation: dict = {}
            for row in stream[position + 1 : following]:
                if row["type"] == "booking_confirmed":
                    confirmed = True
                elif row["type"] == "session_started":
                    status, missing = "attended", not confirmed
                    break
                elif row["type"] == "booking_cancelled":
                    status, cancellation = "cancelled", row
                    limit = row["at"] + timedelta(hours=reschedule_hours)
                    rescheduled = following < len(stream) and stream[following]["at"] <= limit
                    break
            if status == "pending" and confirmed:
                status = "confirmed"
            confirmations = [row for row in stream[position + 1 : following] if row["type"] == "booking_confirmed"]
            agreed_start = confirmations[0]["confirmed_start_time"] if confirmations else None
            if agreed_start is not None and agreed_start < request["at"]:
                agreed_start = None
            found.append(
                (
                    *(user_id, mentor_id, request["at"], status, missing, rescheduled, agreed_start),
                    cancellation.get("cancelled_by"),
                    cancellation.get("cancellation_reason"),
                    request["requested_duration_minutes"],
                )
            )
    return sorted(found, key=lambda row: row[:3])


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
        expected_at = row["agreed_start_at"] or row["confirmed_at"]
        return "no_show" if expected_at + timedelta(days=no_show_days) < as_of else "upcoming"
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


def span(start: datetime, end: datetime) -> str:
    """The class of the time between two moments."""
    if end - start < timedelta(hours=1):
        return "under 1 hour"
    if end - start <= timedelta(hours=24):
        return "1 to 24 hours"
    return "1 to 3 days" if end - start <= timedelta(days=3) else "over 3 days"


def notice(row: dict) -> str | None:
    """How long before the agreed start a booking was cancelled; None where no start is known."""
    if row["agreed_start_at"] is None:
        return None
    late = row["cancelled_at"] > row["agreed_start_at"]
    return "after the agreed start" if late else span(row["cancelled_at"], row["agreed_start_at"])


def ripe(week: list[dict], monday: date, as_of: datetime, no_show_days: int, orphan_days: int) -> dict[str, bool]:
    """Whether each rate of a week is ripe: by the last request that it can have, answered as late as can be.

    `week` are its bookings, with their outcome.
    """
    last_request = datetime(monday.year, monday.month, monday.day) + timedelta(days=7) - timedelta(microseconds=1)
    last_answer = last_request + timedelta(days=orphan_days)
    return {
        "is_cancellation_rate_ripe": last_request < as_of,
        "is_orphan_rate_ripe": last_answer < as_of,
        "is_no_show_rate_ripe": last_answer + timedelta(days=no_show_days) < as_of
        and not any(row["outcome"] == "upcoming" for row in week),
    }


def session_outcome(row: dict, as_of: datetime, max_hours: int) -> str:
    if not row["is_duration_estimated"]:
        return "recorded_ends"
    return "running" if as_of - row["started_at"] < timedelta(hours=max_hours) else "estimated_ends"


def double_booked(sessions: list[dict], company: dict[int, str]) -> tuple[int, int]:
    """Sessions that start strictly inside another of the same mentor, and those of them of one company all around."""
    recorded = [row for row in sessions if not row["is_duration_estimated"]]
    found = [
        [company.get(row["user_id"]) == company.get(other["user_id"]) is not None for other in around]
        for row in recorded
        if (
            around := [
                other
                for other in recorded
                if other["mentor_id"] == row["mentor_id"]
                and other["started_at"] < row["started_at"] < other["ended_at"]
            ]
        )
    ]
    return len(found), sum(map(all, found))


def optional_events(
    events: list[dict], users: list[dict], bookings: list[dict], mentors: list[dict], is_current: bool, as_of: datetime
) -> dict[tuple, tuple]:
    """By type of optional event, tier and reason: users, counted, sum of ratings, requested, attended.

    `users` are rows of `outcomes`; `events` have `churn_reason` and `rating`.
    """
    first = {row["user_id"]: row for row in users}
    seen: dict[tuple, list[dict]] = {}
    for row in events:
        kind, user_id, mentor_id, at = row["event_type"], row["user_id"], row["mentor_id"], row["occurred_at"]
        if at > as_of or kind not in ("session_reviewed", "user_churned", "mentor_profile_viewed"):
            continue
        if kind == "user_churned":
            if user_id not in first:
                continue
            mentor_id, at = first[user_id]["mentor_id"], first[user_id]["first_at"]
        one = (kind, user_id, mentor_id, at if kind == "session_reviewed" else None)
        seen.setdefault(one, []).append(row | {"placed_at": at})
    found: dict[tuple, list] = {}
    for (kind, user_id, mentor_id, _), rows in seen.items():
        placed_at = min(row["placed_at"] for row in rows)
        tier = tier_of(mentors, mentor_id, None if is_current else placed_at)
        if tier is None:
            continue
        reasons = sorted(row["churn_reason"].lower() for row in rows if row["churn_reason"])
        later = [
            row["booking_status"]
            for row in bookings
            if (row["user_id"], row["mentor_id"]) == (user_id, mentor_id) and row["requested_at"] > placed_at
        ]
        is_view = kind == "mentor_profile_viewed"
        ratings = [row["rating"] for row in rows if row["rating"] is not None]
        counted = (user_id, min(ratings, default=None), is_view and bool(later), is_view and "attended" in later)
        found.setdefault((kind, tier, reasons[0] if reasons else None), []).append(counted)
    return {
        key: (
            len({user for user, *_ in rows}),
            len(rows),
            sum(rating for _, rating, *_ in rows) if key[0] == "session_reviewed" else None,
            sum(requested for *_, requested, _ in rows),
            sum(attended for *_, attended in rows),
        )
        for key, rows in found.items()
    }
