"""The tracking plan of the booking tool, `seeds/event_catalogue.csv`: its events, what each must say and may say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from settings import PROJECT_ROOT, read_seed


@dataclass(frozen=True)
class EventType:
    """One type of event: without a `required` property it is rejected, an `optional` one is kept where present.

    Attributes:
        is_optional: no booking and no session is rebuilt from it; the booking tool need not send it.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    is_optional: bool = False
    description: str = ""


def _event_type(row: dict[str, str]) -> EventType:
    required, optional = (
        tuple(name for name in row[f"{kind}_properties"].split("|") if name) for kind in ("required", "optional")
    )
    return EventType(row["event_type"], required, optional, row["precedence"] == "0", row["description"])


# The properties that are whole numbers, each with its least and its greatest value.
RANGES = {"rating": (1, 5)}
EVENT_TYPES = tuple(map(_event_type, read_seed(PROJECT_ROOT / "seeds" / "event_catalogue.csv")))


def always_required(event_types: Iterable[EventType] = EVENT_TYPES) -> tuple[str, ...]:
    """The properties that every event but an optional one must have, in the order of the catalogue; its type is one."""
    first, *others = (event for event in event_types if not event.is_optional)
    return (*(name for name in first.required if all(name in other.required for other in others)), "event_type")


def further_properties(event_types: Iterable[EventType] = EVENT_TYPES) -> tuple[str, ...]:
    """The properties that events of some types have, required or not, in the order of the catalogue."""
    event_types = tuple(event_types)
    names = dict.fromkeys(name for event in event_types for name in (*event.required, *event.optional))
    return tuple(name for name in names if name not in always_required(event_types))


def exempt(name: str, event_types: Iterable[EventType] = EVENT_TYPES) -> tuple[str, ...]:
    """The optional types whose events need not have a property of `always_required`."""
    if name == "event_type":
        return ()
    return tuple(event.name for event in event_types if event.is_optional and name not in event.required)


def only_of(name: str, event_types: Iterable[EventType] = EVENT_TYPES) -> tuple[str, ...]:
    """The types that have a property, where all of them are optional: on other events it is not read."""
    having = [event for event in event_types if name in (*event.required, *event.optional)]
    return tuple(event.name for event in having) if all(event.is_optional for event in having) else ()
