"""Encodings, line ends, quotes and columns, mostly of the CSV files."""

from __future__ import annotations

import gzip
import json

from ingest.source_files import MENTORS_FILE, USERS_FILE
from tests.bad_input.cases.case import (
    BROKEN,
    COMPANY,
    EVENTS_FILE,
    HEADER,
    LINES_FILE,
    LONG,
    MORE,
    NOT_CLOSED,
    NOT_UTF_8,
    ONE,
    TWO,
    case,
    events,
    field,
    lines,
    mentors,
    refused,
    users,
)
from tests.conftest import MENTORS_CSV, USERS_CSV, event

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
    field(
        "Encoding", "events: wide and thin spaces around an id", "mentor_id", '"\u3000M-1\u2009\u202f"', "loaded", "M-1"
    ),
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
