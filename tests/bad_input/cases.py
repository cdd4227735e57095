"""Bad input, case by case: how each file is made, and what must come of it.

A case changes one file of a good data folder whose content is in the warehouse already: users 1
and 2, mentors M-1 and M-2, event e1. What must come of it is either the line it is refused with,
or the fate of each row of the changed file, in the file's order: `loaded`, `known`, `duplicate`,
or the reason it is rejected for.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.source_files import MENTORS_FILE, USERS_FILE
from tests.conftest import MENTORS_CSV, USERS_CSV, event

EVENTS_FILE = "booking_events.json"
LINES_FILE = "booking_events.jsonl"
LONG = "x" * 1_000_000


@dataclass(frozen=True)
class Case:
    """One bad input.

    `make` changes the good folder; `interfere` does so between the inspection of the files and
    their loading. `refused` is the message, `{folder}` standing for the data folder. `fates` are
    those of the rows of `file`; `stored` is a query and the rows it must give after the load.
    `folder` is the name of the data folder. `notes` are what the load must say beside the counts.
    """

    group: str
    name: str
    file: str
    make: Callable[[Path], None]
    refused: str | None = None
    fates: tuple[str, ...] | None = None
    stored: tuple[str, list[tuple]] | None = None
    notes: tuple[str, ...] = ()
    folder: str = "data"
    interfere: Callable[[Path], None] | None = None


def write(name: str, content: bytes | str) -> Callable[[Path], None]:
    """Puts `content` in the place of a file; the event files stand in each other's place."""

    def make(folder: Path) -> None:
        if name.startswith("booking_events"):
            (folder / EVENTS_FILE).unlink()
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def case(group: str, name: str, file: str, content: bytes | str, *fates: str, **outcome) -> Case:
    return Case(group, name, file, write(file, content), fates=fates if "refused" not in outcome else None, **outcome)


def users(group: str, name: str, rows: str, *fates: str, **outcome) -> Case:
    """Rows after the two users who are known."""
    return case(group, name, USERS_FILE, USERS_CSV + rows, "known", "known", *fates, **outcome)


def mentors(group: str, name: str, rows: str, *fates: str, **outcome) -> Case:
    """Rows after the two mentors who are known."""
    return case(group, name, MENTORS_FILE, MENTORS_CSV + rows, "known", "known", *fates, **outcome)


