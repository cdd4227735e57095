"""The classes and windows that metrics count by; whoever only writes them down needs no Ibis."""

from __future__ import annotations

# The member of a text attribute that a source leaves empty.
UNKNOWN = "unknown"
OTHER_ATTRIBUTION = {"current": "at_session", "at_session": "current"}
# What may count as a visit besides a session.
OTHER_APPROACHES = ("bookings", "first requests", "recorded sessions")
# Windows of rebooking that are tried besides the one asked for, in days.
WINDOWS = (7, 14, 30, 60, 90)
LEAD_TIMES = ("under 1 hour", "1 to 24 hours", "1 to 3 days", "over 3 days")
NOTICES = ("after the agreed start", *LEAD_TIMES)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Users of the company in the users export: name of the class and its smallest size.
COMPANY_SIZES = (("100 or more", 100), ("20 to 99", 20), ("5 to 19", 5), ("2 to 4", 2), ("1", 1))
# The events of the tracking plan from which no booking or session is rebuilt; none of them need be sent. Written into
# SQL, this is a list of texts.
SIGNED_UP, ACTIVATED, CHURNED = "user_signed_up", "user_activated", "user_churned"
PROFILE_VIEWED, REVIEWED = "mentor_profile_viewed", "session_reviewed"
OPTIONAL_EVENTS = (SIGNED_UP, ACTIVATED, CHURNED, PROFILE_VIEWED, REVIEWED)
# The latest week of events is compared with so many before it; what is older is one class, as is what comes later.
WEEKS_BEFORE = 8
OLDER_THAN_WEEKS, LATER = WEEKS_BEFORE + 1, -1
