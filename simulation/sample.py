"""The sample data: synthetic, and laid out so that its counts are the published ones.

Every user is dealt a journey by quota, not by chance; the seed decides only who gets which.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from simulation.data_folder import DataFolder

FIRST_USER = 2001
KNOWN_USERS = 150
UNKNOWN_USER = 9001
FIRST_DAY = datetime(2024, 1, 2)
LAST_FIRST_REQUEST = datetime(2024, 5, 31)
IMMATURE_FROM = datetime(2024, 6, 27)
DUPLICATE_USERS = 5
MISSING_ENDS = 13

MENTORS = {"Gold": range(1, 6), "Silver": range(6, 13), "Bronze": range(13, 16)}
HOURLY_RATE = {"Gold": 180, "Silver": 110, "Bronze": 60}

# Users by what they do after the first session: (mature, immature) of each kind.
RETURNING = {"Gold": (24, 2), "Silver": (21, 1), "Bronze": (0, 0)}
LOST = {"Gold": (0, 0), "Silver": (3, 0), "Bronze": (0, 0)}
LEAVING = {"Gold": (15, 1), "Silver": (30, 2), "Bronze": (29, 4)}
# Bookings cancelled and asked for again at the same instant, before the first session.
RESCHEDULED = {"Gold": 5, "Silver": 5, "Bronze": 0}
# Users whose only booking is cancelled: no session ever.
CANCELLED_ONLY = {"Gold": 2, "Silver": 3, "Bronze": 3}
# Further sessions of users who came back.
FURTHER_SESSIONS = {"Gold": 23, "Silver": 0, "Bronze": 0}


def sample(seed: int = 1) -> DataFolder:
    """150 users, 15 mentors and 842 events with duplicates, mixed id types and missing ends."""
    return _Sample(seed).build()


class _Sample:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.events: list[dict] = []
        self.users = iter(self.random.sample(range(FIRST_USER, FIRST_USER + KNOWN_USERS), KNOWN_USERS))
        self.first_requests: dict[int, datetime] = {}

    def build(self) -> DataFolder:
        for tier in MENTORS:
            self._tier(tier)
        self._emit(UNKNOWN_USER, "M-1", datetime(2024, 3, 11, 9, 30), "booking_requested")
        self._forget_ends()
        self.events.sort(key=lambda event: (event["timestamp"], event["order"]))
        events = [
            {
                "event_id": f"{self.random.getrandbits(32):08x}",
                "user_id": event["user_id"] if self.random.random() < 0.5 else str(event["user_id"]),
                "mentor_id": event["mentor_id"],
                "timestamp": event["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                "event_type": event["event_type"],
            }
            for event in self.events
        ]
        return DataFolder(users=self._user_rows(), mentors=self._mentor_rows(), events=events)

    def _tier(self, tier: str) -> None:
        reschedules = RESCHEDULED[tier]
        returning: list[tuple[int, str, datetime]] = []
        for immature in (False, True):
            for _ in range(RETURNING[tier][immature]):
                user, mentor, started_at = self._first_session(tier, immature, reschedules > 0)
                reschedules -= 1
                started_at = self._attended(user, mentor, started_at + timedelta(days=self.random.randint(5, 12)))
                if not immature:
                    returning.append((user, mentor, started_at))
            for _ in range(LOST[tier][immature]):
                user, mentor, started_at = self._first_session(tier, immature, False)
                requested_at = started_at + timedelta(days=self.random.randint(5, 20))
                self._emit(user, mentor, requested_at, "booking_requested")
                self._emit(user, mentor, requested_at + timedelta(minutes=30), "booking_cancelled")
            for _ in range(LEAVING[tier][immature]):
                self._first_session(tier, immature, False)
        for user, mentor, started_at in returning[: FURTHER_SESSIONS[tier]]:
            self._attended(user, mentor, started_at + timedelta(days=self.random.randint(5, 12)))
        for _ in range(CANCELLED_ONLY[tier]):
            user, requested_at = next(self.users), self._moment(FIRST_DAY, LAST_FIRST_REQUEST)
            mentor = self._mentor(tier)
            self.first_requests[user] = requested_at
            self._emit(user, mentor, requested_at, "booking_requested")
            self._emit(user, mentor, requested_at + timedelta(minutes=45), "booking_cancelled")

    def _first_session(self, tier: str, immature: bool, reschedule: bool) -> tuple[int, str, datetime]:
        user, mentor = next(self.users), self._mentor(tier)
        if immature:
            requested_at = self._moment(IMMATURE_FROM, IMMATURE_FROM + timedelta(days=3))
        else:
            requested_at = self._moment(FIRST_DAY, LAST_FIRST_REQUEST)
        self.first_requests[user] = requested_at
        if reschedule:
            self._emit(user, mentor, requested_at, "booking_requested")
            requested_at += timedelta(minutes=20)
            self._emit(user, mentor, requested_at, "booking_cancelled")
        return user, mentor, self._attended(user, mentor, requested_at)

    def _attended(self, user: int, mentor: str, requested_at: datetime) -> datetime:
        confirmed_at = requested_at + timedelta(minutes=self.random.randint(5, 59))
        started_at = confirmed_at + timedelta(days=self.random.randint(1, 3))
        self._emit(user, mentor, requested_at, "booking_requested")
        self._emit(user, mentor, confirmed_at, "booking_confirmed")
        self._emit(user, mentor, started_at, "session_started")
        self._emit(user, mentor, started_at + timedelta(minutes=30), "session_ended")
        return started_at

    def _emit(self, user: int, mentor: str, at: datetime, event_type: str) -> None:
        row = {"user_id": user, "mentor_id": mentor, "timestamp": at, "event_type": event_type}
        self.events.append(row | {"order": len(self.events)})

    def _forget_ends(self) -> None:
        latest = max(event["timestamp"] for event in self.events)
        ends = [e for e in self.events if e["event_type"] == "session_ended" and e["timestamp"] < latest]
        for event in self.random.sample(ends, MISSING_ENDS):
            self.events.remove(event)

    def _mentor(self, tier: str) -> str:
        return f"M-{self.random.choice(MENTORS[tier])}"

    def _moment(self, start: datetime, end: datetime) -> datetime:
        return start + timedelta(minutes=self.random.randrange(int((end - start).total_seconds() // 60)))

    def _user_rows(self) -> list[dict]:
        rows = []
        for user in range(FIRST_USER, FIRST_USER + KNOWN_USERS):
            before = self.first_requests.get(user, LAST_FIRST_REQUEST)
            signup = before.date() - timedelta(days=self.random.randint(0, 20))
            status = "churned" if self.random.random() < 0.12 else "active"
            company = self.random.randint(1, 50)
            rows.append({"user_id": user, "company_id": company, "signup_date": signup, "status": status})
        return rows + rows[:DUPLICATE_USERS]

    def _mentor_rows(self) -> list[dict]:
        tier_of = {number: tier for tier, numbers in MENTORS.items() for number in numbers}
        return [
            {"mentor_id": f"M-{number}", "tier": tier_of[number], "hourly_rate": HOURLY_RATE[tier_of[number]]}
            for number in sorted(tier_of)
        ]
