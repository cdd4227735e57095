"""What the words of the answer mean."""

from __future__ import annotations

from presentation.content import Section, Terms
from presentation.wording import count_of
from settings import Settings


def definitions(settings: Settings) -> Section:
    """What the words of the answer mean, under these settings."""
    days = settings.rebooking_window_days
    window = "at any later time" if days is None else f"within {count_of(days, 'day')} of it"
    mature = "nobody ever is: without a limit no window is over."
    if days is not None:
        since = count_of(days, "day")
        mature = f"had the first session at least {since} before the as-of time, so the whole window was observed."
    tier = {
        "current": "the latest known tier of the mentor",
        "at_session": "the tier the mentor had at the first session",
    }[settings.tier_attribution]
    reschedule = count_of(settings.reschedule_hours, "hour")
    no_show, orphan = count_of(settings.no_show_grace_days, "day"), count_of(settings.orphan_grace_days, "day")
    longest, usual = count_of(settings.max_session_hours, "hour"), count_of(settings.default_session_minutes, "minute")
    terms = [
        ("Tier of a user", f"that of the mentor of the user's first session ever: {tier}."),
        ("Rebooked, by sessions", f"had a session with any mentor after the first one, {window}."),
        ("Rebooked, by bookings", f"the same over bookings that were not cancelled, by known users, {window}."),
        ("Mature user", mature),
        ("Intent rate", "users who asked for another session in the window, of all with a first session."),
        ("Commitment rate", "users who attended one of the sessions they asked for, of those who asked."),
        ("Rescheduled", f"cancelled, and asked for again within {reschedule}."),
        ("No-show", f"confirmed more than {no_show} ago, and no session since; until then the booking is upcoming."),
        ("No-show rate", "no-shows, of attended bookings and no-shows."),
        ("Orphan", f"a request that nobody answered for more than {orphan}; until then it is open."),
        ("Confirmation rate", "bookings attended or confirmed, of all bookings."),
        ("Cancellation rate, orphan rate", "cancelled bookings, and orphans, of all bookings."),
        ("Estimated end", f"of a session without a recorded end within {longest}; it is taken to last {usual}."),
        ("Interval", f"{settings.confidence_level * 100:g} % of such intervals hold the true value."),
        ("p", "how often chance alone would give a difference as large, if there were none."),
    ]
    return Section("definitions", "Definitions", [Terms(terms)])