def events(group: str, name: str, *rows: object, fates: tuple[str, ...] = (), **outcome) -> Case:
    """Events after the one that is known; text stands for JSON as it is."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in (event("e1"), *rows)]
    return case(group, name, EVENTS_FILE, f"[{','.join(texts)}]", "known", *fates, **outcome)


def lines(group: str, name: str, content: bytes | str, *fates: str, **outcome) -> Case:
    return case(group, name, LINES_FILE, content, *fates, **outcome)


def field(group: str, name: str, column: str, value: str, fate: str, stored: object = None, key: str = "new") -> Case:
    """One more event, a field of it as JSON text; `stored` is what the warehouse must then hold as text."""
    row = {name: json.dumps(text) for name, text in event(key).items()} | {column: value}
    text = "{" + ", ".join(f'"{name}": {text}' for name, text in row.items()) + "}"
    column = "occurred_at" if column == "timestamp" else column
    query = f"SELECT CAST({column} AS VARCHAR) FROM raw.booking_events WHERE event_id <> 'e1'"
    return events(group, name, text, fates=(fate,), stored=(query, [] if stored is None else [(stored,)]))


def refused(file: str, reason: str) -> str:
    return f"{{folder}}/{file} {reason}"


NOT_UTF_8 = "is not UTF-8 text; save it as UTF-8 and load again"
NOT_CLOSED = "is broken JSON: the array is not closed (a truncated file?)"
NO_GZIP = "is not a complete gzip file; transfer it again"
BROKEN = "cannot be read: Malformed JSON at byte {}"
COMPANY = "SELECT company_id FROM raw.users WHERE user_id > 2"
MENTOR = "SELECT mentor_id FROM raw.mentors WHERE mentor_id NOT IN ('M-1', 'M-2')"
ONE, TWO = json.dumps(event("a")), json.dumps(event("b"))
MORE = "3,7,2023-01-03,active\n"
HEADER = "user_id,company_id,signup_date,status"

ENCODINGS = [
    case("Encoding", "users: UTF-8 with a byte order mark", USERS_FILE, "\ufeff" + USERS_CSV, "known", "known"),
    case("Encoding", "mentors: UTF-8 with a byte order mark", MENTORS_FILE, "\ufeff" + MENTORS_CSV, "known", "known"),
    case("Encoding", "events: UTF-8 with a byte order mark", EVENTS_FILE, f"\ufeff[{ONE}]", "loaded"),
    lines("Encoding", "JSON lines with a byte order mark", f"\ufeff{ONE}\n{TWO}\n", "loaded", "loaded"),
    case(
        "Encoding",
        "gzip of JSON lines with a byte order mark",
        f"{LINES_FILE}.gz",
        gzip.compress(f"\ufeff{ONE}\n".encode()),
        "loaded",
    ),
    case("Encoding", "users in UTF-16", USERS_FILE, USERS_CSV.encode("utf-16"), refused=refused(USERS_FILE, NOT_UTF_8)),
    case(
        "Encoding",
        "users in UTF-16 without a byte order mark",
        USERS_FILE,
        "id,status\n1,active\n".encode("utf-16-le"),
        refused=refused(
            USERS_FILE,
            "lacks the column user_id, company_id, signup_date, status (found: "
            "i\ufffdd\ufffd, \ufffds\ufffdt\ufffda\ufffdt\ufffdu\ufffds\ufffd)",
        ),
    ),
    case(
        "Encoding",
        "events in UTF-16",
        EVENTS_FILE,
        f"[{ONE}]".encode("utf-16"),
        refused=refused(EVENTS_FILE, NOT_UTF_8),
    ),
    case(
        "Encoding",
        "events in UTF-16 without a byte order mark",
        EVENTS_FILE,
        f"[{ONE}]".encode("utf-16-le"),
        refused=refused(EVENTS_FILE, NOT_CLOSED),
    ),
    case(
        "Encoding",
        "users in Latin-1",
        USERS_FILE,
        f"{USERS_CSV}3,Müller,2023-01-03,active\n".encode("latin-1"),
        refused=refused(USERS_FILE, NOT_UTF_8),
    ),
    case(
        "Encoding",
        "mentors in Windows-1252",
        MENTORS_FILE,
        f"{MENTORS_CSV}M-3,Gold,“7”\n".encode("cp1252"),
        refused=refused(MENTORS_FILE, NOT_UTF_8),
    ),
    case(
        "Encoding",
        "events in Latin-1",
        EVENTS_FILE,
        json.dumps([event("é")], ensure_ascii=False).encode("latin-1"),
        refused=refused(EVENTS_FILE, NOT_UTF_8),
    ),
    case(
        "Encoding",
        "users: cut inside a character",
        USERS_FILE,
        USERS_CSV.encode() + "3,é".encode()[:-1],
        refused=refused(USERS_FILE, NOT_UTF_8),
    ),
    case(
        "Encoding",
        "users: an overlong encoding",
        USERS_FILE,
        USERS_CSV.encode() + b"3,\xc0\xaf,2023-01-03,active\n",
        refused=refused(USERS_FILE, NOT_UTF_8),
    ),
    users("Encoding", "users: a NUL character", f"3,7\0,2023-01-03,active\n4{MORE[1:]}", "nul_character", "loaded"),
    mentors("Encoding", "mentors: a NUL character", "M-3\0,Gold,7\n", "nul_character"),
    case(
        "Encoding",
        "events: a NUL character",
        EVENTS_FILE,
        f'[{ONE}, {{"event_id": "\0"}}]',
        refused=refused(EVENTS_FILE, BROKEN.format("15 in record 2: unexpected control character in string.")),
    ),
    field("Encoding", "events: an escaped NUL character", "mentor_id", r'"M-1\u0000"', "nul_character"),
    field(
        "Encoding", "events: a backslash and u0000, no NUL character", "mentor_id", r'"\\u0000"', "loaded", r"\u0000"
    ),
    field("Encoding", "events: escaped letters", "mentor_id", r'"\u004d-\u0031"', "loaded", "M-1"),
    events(
        "Encoding",
        "events: half a surrogate pair",
        '{"event_id": "\\ud800"}',
        refused=refused(EVENTS_FILE, BROKEN.format("21 in record 2: no low surrogate in string.")),
    ),
    field("Encoding", "events: emoji", "mentor_id", '"🧑‍🏫"', "loaded", "🧑‍🏫"),
    field("Encoding", "events: emoji, escaped", "mentor_id", r'"\ud83d\ude00"', "loaded", "😀"),
    users(
        "Encoding",
        "users: right-to-left text",
        "3,שלום \u202eabc,2023-01-03,active\n",
        "loaded",
        stored=(COMPANY, [("שלום \u202eabc",)]),
    ),
    field("Encoding", "events: no-break spaces around an id", "mentor_id", '"\u00a0M-1\ufeff"', "loaded", "M-1"),
]

LINE_ENDS = [
    *(
        case(
            "Line ends", f"users: {name}", USERS_FILE, (USERS_CSV + MORE).replace("\n", end), "known", "known", "loaded"
        )
        for name, end in {"LF": "\n", "CRLF": "\r\n", "CR": "\r", "blank lines between": "\n\r\n\n"}.items()
    ),
    users("Line ends", "users: all three mixed", MORE[:-1] + "\r4,7,2023-01-03,active\r\n", "loaded", "loaded"),
    users("Line ends", "users: none after the last row", MORE[:-1], "loaded"),
    users("Line ends", "users: a line of spaces", f"   \n{MORE}", "unreadable_line", "loaded"),
    users("Line ends", "users: Control-Z at the end", f"{MORE}\x1a", "loaded", "unreadable_line"),
    users(
        "Line ends",
        "users: a Unicode line separator within a field",
        "3,a\u2028b,2023-01-03,active\n",
        "loaded",
        stored=(COMPANY, [("a\u2028b",)]),
    ),
    lines("Line ends", "JSON lines: CRLF and blank lines", f"\r\n{ONE}\r\n  \r\n{TWO}\r\n", "loaded", "loaded"),
    lines("Line ends", "JSON lines: none after the last event", f"{ONE}\n{TWO}", "loaded", "loaded"),
    lines(
        "Line ends",
        "JSON lines: CR alone",
        f"{ONE}\r{TWO}\r",
        refused=refused(LINES_FILE, BROKEN.format(f"{len(ONE) + 1} in line 1: unexpected content after document")),
    ),
]

CSV = [
    users(
        "CSV",
        "a line end in quotes, then a bad row",
        f'3,"7\n8",2023-01-03,active\nx{MORE[1:]}4{MORE[1:]}',
        "loaded",
        "invalid_user_id",
        "loaded",
        stored=(COMPANY, [("7\n8",), ("7",)]),
        notes=("rows of several lines: 1 (quotes that are not closed where they should be?)",),
    ),
    users(
        "CSV",
        "a comma and doubled quotes in quotes",
        '3,"a, ""b""",2023-01-03,active\n',
        "loaded",
        stored=(COMPANY, [('a, "b"',)]),
    ),
    users(
        "CSV", "quotes within an unquoted field", '3,a"b",2023-01-03,active\n', "loaded", stored=(COMPANY, [('a"b"',)])
    ),
    users("CSV", "a quote that is never closed", f'3,"7,2023-01-03,active\n4{MORE[1:]}', "unreadable_line", "loaded"),
    users("CSV", "text after a closing quote", f'3,"7"x,2023-01-03,active\n4{MORE[1:]}', "unreadable_line", "loaded"),
    users(
        "CSV",
        "two stray quotes some rows apart",
        f'3,"7,2023-01-03,active\n4{MORE[1:]}5,7",2023-01-03,active\n',
        "loaded",
        notes=("rows of several lines: 1 (quotes that are not closed where they should be?)",),
    ),
    users("CSV", "a quoted field of a million characters", f'3,"{LONG}",2023-01-03,active\n', "unreadable_line"),
    users("CSV", "a field of three million characters", f"3,{LONG * 3},2023-01-03,active\n", "loaded"),
    users("CSV", "too many values", f"3,7,2023-01-03,active,extra\n4{MORE[1:]}", "unreadable_line", "loaded"),
    users("CSV", "too few values", f"3,7,2023-01-03\n4{MORE[1:]}", "unreadable_line", "loaded"),
    users("CSV", "a row cut off at the end", "3,7,20", "unreadable_line"),
    users("CSV", "a row in quotes as a whole", '"3,7,2023-01-03,active"\n', "unreadable_line"),
    users("CSV", "the header again in the middle", f"{HEADER}\n{MORE}", "invalid_user_id", "loaded"),
    case(
        "CSV",
        "semicolons between the values",
        USERS_FILE,
        USERS_CSV.replace(",", ";"),
        refused=refused(
            USERS_FILE, f"lacks the column {HEADER.replace(',', ', ')} (found: {HEADER.replace(',', ';')})"
        ),
    ),
    case(
        "CSV",
        "a spreadsheet's sep line first",
        USERS_FILE,
        f"sep=,\n{USERS_CSV}",
        refused=refused(USERS_FILE, f"lacks the column {HEADER.replace(',', ', ')} (found: sep=, )"),
    ),
    case("CSV", "users: empty", USERS_FILE, "", refused=refused(USERS_FILE, "is empty")),
    case("CSV", "users: nothing but white space", USERS_FILE, " \r\n\n", refused=refused(USERS_FILE, "is empty")),
    case(
        "CSV",
        "mentors: nothing but a byte order mark",
        MENTORS_FILE,
        "\ufeff",
        refused=refused(MENTORS_FILE, "is empty"),
    ),
    case(
        "CSV",
        "users: a header alone",
        USERS_FILE,
        f"{HEADER}\n",
        notes=("users of earlier exports who are missing here, and are kept: 2 (an older export?)",),
    ),
    case(
        "CSV",
        "mentors: a header alone",
        MENTORS_FILE,
        "mentor_id,tier,hourly_rate\n",
        refused=refused(MENTORS_FILE, "has a header and no mentors; a sheet without any would close them all"),
    ),
]

