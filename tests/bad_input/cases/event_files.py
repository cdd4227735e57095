"""JSON, gzip and types of events."""

from __future__ import annotations

import gzip
import json

from tests.bad_input.cases.case import (
    BROKEN,
    EVENTS_FILE,
    LINES_FILE,
    LONG,
    NO_GZIP,
    NOT_CLOSED,
    NOT_UTF_8,
    ONE,
    TWO,
    Case,
    case,
    events,
    field,
    lines,
    refused,
)
from tests.conftest import event


def broken(name: str, content: str, reason: str) -> Case:
    return case("JSON", name, EVENTS_FILE, content, refused=refused(EVENTS_FILE, reason))


JSON = [
    broken("cut between two events", f"[{ONE},", NOT_CLOSED),
    broken("cut within an event", f"[{ONE}"[:-20], NOT_CLOSED),
    broken("an object, not an array", ONE, "is not a JSON array: it starts with '{' instead of '['"),
    broken(
        "an array within an object", f'{{"events": [{ONE}]}}', "is not a JSON array: it starts with '{' instead of '['"
    ),
    broken("a text", '"events"', "is not a JSON array: it starts with '\"' instead of '['"),
    broken("a web page", "<html></html>", "is not a JSON array: it starts with '<' instead of '['"),
    broken("empty", "", "is empty"),
    broken("a comma too many", f"[{ONE},]", BROKEN.format("1 in record 2: input length is 0.")),
    broken("a comma too few", f"[{ONE} {TWO}]", BROKEN.format(f"{len(ONE) + 1} in record 2: unexpected character.")),
    broken("two arrays", f"[{ONE}]\n[{TWO}]", BROKEN.format(f"{len(ONE) + 3} in record 3: unexpected character.")),
    broken("a bracket too many", f"[{ONE}]]", BROKEN.format("1 in record 2: input length is 0.")),
    broken("a comment", f"[{ONE}, /* [] */ {TWO}]", BROKEN.format("1 in record 2: unexpected character.")),
    broken("single quotes", "[{'event_id': 'a'}]", BROKEN.format("2 in record 1: unexpected character.")),
    broken(
        "a value never closed", f'[{{"a": {ONE}]', BROKEN.format(f"{len(ONE) + 7} in record 1: unexpected character.")
    ),
    case("JSON", "an array without events", EVENTS_FILE, "[]"),
    events(
        "JSON",
        "elements that are no objects",
        [],
        [event("a")],
        "null",
        '"text"',
        "5",
        "true",
        fates=("not_an_object",) * 6,
    ),
    events("JSON", "an empty object", {}, fates=("missing_event_id",)),
    events("JSON", "white space between all tokens", '\n\t{ "event_id"\n:\t"a" }', fates=("missing_user_id",)),
    field("JSON", "NaN for an id", "user_id", "NaN", "invalid_user_id"),
    field("JSON", "-Infinity for an id", "user_id", "-Infinity", "invalid_user_id"),
    field("JSON", "NaN in a property", "duration_seconds", "NaN", "loaded", "NaN"),
    field("JSON", "an object for a mentor", "mentor_id", '{"id": "M-1"}', "nested_value"),
    field("JSON", "a list for a mentor", "mentor_id", '["M-1"]', "nested_value"),
    field("JSON", "braces in a text", "mentor_id", '"{M-1} [x]"', "loaded", "{M-1} [x]"),
    field("JSON", "a list in a property of the tracking plan", "cancellation_reason", '["late"]', "loaded", '["late"]'),
    events(
        "JSON",
        "a property twice",
        f'{{"event_id": "b", {ONE[1:]}',
        f'{{"event_id": "a", {ONE[1:]}',
        fates=("repeated_property", "repeated_property"),
    ),
    events(
        "JSON",
        "a property nested five hundred deep",
        f'{{"deep": {"[" * 500}{"]" * 500}, {ONE[1:]}',
        fates=("loaded",),
        notes=("columns that are not loaded: deep",),
    ),
    events("JSON", "a text of a million characters", event("a", mentor_id=LONG), fates=("loaded",)),
    events(
        "JSON",
        "an event of 40 MB",
        event("a", cancellation_reason=LONG * 40),
        refused=refused(EVENTS_FILE, "cannot be read: broken JSON, or a single event of more than 16 MB"),
    ),
    lines(
        "JSON",
        "lines: a broken one",
        f"{ONE}\n{TWO}\n{{bad}}\n",
        refused=refused(LINES_FILE, BROKEN.format("2 in line 3: unexpected character.")),
    ),
    lines(
        "JSON",
        "lines: the last one cut off",
        f"{ONE}\n{TWO[:-9]}",
        refused=refused(LINES_FILE, BROKEN.format(f"{len(TWO) - 8} in line 2: unexpected end of data.")),
    ),
    lines(
        "JSON",
        "lines: an event over several lines",
        json.dumps(event("a"), indent=1),
        refused=refused(LINES_FILE, BROKEN.format("2 in line 1: unexpected end of data.")),
    ),
    lines(
        "JSON",
        "lines: two events on one",
        f"{ONE}{TWO}\n",
        refused=refused(LINES_FILE, BROKEN.format(f"{len(ONE) + 1} in line 1: unexpected content after document")),
    ),
    lines(
        "JSON",
        "lines: commas between them",
        f"{ONE},\n{TWO}\n",
        refused=refused(LINES_FILE, BROKEN.format(f"{len(ONE) + 1} in line 1: unexpected content after document")),
    ),
    lines(
        "JSON",
        "lines: a single character",
        "{",
        refused=refused(LINES_FILE, BROKEN.format("2 in line 1: unexpected end of data.")),
    ),
    lines(
        "JSON",
        "lines: two events on one, after a byte order mark",
        f"\ufeff{ONE} {TWO}\n",
        refused=refused(LINES_FILE, "is broken JSON: 1 lines hold 2 events that can be read"),
    ),
    lines("JSON", "lines: an array on each", f"[{ONE}]\n{TWO}\n", "not_an_object", "loaded"),
]


