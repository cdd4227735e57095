"""Identifiers, times, rows that are repeated, the mentor sheet, and text that pretends to be more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ingest.source_files import MENTORS_FILE, USERS_FILE, shown
from tests.bad_input.cases.case import COMPANY, EVENTS_FILE, HEADER, MENTOR, MORE, case, events, field, mentors, users
from tests.conftest import MENTORS_CSV, USERS_CSV, event

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
    case(
        "Repeated rows",
        "events: another event under a known id, then the known one",
        EVENTS_FILE,
        json.dumps([event("e1", user_id=2), event("e1")]),
        "conflicting_event_id",
        "duplicate",
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

RATES = "SELECT hourly_rate FROM raw.mentors WHERE mentor_id LIKE 'M-3%' ORDER BY mentor_id"
UNUSABLE = (
    "-5",
    "-0.00001",
    "NaN",
    "inf",
    "5€",
    '"1,5"',
    "1_000",
    "0x10",
    "\u0665",
    ".",
    "e3",
    "5e",
    "9" * 30,
    "1e14",
    "1e400",
)
NUMBERS = {
    " 5.50 ": "5.5",
    "+5": "5",
    ".5": "0.5",
    "5.": "5",
    "1e3": "1000",
    "1.5E-1": "0.15",
    "99979e-20": "0",
    "1.23455": "1.2346",
    "0.00004": "0",
    f"{'0' * 30}7": "7",
    "99999999999999.9999": "99999999999999.9999",
}


def rated(*rates: str) -> str:
    """Rows of mentors of one tier, `M-301` and so on, each with one of the rates."""
    return "".join(f"M-3{number:02},Gold,{rate}\n" for number, rate in enumerate(rates, start=1))


SHEET = [
    mentors(
        "The mentor sheet",
        "rates that cannot be used",
        rated(*UNUSABLE),
        *["loaded"] * len(UNUSABLE),
        notes=(
            f"hourly rates that cannot be used, left empty: {len(UNUSABLE)} "
            "(row 3: '-5', row 4: '-0.00001', row 5: 'NaN', …)",
        ),
        stored=(RATES, [(None,)] * len(UNUSABLE)),
    ),
    mentors(
        "The mentor sheet",
        "rates however a number is written",
        rated(*NUMBERS),
        *["loaded"] * len(NUMBERS),
        stored=(RATES, [(Decimal(rate),) for rate in NUMBERS.values()]),
    ),
    mentors(
        "The mentor sheet",
        "no rate",
        rated("", '" "'),
        "loaded",
        "loaded",
        notes=("hourly rates that are missing: 2",),
        stored=(RATES, [(None,)] * 2),
    ),
    mentors(
        "The mentor sheet",
        "a rate that cannot be used, long and with a control character",
        f"M-3,Gold,\x1b[31m{'5' * 100}€\n",
        "loaded",
        notes=(f"hourly rates that cannot be used, left empty: 1 (row 3: '\ufffd[31m{'5' * 15}…')",),
    ),
    mentors(
        "The mentor sheet",
        "a mentor twice, first with a rate that cannot be used",
        "M-3,Gold,abc\nM-3,Gold,\nM-3,Gold,5\nM-3,Gold,5€\n",
        "loaded",
        "duplicate",
        "conflicting_mentor_id",
        "duplicate",
        notes=(
            "hourly rates that cannot be used, left empty: 2 (row 3: 'abc', row 6: '5€')",
            "hourly rates that are missing: 1",
        ),
    ),
    case(
        "The mentor sheet",
        "a rate that can no longer be used",
        MENTORS_FILE,
        MENTORS_CSV.replace("100", "1OO"),
        "known",
        "loaded",
        notes=("hourly rates that cannot be used, left empty: 1 (row 2: '1OO')",),
        stored=(
            "SELECT tier, hourly_rate FROM raw.mentors WHERE mentor_id = 'M-2' ORDER BY load_id",
            [("Silver", Decimal(100)), ("Silver", None)],
        ),
    ),
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
            "loaded",
            notes=(f"hourly rates that cannot be used, left empty: 1 (row 4: '{shown(text, 20)}')",),
            stored=(MENTOR, [(text,), ("M-3",)]),
        ),
        events(
            "Code in texts",
            f"events: {text!r}",
            event(text, mentor_id=text, cancellation_reason=text),
            *(event("a", **{name: text}) for name in ("user_id", "timestamp", "event_type")),
            fates=("loaded", "invalid_user_id", "invalid_timestamp", "unknown_event_type"),
            notes=(f"event types that are not known: {shown(text.lower())} (1)",),
            stored=(
                "SELECT event_id, mentor_id, cancellation_reason FROM raw.booking_events WHERE event_id <> 'e1'",
                [(text, text, text)],
            ),
        ),
    )
]