COLUMNS = [
    case(
        "Columns",
        "users: new columns",
        USERS_FILE,
        f"{HEADER},plan,,DELETE\n3,7,2023-01-03,active,a,b,c\n",
        "loaded",
        notes=(
            "columns that are not loaded: plan, column 6, delete",
            "users of earlier exports who are missing here, and are kept: 2 (an older export?)",
        ),
    ),
    case(
        "Columns",
        "mentors: another order",
        MENTORS_FILE,
        "hourly_rate,mentor_id,tier\n200,M-1,Gold\n100,M-2,Silver\n",
        "known",
        "known",
    ),
    case(
        "Columns",
        "mentors: a header in capitals and spaces",
        MENTORS_FILE,
        MENTORS_CSV.replace("mentor_id,tier", ' MENTOR_ID,"Tier "'),
        "known",
        "known",
    ),
    case(
        "Columns",
        "mentors: new columns with names of our own",
        MENTORS_FILE,
        "mentor_id,tier,hourly_rate,raw_text,position,rowid,unreadable,reason\nM-1,Gold,200,a,b,c,d,e\nM-2,Silver,100,a,b,c,d,e\n",
        "known",
        "known",
        notes=("columns that are not loaded: raw_text, position, rowid, unreadable, reason",),
    ),
    case(
        "Columns",
        "mentors: SQL for a column name",
        MENTORS_FILE,
        'mentor_id,tier,hourly_rate,"x""\'; DROP SCHEMA raw CASCADE; --"\nM-1,Gold,200,\nM-2,Silver,100,\n',
        "known",
        "known",
        notes=("columns that are not loaded: x\"'; drop schema raw cascade; --",),
    ),
    case(
        "Columns",
        "users: a column missing",
        USERS_FILE,
        "user_id,status\n1,active\n",
        refused=refused(USERS_FILE, "lacks the column company_id, signup_date (found: user_id, status)"),
    ),
    case(
        "Columns",
        "users: no header",
        USERS_FILE,
        MORE,
        refused=refused(USERS_FILE, f"lacks the column {HEADER.replace(',', ', ')} (found: 3, 7, 2023-01-03, active)"),
    ),
    case(
        "Columns",
        "users: a column twice",
        USERS_FILE,
        USERS_CSV.replace("status", "status,STATUS"),
        refused=refused(USERS_FILE, "names the column status twice"),
    ),
    case(
        "Columns",
        "users: a NUL character in the header",
        USERS_FILE,
        USERS_CSV.replace("status", "sta\0tus"),
        refused=refused(USERS_FILE, "lacks the column status (found: user_id, company_id, signup_date, sta\ufffdtus)"),
    ),
    case(
        "Columns",
        "users: a very long header",
        USERS_FILE,
        LONG,
        refused=refused(USERS_FILE, f"lacks the column {HEADER.replace(',', ', ')} (found: {'x' * 200}…)"),
    ),
    events(
        "Columns",
        "events: new properties",
        event("a", device={"os": "ios"}),
        event("b", **{"App-Version": "2\n"}),
        fates=("loaded", "loaded"),
        notes=("columns that are not loaded: App-Version, device",),
    ),
    events(
        "Columns",
        "events: properties of the tracking plan",
        event("a", cancelled_by="user", duration_seconds=90),
        fates=("loaded",),
        stored=("SELECT cancelled_by, duration_seconds FROM raw.booking_events WHERE event_id = 'a'", [("user", "90")]),
    ),
    events(
        "Columns",
        "events: a name in capitals is another name",
        '{"EVENT_ID": "a"}',
        fates=("missing_event_id",),
        notes=("columns that are not loaded: EVENT_ID",),
    ),
]


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