def zipped(name: str, content: bytes, *fates: str, reason: str | None = None) -> Case:
    outcome = {"refused": refused(f"{LINES_FILE}.gz", reason)} if reason else {}
    return case("gzip", name, f"{LINES_FILE}.gz", content, *fates, **outcome)


GZIP = gzip.compress(f"{ONE}\n{TWO}\n".encode(), mtime=0)
COMPRESSED = [
    zipped("whole", GZIP, "loaded", "loaded"),
    zipped(
        "two, one after the other", gzip.compress(f"{ONE}\n".encode()) + gzip.compress(TWO.encode()), "loaded", "loaded"
    ),
    zipped("cut off", GZIP[:-20], reason=NO_GZIP),
    zipped("a damaged checksum", GZIP[:-8] + bytes(4) + GZIP[-4:], reason=NO_GZIP),
    zipped("something behind it", GZIP + b"garbage", reason=NO_GZIP),
    zipped("zeros behind it", GZIP + bytes(512), reason="cannot be read: Input is not a GZIP stream"),
    zipped("of nothing", gzip.compress(b""), reason="is empty"),
    zipped("of Latin-1", gzip.compress(b'{"event_id": "\xe9"}'), reason=NOT_UTF_8),
    zipped("not compressed at all", ONE.encode(), reason=NO_GZIP),
    case("gzip", "under a name that does not say so", EVENTS_FILE, GZIP, refused=refused(EVENTS_FILE, NOT_UTF_8)),
]

TYPES = [
    field("Event types", f"event of type {value}", "event_type", value, fate, stored)
    for value, fate, stored in (
        ('" Session_STARTED "', "loaded", "session_started"),
        ('"booking_moved"', "unknown_event_type", None),
        ('"booking requested"', "unknown_event_type", None),
        ("5", "unknown_event_type", None),
        ('""', "missing_event_type", None),
        ("null", "missing_event_type", None),
        ('{"name": "session_started"}', "nested_value", None),
    )
]
_RATING = "SELECT CAST(rating AS VARCHAR) FROM raw.booking_events WHERE event_id = 'new'"
OPTIONAL = [
    *(
        events(
            "Optional events",
            f"a review with the rating {json.dumps(rating)}",
            event("new", event_type="session_reviewed", rating=rating),
            fates=(fate,),
            stored=(_RATING, [(stored,)] if stored else []),
        )
        for rating, fate, stored in (
            (5, "loaded", "5"),
            (" 1 ", "loaded", "1"),
            (0, "invalid_rating", None),
            (6, "invalid_rating", None),
            (4.5, "invalid_rating", None),
            ("x", "invalid_rating", None),
            ([5], "invalid_rating", None),
            ("", "missing_rating", None),
            (None, "missing_rating", None),
        )
    ),
    *(
        events(
            "Optional events", f"{kind} without a mentor", event("new", event_type=kind, mentor_id=None), fates=(fate,)
        )
        for kind, fate in (
            ("user_churned", "loaded"),
            ("user_signed_up", "loaded"),
            ("mentor_profile_viewed", "missing_mentor_id"),
        )
    ),
    events(
        "Optional events",
        "a rating that is none on another event",
        event("new", rating="x"),
        fates=("loaded",),
        notes=("columns that are not loaded: rating",),
        stored=(_RATING, [(None,)]),
    ),
]
