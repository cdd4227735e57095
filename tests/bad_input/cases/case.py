"""What a case is, and short ways to write one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
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
    notes = (f"event types that are not known: {json.loads(value)} (1)",) if fate == "unknown_event_type" else ()
    rows = [] if stored is None else [(stored,)]
    return events(group, name, text, fates=(fate,), stored=(query, rows), notes=notes)


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
