"""The sessions and bookings of an event stream, in plain Python and by brute force.

Written from the definitions, independent of the models' SQL: it looks at every pair of events.
"""

from __future__ import annotations

from datetime import timedelta

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
