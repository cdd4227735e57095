"""The catalogue of docs/tracking-plan.md, between its marks: `python -m docs.generate.tracking_plan` writes it."""

from __future__ import annotations

from docs.generate.dictionary import code, row
from ingest.contract import EVENTS, WITHOUT_EVENTS, Field
from ingest.event_catalogue import EVENT_TYPES, RANGES, EventType, always_required, exempt
from settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "tracking-plan.md"
BEGIN = "<!-- From here on written by python -m docs.generate.tracking_plan -->"
END = "<!-- Up to here -->"
_TYPES = {"text": "text", "integer": "whole number", "number": "number", "moment": "time, ISO 8601"}


def with_catalogue(page: str) -> str:
    """A page with the event catalogue of now between its marks.

    Raises:
        ValueError: it has not each mark once.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"{PAGE.name} has to have the lines {BEGIN!r} and {END!r}, each once")
    head, rest = page.split(BEGIN)
    return "\n".join([f"{head}{BEGIN}\n", *_catalogue(), f"\n{END}{rest.split(END)[1]}"])


def _catalogue() -> list[str]:
    everywhere = ", ".join(map(code, always_required()))
    needless = {name: types for name in always_required() if (types := exempt(name))}
    but = "; ".join(f"{code(name)} is not needed by {', '.join(map(code, types))}" for name, types in needless.items())
    return [
        f"Every event has {everywhere}; {but}.\n",
        "Bookings and sessions are rebuilt from these events:\n",
        *_events([event for event in EVENT_TYPES if not event.is_optional]),
        "\nThese are optional. Where they come, the answer says more; nothing else depends on them:\n",
        *_events([event for event in EVENT_TYPES if event.is_optional]),
        "\nWhat the properties mean:\n",
        row(["property", "type", "meaning", "without it"]),
        row(["---"] * 4),
        *(
            row([code(field.name), _type_of(field), _described(field), field.without_it or "–"])
            for field in EVENTS.fields
        ),
    ]


def _events(events: list[EventType]) -> list[str]:
    header = ["event", "what it says", "must have as well", "may have", "without it"]
    return [
        row(header),
        row(["---"] * len(header)),
        *(
            row(
                [
                    code(event.name),
                    event.description,
                    _names([name for name in event.required if name not in always_required()]),
                    _names(event.optional),
                    WITHOUT_EVENTS[event.name][1] or "nothing yet: it is kept, and counted nowhere",
                ]
            )
            for event in events
        ),
    ]


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(map(code, names)) or "–"


def _type_of(field: Field) -> str:
    if field.name in RANGES:
        low, high = RANGES[field.name]
        return f"{_TYPES[field.type]}, {low} to {high}"
    return _TYPES[field.type]


def _described(field: Field) -> str:
    return field.description.removesuffix(".")


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_catalogue(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
