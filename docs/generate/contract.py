"""The contract of the sources as data, docs/contract/: `python -m docs.generate.contract` writes it.

`booking_events.schema.json` is the JSON Schema of one event, `sources.odcs.yaml` all three sources by the Open Data
Contract Standard. Both come from `ingest.contract`, the event catalogue and the patterns that loading uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlmesh.utils import yaml

from docs.generate.schema import DIALECT
from ingest.contract import CONTRACTS, EVENTS, MENTORS, USERS, Contract, Field
from ingest.event_catalogue import EVENT_TYPES, RANGES, EventType, always_required, exempt, only_of
from ingest.normalisation import CLOCK_GRACE, ISO_8601, WHITE_SPACE
from ingest.sources import USUAL_NAMES
from settings import HISTORY_START, PROJECT_ROOT, project_version

FOLDER = PROJECT_ROOT / "docs" / "contract"
EVENT_SCHEMA = FOLDER / "booking_events.schema.json"
ODCS = FOLDER / "sources.odcs.yaml"

# Why an event that the schema takes may be rejected all the same.
NOT_EXPRESSED = {
    "invalid_user_id": "an integer of text beyond 64 bits, or one written as 1.0 or 1e3",
    "invalid_timestamp": "a day or an hour that is not in the calendar, or a year before 1",
    "implausible_timestamp": f"a time before {HISTORY_START}, or more than {CLOCK_GRACE.days} day ahead of the load",
    **{f"invalid_{name}": "an integer written as 1.0 or 1e0" for name in RANGES},
    "repeated_property": "a property that stands twice in an object",
    "conflicting_event_id": "an event_id that another event has (an identical copy is a duplicate)",
}
_BLANK = "".join(f"\\u{ord(character):04x}" for character in WHITE_SPACE)
# Letters that are those of ASCII in lower case.
_FOLDED = {"i": "\\u0130", "k": "\\u212a"}
_MOMENT = ISO_8601.replace(r"\d", "[0-9]").replace("[T ]", "[Tt ]").replace("(Z|", "([Zz]|")
_TYPES = {"text": "string", "integer": "integer", "number": "number", "day": "date", "moment": "timestamp"}


def event_schema(event_types: tuple[EventType, ...] = EVENT_TYPES) -> str:
    """The JSON Schema of one booking event, as text: what loading takes, but for `NOT_EXPRESSED`."""
    unsaid = "; ".join(f"{reason}: {what}" for reason, what in NOT_EXPRESSED.items())
    document: dict[str, Any] = {
        "$schema": DIALECT,
        "$comment": "Written by python -m docs.generate.contract. What this schema takes and loading may reject all "
        f"the same, by the reasons that rejects shows: {unsaid}.",
        "title": "Booking event",
        "description": "One event of the booking tool. Other properties are allowed, and not loaded.",
        "type": "object",
        "properties": {field.name: _event_property(field, event_types) for field in EVENTS.fields},
        "required": [name for name in always_required(event_types) if not exempt(name, event_types)],
    }
    exemptions = [(name, types) for name in always_required(event_types) if (types := exempt(name, event_types))]
    conditions = [_but_of_types(name, types) for name, types in exemptions]
    conditions += [_of_type(event, event_types) for event in event_types if _own(event, event_types)]
    if conditions:
        document["allOf"] = conditions
    return json.dumps(document, indent=2) + "\n"


def _event_property(field: Field, event_types: tuple[EventType, ...]) -> dict[str, Any]:
    described = {"description": _description(field, event_types)}
    without_nul = {"not": {"type": "string", "pattern": "\\u0000"}}
    if field.name not in always_required(event_types):
        return described | without_nul
    whole = "^[{0}]*{1}[{0}]*$"
    if field.name == "event_type":
        names = "|".join(_any_case(event.name) for event in event_types)
        return described | {"type": "string", "pattern": whole.format(_BLANK, f"({names})")}
    if field.type == "moment":
        return described | {"type": "string", "pattern": whole.format(_BLANK, f"({_MOMENT})")}
    if field.type == "integer":
        number = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
        return described | {"anyOf": [number, {"type": "string", "pattern": whole.format(_BLANK, "[+-]?[0-9]+")}]}
    if exempt(field.name, event_types):
        return described | {"type": ["string", "number", "boolean", "null"]} | without_nul
    return described | {"type": ["string", "number", "boolean"], "pattern": f"[^{_BLANK}]"} | without_nul


def _of_type(event: EventType, event_types: tuple[EventType, ...]) -> dict[str, Any]:
    """What one type requires beyond the others."""
    own = _own(event, event_types)
    filled = {"type": ["string", "number", "boolean", "object", "array"], "pattern": f"[^{_BLANK}]"}
    return {
        "if": _is_of_types([event.name]),
        "then": {"required": own, "properties": {name: _in_range(name) or filled for name in own}},
    }


def _but_of_types(name: str, types: tuple[str, ...]) -> dict[str, Any]:
    """What every type requires but these."""
    filled = {"type": ["string", "number", "boolean"], "pattern": f"[^{_BLANK}]"}
    return {"if": {"not": _is_of_types(types)}, "then": {"required": [name], "properties": {name: filled}}}


def _is_of_types(names: Iterable[str]) -> dict[str, Any]:
    pattern = f"^[{_BLANK}]*({'|'.join(map(_any_case, names))})[{_BLANK}]*$"
    return {"properties": {"event_type": {"type": "string", "pattern": pattern}}, "required": ["event_type"]}


def _in_range(name: str) -> dict[str, Any] | None:
    """What a whole number may be, where it is one."""
    if name not in RANGES:
        return None
    low, high = RANGES[name]
    digits = f"^[{_BLANK}]*[+]?0*[{low}-{high}][{_BLANK}]*$"
    return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, {"type": "string", "pattern": digits}]}


def _own(event: EventType, event_types: tuple[EventType, ...]) -> list[str]:
    return [name for name in event.required if name not in always_required(event_types)]


def _any_case(name: str) -> str:
    return "".join(
        f"[{letter.upper()}{letter}{_FOLDED.get(letter, '')}]" if letter.isalpha() else letter for letter in name
    )


def _description(field: Field, event_types: tuple[EventType, ...] = ()) -> str:
    of = [event.name for event in event_types if field.name in event.optional] or only_of(field.name, event_types)
    types = f" Of {' and '.join(of)}." if of else ""
    if but := exempt(field.name, event_types):
        types += f" {', '.join(but)} need none."
    return f"{field.description}{types}{f' Without it {field.without_it}.' if field.without_it else ''}"


def odcs() -> str:
    """The three sources by the Open Data Contract Standard, as YAML."""
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "mentor-analytics-sources",
        "name": "Sources of mentor-analytics",
        "version": project_version(),
        "status": "active",
        "description": {
            "purpose": "What the users export, the mentor sheet and the booking events must and may say, for sessions "
            "and bookings to be rebuilt from them.",
            "usage": "python cli.py check FOLDER holds a folder of files against it. Other names of files, columns "
            "and event types are mapped by sources.toml.",
            "limitations": "A row that breaks a rule is rejected, kept with its reason and counted: rows read = "
            "loaded + known + duplicates + rejected. A file without a required column is refused.",
        },
        "schema": [_odcs_object(contract) for contract in CONTRACTS.values()],
    }
    return "# Written by python -m docs.generate.contract\n" + str(yaml.dump(document))


def _odcs_object(contract: Contract) -> dict[str, Any]:
    rules = {
        USERS.source: ["A user twice: the first row of the file stays, the rest are duplicates."],
        MENTORS.source: [
            "A mentor twice: a row that differs from the first is rejected as conflicting_mentor_id.",
            "The sheet is complete: a mentor who is not on it has left.",
        ],
        EVENTS.source: [f"Rejected as {reason}: {what}." for reason, what in NOT_EXPRESSED.items()],
    }
    return {
        "name": contract.source,
        "physicalName": USUAL_NAMES[contract.source][0],
        "physicalType": "file",
        "logicalType": "object",
        "description": contract.description,
        "dataGranularityDescription": f"One row per {contract.key}",
        "properties": [_odcs_property(contract, field) for field in contract.fields],
        "quality": [{"type": "text", "description": rule} for rule in rules[contract.source]],
    }


def _odcs_property(contract: Contract, field: Field) -> dict[str, Any]:
    event_types = EVENT_TYPES if contract is EVENTS else ()
    found: dict[str, Any] = {
        "name": field.name,
        "logicalType": _TYPES[field.type],
        "description": _description(field, event_types),
        "required": field.is_filled and not (exempt(field.name) or only_of(field.name)),
        "customProperties": [{"property": "columnMustExist", "value": field.is_required}],
    }
    if field.name == contract.key:
        found |= {"primaryKey": True, "primaryKeyPosition": 1, "unique": True}
    if field.name == "event_type":
        names = [event.name for event in event_types]
        found["quality"] = [
            {"type": "library", "metric": "invalidValues", "arguments": {"validValues": names}, "mustBe": 0}
        ]
    return found


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    EVENT_SCHEMA.write_text(event_schema(), encoding="utf-8")
    ODCS.write_text(odcs(), encoding="utf-8")


if __name__ == "__main__":
    main()
