"""The tracking plan of the booking tool, `seeds/event_catalogue.csv`: its events, what each must say and may say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from settings import PROJECT_ROOT, read_seed


@dataclass(frozen=True)
class EventType:
    """One type of event: without a `required` property it is rejected, an `optional` one is kept where present."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


def _event_type(row: dict[str, str]) -> EventType:
    required, optional = (
        tuple(name for name in row[f"{kind}_properties"].split("|") if name) for kind in ("required", "optional")
    )
    return EventType(row["event_type"], required, optional)


EVENT_TYPES = tuple(map(_event_type, read_seed(PROJECT_ROOT / "seeds" / "event_catalogue.csv")))


def always_required(event_types: Iterable[EventType] = EVENT_TYPES) -> tuple[str, ...]:
    """The properties that an event of every type must have, in the order of the catalogue; its type is one."""
    first, *others = event_types
    return (*(name for name in first.required if all(name in other.required for other in others)), "event_type")


def further_properties(event_types: Iterable[EventType] = EVENT_TYPES) -> tuple[str, ...]:
    """The properties that events of some types have, required or not, in the order of the catalogue."""
    event_types = tuple(event_types)
    names = dict.fromkeys(name for event in event_types for name in (*event.required, *event.optional))
    return tuple(name for name in names if name not in always_required(event_types))