IDS = [
    field("Identifiers", f"user {value}", "user_id", value, fate, stored)
    for value, fate, stored in (
        ('"1"', "loaded", "1"),
        ('" +01 "', "loaded", "1"),
        ("0", "loaded", "0"),
        ("-7", "loaded", "-7"),
        ("1.0", "invalid_user_id", None),
        ("1e3", "invalid_user_id", None),
        ("9223372036854775807", "loaded", "9223372036854775807"),
        ("9223372036854775808", "invalid_user_id", None),
        ("-9223372036854775808", "loaded", "-9223372036854775808"),
        ("-9223372036854775809", "invalid_user_id", None),
        ("1" * 400, "invalid_user_id", None),
        ('"0x1"', "invalid_user_id", None),
        ('"1_000"', "invalid_user_id", None),
        ('"1,000"', "invalid_user_id", None),
        ('"١٢"', "invalid_user_id", None),
        ("true", "invalid_user_id", None),
        ('""', "missing_user_id", None),
        ('" \\t"', "missing_user_id", None),
        ("null", "missing_user_id", None),
        ("{}", "nested_value", None),
    )
] + [
    field("Identifiers", "event 5, a number", "event_id", "5", "loaded", "5"),
    field("Identifiers", "event null", "event_id", "null", "missing_event_id"),
    field("Identifiers", "event of spaces", "event_id", '"  "', "missing_event_id"),
    field("Identifiers", "mentor of spaces", "mentor_id", '" \\n "', "missing_mentor_id"),
    field("Identifiers", "mentor with spaces around", "mentor_id", '" M-1\\t"', "loaded", "M-1"),
    field("Identifiers", "a mentor whom the sheet does not know", "mentor_id", '"M-9"', "loaded", "M-9"),
    field("Identifiers", "a user whom the export does not know", "user_id", "99", "loaded", "99"),
    users(
        "Identifiers",
        "users: ids that are none",
        "".join(f"{text}{MORE[1:]}" for text in ("", "3.0", "NULL", "9" * 19)),
        "missing_user_id",
        "invalid_user_id",
        "invalid_user_id",
        "invalid_user_id",
    ),
    mentors(
        "Identifiers",
        "mentors: no id",
        ' ,Gold,5\n"",Gold,5\n',
        "missing_mentor_id",
        "missing_mentor_id",
        notes=("rows that do not say whose they are: 2; no mentor is taken to have left",),
    ),
]

