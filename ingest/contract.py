"""The contract of the three sources: their columns or properties, what each means, and what is not told without it.

Loading, the mapping of other names, `check` and `docs/contract/` take from here which columns there are. What events
must and may say is the event catalogue's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ingest.event_catalogue import EVENT_TYPES, always_required, further_properties

FieldType = Literal["text", "integer", "number", "day", "moment"]


@dataclass(frozen=True)
class Field:
    """One column of a file, or property of an event.

    Attributes:
        is_required: a file without it is refused, and so is an event without this property.
        is_filled: a row where it is empty is rejected; of the mentors' tier, the file is refused.
        sections: the sections of the answer, by their names in its JSON, that say less without it.
        without_it: what becomes of them where it is missing.
    """

    name: str
    type: FieldType
    description: str
    is_required: bool = True
    is_filled: bool = False
    sections: tuple[str, ...] = ()
    without_it: str = ""


@dataclass(frozen=True)
class Contract:
    """One source; `fields` in the order of its columns, `key` says whose a row is."""

    source: str
    description: str
    key: str
    fields: tuple[Field, ...]

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.is_required)

    @property
    def optional(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if not field.is_required)


USERS = Contract(
    "users",
    "The full export of the users table: one row per user.",
    "user_id",
    (
        Field("user_id", "integer", "The user, an integer of 64 bits, also as text.", is_filled=True),
        Field(
            "company_id",
            "text",
            "The company that the user belongs to.",
            sections=("confounding", "robustness", "reliability"),
            without_it="users cannot be compared within a company and by its size, "
            "nor double bookings of one company told apart",
        ),
        Field("signup_date", "day", "The day of sign-up, or a moment of it, UTC unless it says.", is_filled=True),
        Field(
            "status",
            "text",
            "The user's status, in any case of letters.",
            sections=("sensitivity",),
            without_it="users who have left cannot be left out of the count for comparison",
        ),
        Field(
            "updated_at",
            "moment",
            "The moment from which the row holds, else that of its load.",
            is_required=False,
            sections=("parameters",),
            without_it="an answer as of an earlier moment knows what changed of users by the loads alone",
        ),
    ),
)
MENTORS = Contract(
    "mentors",
    "The mentor sheet, always complete: one row per mentor. Who is no longer on it has left.",
    "mentor_id",
    (
        Field("mentor_id", "text", "The mentor, as the booking events name them.", is_filled=True),
        Field(
            "tier",
            "text",
            "The tier, in any case of letters. A sheet with a mentor without one is refused.",
            True,
            True,
        ),
        Field(
            "hourly_rate",
            "number",
            "Price of an hour, 0 or more; anything else is left empty and noted.",
            sections=("robustness",),
            without_it="whether price says the same as the tier cannot be told",
        ),
        Field(
            "updated_at",
            "moment",
            "The moment from which the row holds, else that of its load.",
            is_required=False,
            sections=("rebooking", "intent"),
            without_it="tiers of the past are those of the first load: with tier_attribution at_session "
            "a change before it is not seen",
        ),
    ),
)

_OF_EVENTS = {
    "event_id": Field("event_id", "text", "The event; an identical copy is a duplicate.", is_filled=True),
    "user_id": Field("user_id", "integer", "The user who books, an integer of 64 bits, also as text.", is_filled=True),
    "mentor_id": Field("mentor_id", "text", "The mentor, as the mentor sheet names them.", is_filled=True),
    "timestamp": Field(
        "timestamp", "moment", "When it happened; from 2000 to a day ahead of the load.", is_filled=True
    ),
    "event_type": Field("event_type", "text", "What happened, in any case of letters.", is_filled=True),
    "duration_seconds": Field(
        "duration_seconds",
        "number",
        "Seconds that the session took.",
        sections=("reliability",),
        without_it="a session whose end comes too late counts as one without a recorded end",
    ),
    "cancelled_by": Field(
        "cancelled_by",
        "text",
        "Who cancelled.",
        sections=("booking_details",),
        without_it="cancellations are not split by who cancelled",
    ),
    "cancellation_reason": Field(
        "cancellation_reason",
        "text",
        "Why it was cancelled.",
        sections=("booking_details",),
        without_it="cancellations are not split by reason",
    ),
    "requested_duration_minutes": Field(
        "requested_duration_minutes",
        "number",
        "Minutes asked for.",
        sections=("booking_details",),
        without_it="the length asked for does not stand beside the actual one",
    ),
    "confirmed_start_time": Field(
        "confirmed_start_time",
        "moment",
        "The start agreed on.",
        sections=("reliability", "booking_details"),
        without_it="no-shows are told by the age of the confirmation, and the notice of a cancellation is not known",
    ),
    "rating": Field("rating", "integer", "The rating of the session, from 1, the worst, to 5.", is_filled=True),
    "churn_reason": Field(
        "churn_reason",
        "text",
        "Why the user leaves.",
        sections=("optional_events",),
        without_it="users who leave are not split by reason",
    ),
    "viewed_from": Field(
        "viewed_from", "text", "The page or the message that led to the profile. It is kept, and counted nowhere yet."
    ),
    "signup_source": Field("signup_source", "text", "What led the user here. It is kept, and counted nowhere yet."),
}


def _event_fields() -> tuple[Field, ...]:
    """The properties of the catalogue.

    Raises:
        ValueError: nothing is said here of one of them.
    """
    names = (*always_required(), *further_properties())
    if unsaid := [name for name in names if name not in _OF_EVENTS]:
        raise ValueError(f"ingest/contract.py does not say what {', '.join(unsaid)} of the event catalogue means")
    return tuple(Field(**(vars(_OF_EVENTS[name]) | {"is_required": name in always_required()})) for name in names)


EVENTS = Contract(
    "booking_events", "The event stream of the booking tool: one object per event.", "event_id", _event_fields()
)
CONTRACTS = {contract.source: contract for contract in (USERS, MENTORS, EVENTS)}

# What is not told where no event of a type comes: the sections of the answer, and why.
WITHOUT_EVENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "session_started": (
        ("rebooking", "intent", "time_to_rebooking", "cohorts", "mentors"),
        "there is no session, and so nobody who could come back: the headline has no figures",
    ),
    "session_ended": (("reliability",), "every end is estimated, and double bookings cannot be found"),
    "booking_requested": (
        ("reliability", "reliability_in_time", "intent", "rebooking"),
        "there is no booking: the booking system cannot be judged, nor rebooking counted by bookings",
    ),
    "booking_confirmed": (("reliability",), "there are no no-shows: nothing says what was agreed on"),
    "booking_cancelled": (
        ("reliability", "booking_details"),
        "no booking is cancelled, and what was called off counts as an orphan",
    ),
    # Kept, and counted nowhere yet.
    "user_signed_up": ((), ""),
    "user_activated": ((), ""),
    "user_churned": (("optional_events",), "it is not known who leaves, nor why"),
    "mentor_profile_viewed": (
        ("optional_events",),
        "it is not known how many of those who look at a mentor's profile ask for a session",
    ),
    "session_reviewed": (("optional_events",), "it is not known what users think of their sessions"),
}
if missing := [event.name for event in EVENT_TYPES if event.name not in WITHOUT_EVENTS]:
    raise ValueError(f"ingest/contract.py does not say what is not told without {', '.join(missing)}")