SOON = datetime.now(UTC) + timedelta(hours=12)
TIMES = [
    field("Times", f"event at {value}", "timestamp", value, fate, stored)
    for value, fate, stored in (
        ('"2023-02-01T10:00:00Z"', "loaded", "2023-02-01 10:00:00"),
        ('"2023-02-01T10:00:00"', "loaded", "2023-02-01 10:00:00"),
        ('"2023-02-01"', "loaded", "2023-02-01 00:00:00"),
        ('"2023-02-01T10:00:00+14:00"', "loaded", "2023-01-31 20:00:00"),
        ('"2023-02-01T10:00:00-12:00"', "loaded", "2023-02-01 22:00:00"),
        ('"2023-02-01T10:00:00+05:45"', "loaded", "2023-02-01 04:15:00"),
        ('"2023-02-01T10:00-0330"', "loaded", "2023-02-01 13:30:00"),
        ('"2023-02-01 10:00:00,25+01"', "loaded", "2023-02-01 09:00:00.25"),
        ('"2023-02-01t10:00:00.123456789z"', "loaded", "2023-02-01 10:00:00.123456"),
        ('"2023-02-01T24:00:00Z"', "loaded", "2023-02-02 00:00:00"),
        ('"2024-02-29T00:00:00Z"', "loaded", "2024-02-29 00:00:00"),
        ('"2023-02-29T00:00:00Z"', "invalid_timestamp", None),
        ('"2023-02-01T10:00:00+15:00"', "invalid_timestamp", None),
        ('"2016-12-31T23:59:60Z"', "invalid_timestamp", None),
        ('"2023-02-01T25:00:00Z"', "invalid_timestamp", None),
        ('"2023-13-01T00:00:00Z"', "invalid_timestamp", None),
        ('"2023-02-01T10:00:00 Europe/Berlin"', "invalid_timestamp", None),
        ('"2023-W05-3"', "invalid_timestamp", None),
        ('"20230201T100000Z"', "invalid_timestamp", None),
        ('"01/02/2023 10:00"', "invalid_timestamp", None),
        ('"Wed, 01 Feb 2023 10:00:00 GMT"', "invalid_timestamp", None),
        ('"+012023-02-01T10:00:00Z"', "invalid_timestamp", None),
        ("1675245600", "invalid_timestamp", None),
        ("1675245600000", "invalid_timestamp", None),
        ('"1675245600"', "invalid_timestamp", None),
        ('"infinity"', "invalid_timestamp", None),
        ('"now"', "invalid_timestamp", None),
        ('"0000-01-01T00:00:00Z"', "invalid_timestamp", None),
        ('"9999-12-31T23:59:59-14:00"', "invalid_timestamp", None),
        ('"0001-01-01T00:00:00Z"', "implausible_timestamp", None),
        ('"1970-01-01T00:00:00Z"', "implausible_timestamp", None),
        ('"9999-12-31T23:59:59Z"', "implausible_timestamp", None),
        ('""', "missing_timestamp", None),
        ("null", "missing_timestamp", None),
        ("[2023, 2, 1]", "nested_value", None),
    )
] + [
    field("Times", "event twelve hours ahead", "timestamp", f'"{SOON:%FT%TZ}"', "loaded", f"{SOON:%F %T}"),
    users(
        "Times",
        "users: days of sign-up",
        "".join(
            f"{number},7,{day},active\n"
            for number, day in enumerate(
                ("0001-01-01", "9999-12-31", "0000-01-01", "0001-01-01T00:00+01", "1675245600", "", "2023-02-30"),
                start=3,
            )
        ),
        "loaded",
        "loaded",
        *["invalid_signup_date"] * 5,
    ),
    case(
        "Times",
        "users: an update's time that is none",
        USERS_FILE,
        f"{HEADER},updated_at\n1,8,2023-01-01,active,yesterday\n2,7,2023-01-02,churned,\n",
        "invalid_updated_at",
        "known",
    ),
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

REPEATED = [
    events(
        "Repeated rows",
        "events: the same three times, once with its id as text",
        event("a"),
        event("a", user_id="1"),
        event(" a "),
        fates=("loaded", "duplicate", "duplicate"),
    ),
    events(
        "Repeated rows",
        "events: one id, two events",
        event("a"),
        event("a", user_id=2),
        fates=("loaded", "conflicting_event_id"),
    ),
    events(
        "Repeated rows", "events: a known id, another event", event("e1", user_id=2), fates=("conflicting_event_id",)
    ),
    events(
        "Repeated rows",
        "events: a bad one, then a good one of the same id",
        event("a", user_id="x"),
        event("a"),
        fates=("invalid_user_id", "loaded"),
    ),
    users(
        "Repeated rows",
        "users: twice, once differently",
        f"{MORE}{MORE}3,8,2023-01-03,active\n",
        "loaded",
        "duplicate",
        "duplicate",
    ),
    mentors(
        "Repeated rows",
        "mentors: twice, once differently",
        "M-3,Gold,5\nM-3, GOLD ,5.00\nM-3,Silver,5\n",
        "loaded",
        "duplicate",
        "conflicting_mentor_id",
    ),
    case(
        "Repeated rows",
        "users: an older export",
        USERS_FILE,
        "\n".join(USERS_CSV.splitlines()[:2]),
        "known",
        notes=("users of earlier exports who are missing here, and are kept: 1 (an older export?)",),
    ),
]

SHEET = [
    mentors(
        "The mentor sheet",
        "rates that are none",
        "".join(f"M-3,Gold,{rate}\n" for rate in ("-5", "NaN", "1e3", "5€", '"1,5"', "9" * 30, "1.23456")),
        *["invalid_hourly_rate"] * 7,
    ),
    mentors("The mentor sheet", "no rate, and one with spaces", "M-3,Gold,\nM-4,Gold, 5.50 \n", "loaded", "loaded"),
    mentors(
        "The mentor sheet",
        "no tier",
        "M-3, ,5\n",
        refused="{folder}/mentor_tiers.csv, row 3: mentor M-3 has no tier; give every mentor one",
    ),
    case(
        "The mentor sheet",
        "a mentor who is gone",
        MENTORS_FILE,
        MENTORS_CSV.replace("M-2,Silver,100\n", ""),
        "known",
        notes=("mentor M-2 has left the sheet",),
        stored=("SELECT mentor_id FROM raw.mentors WHERE is_deleted", [("M-2",)]),
    ),
    case(
        "The mentor sheet",
        "a row that does not say whose it is",
        MENTORS_FILE,
        MENTORS_CSV.replace("M-2,Silver,100\n", "M-2 Silver 100\n"),
        "known",
        "unreadable_line",
        notes=("rows that do not say whose they are: 1; no mentor is taken to have left",),
        stored=("SELECT mentor_id FROM raw.mentors WHERE is_deleted", []),
    ),
    case(
        "The mentor sheet",
        "a tier that changes",
        MENTORS_FILE,
        MENTORS_CSV.replace("Silver", " bronze "),
        "known",
        "loaded",
        notes=("mentor M-2 changes from Silver to Bronze",),
    ),
]

INJECTIONS = [
    case_
    for text in (
        "'; DROP SCHEMA raw CASCADE; --",
        '"; DROP TABLE raw.users; --',
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "{{ 1 }} %s $1 {0}",
        "\x1b[31mred",
    )
    for quoted in ['"' + text.replace('"', '""') + '"']
    for case_ in (
        users(
            "Code in texts",
            f"users: {text!r}",
            f"3,{quoted},2023-01-03,{quoted}\n{quoted}{MORE[1:]}3,7,{quoted},x\n",
            "loaded",
            "invalid_user_id",
            "invalid_signup_date",
            stored=(COMPANY, [(text,)]),
        ),
        mentors(
            "Code in texts",
            f"mentors: {text!r}",
            f"{quoted},{quoted},5\nM-3,Gold,{quoted}\n",
            "loaded",
            "invalid_hourly_rate",
            stored=(MENTOR, [(text,)]),
        ),
        events(
            "Code in texts",
            f"events: {text!r}",
            event(text, mentor_id=text, cancellation_reason=text),
            *(event("a", **{name: text}) for name in ("user_id", "timestamp", "event_type")),
            fates=("loaded", "invalid_user_id", "invalid_timestamp", "unknown_event_type"),
            stored=(
                "SELECT event_id, mentor_id, cancellation_reason FROM raw.booking_events WHERE event_id <> 'e1'",
                [(text, text, text)],
            ),
        ),
    )
]


def _as_events(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """The events file replaced by whatever `make` puts at its path."""

    def change(folder: Path) -> None:
        (folder / EVENTS_FILE).unlink()
        make(folder / EVENTS_FILE)

    return change


def _linked(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text(f"[{ONE}]")
    path.symlink_to(target)


def _parts(*names: str, beside: bool = False) -> Callable[[Path], None]:
    """A folder of event files, the new event in the first of them."""

    def make(folder: Path) -> None:
        if not beside:
            (folder / EVENTS_FILE).unlink()
        (folder / "booking_events").mkdir()
        for number, name in enumerate(names):
            (folder / "booking_events" / name).write_text(TWO if number else ONE)

    return make


def _as_folder(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return make


def _gone(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _touched(folder: Path) -> None:
    os.utime(folder / EVENTS_FILE, ns=(0, 0))


FOLDER_NAMES = (
    "🧑‍🏫",
    "it's",
    'a "b"',
    "two  words",
    "größe",
    "数据",
    "100%20",
    "[ab]",
    "a*b",
    "a?b",
    "**",
    "user_id=5",
    "~",
    "$HOME",
    "#1;",
    "{a,b}",
    "back\\slash",
)
NO_EVENTS = (
    "no booking events in {folder}: expected booking_events.json, .jsonl, .ndjson, "
    "gzip of one of them, or a folder booking_events/ of such files"
)
FILES = [
    *(
        Case(
            "Files and folders",
            f"a data folder named `{name}`",
            EVENTS_FILE,
            write(EVENTS_FILE, f"[{ONE}]"),
            fates=("loaded",),
            folder=name,
        )
        for name in FOLDER_NAMES
    ),
    Case(
        "Files and folders",
        "a data folder with a backslash and a bracket in its name",
        EVENTS_FILE,
        write(EVENTS_FILE, f"[{ONE}]"),
        folder="a\\[b",
        refused=refused(EVENTS_FILE, "has a name with a backslash and one of * ? [; rename it"),
    ),
    Case(
        "Files and folders",
        "a data folder with a line end in its name",
        EVENTS_FILE,
        lambda _: None,
        folder="a\nb",
        refused="the name '{folder}' holds control characters or is not UTF-8; rename it",
    ),
    Case(
        "Files and folders",
        "a data folder that is not there",
        EVENTS_FILE,
        _gone,
        refused="the data folder {folder} does not exist",
    ),
    Case(
        "Files and folders",
        "a data folder that is a file",
        EVENTS_FILE,
        lambda folder: (_gone(folder), folder.touch()),
        refused="the data folder {folder} is a file",
    ),
    *(
        Case(
            "Files and folders",
            f"no {name}",
            name,
            lambda folder, name=name: (folder / name).unlink(),
            refused=refused(name, "is missing"),
        )
        for name in (USERS_FILE, MENTORS_FILE)
    ),
    Case(
        "Files and folders", "no events", EVENTS_FILE, lambda folder: (folder / EVENTS_FILE).unlink(), refused=NO_EVENTS
    ),
    *(
        Case(
            "Files and folders",
            f"a folder for {name}",
            name,
            _as_folder(name),
            refused=refused(name, "is a folder; expected a file"),
        )
        for name in (USERS_FILE, EVENTS_FILE)
    ),
    Case(
        "Files and folders",
        "a pipe for the events",
        EVENTS_FILE,
        _as_events(os.mkfifo),
        refused=refused(EVENTS_FILE, "is not a regular file"),
    ),
    Case("Files and folders", "a link to the events", EVENTS_FILE, _as_events(_linked), fates=("loaded",)),
    Case(
        "Files and folders",
        "a link to nothing",
        EVENTS_FILE,
        _as_events(lambda path: path.symlink_to("nothing")),
        refused=NO_EVENTS,
    ),
    Case(
        "Files and folders",
        "a link to itself",
        EVENTS_FILE,
        _as_events(lambda path: path.symlink_to(path)),
        refused=NO_EVENTS,
    ),
    Case(
        "Files and folders",
        "events as a file and as a folder",
        "booking_events/1.jsonl",
        _parts("1.jsonl", beside=True),
        fates=("loaded",),
    ),
    Case(
        "Files and folders",
        "event files named like patterns",
        "booking_events/[2]*.jsonl",
        _parts("[2]*.jsonl", "2.jsonl", "?.jsonl"),
        fates=("loaded",),
    ),
    Case(
        "Files and folders",
        "event files of other kinds beside",
        "booking_events/1.jsonl",
        _parts("1.jsonl", "2.csv", "_SUCCESS"),
        fates=("loaded",),
        notes=("beside it, and not read for want of a known ending: 2.csv, _SUCCESS",),
    ),
    Case(
        "Files and folders",
        "an event file whose name is not UTF-8",
        "booking_events/\udce9.jsonl",
        _parts("\udce9.jsonl"),
        refused="the name '{folder}/booking_events/\\udce9.jsonl' holds control characters or is not UTF-8; rename it",
    ),
    Case("Files and folders", "a folder of events without any", EVENTS_FILE, _parts(), refused=NO_EVENTS),
    Case(
        "Files and folders",
        "a folder within the folder of events",
        EVENTS_FILE,
        lambda folder: (folder / "booking_events/1.json").mkdir(parents=True),
        refused=refused("booking_events/1.json", "is a folder; expected a file"),
    ),
    *(
        Case(
            "Files and folders",
            f"events {what} while they are read",
            EVENTS_FILE,
            write(EVENTS_FILE, f"[{ONE}]"),
            interfere=change,
            refused=refused(EVENTS_FILE, "changed while it was being read; load again when it is complete"),
        )
        for what, change in {
            "rewritten": lambda folder: (folder / EVENTS_FILE).write_text(f"[{TWO}]"),
            "replaced": lambda folder: write(EVENTS_FILE, f"[{ONE}]")(folder),
            "touched": _touched,
            "removed": lambda folder: (folder / EVENTS_FILE).unlink(),
            "cut off": lambda folder: os.truncate(folder / EVENTS_FILE, 20),
        }.items()
    ),
    Case(
        "Files and folders",
        "mentors rewritten while they are read",
        MENTORS_FILE,
        write(MENTORS_FILE, MENTORS_CSV + "\n"),
        interfere=write(MENTORS_FILE, MENTORS_CSV),
        refused=refused(MENTORS_FILE, "changed while it was being read; load again when it is complete"),
    ),
]

CASES = [
    *ENCODINGS,
    *LINE_ENDS,
    *CSV,
    *COLUMNS,
    *JSON,
    *COMPRESSED,
    *IDS,
    *TIMES,
    *TYPES,
    *REPEATED,
    *SHEET,
    *INJECTIONS,
    *FILES,
]
