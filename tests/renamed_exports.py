"""A data folder as somebody else might have it: other files, columns and event types, in another format."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import duckdb

MAPPING = """
[users]
files = "crm/customers.*"
[users.columns]
user_id = "customer no"
company_id = "account"
signup_date = "created"
status = "State"
[mentors]
files = ["coaches.*"]
[mentors.columns]
mentor_id = "coach"
tier = "level"
hourly_rate = "price"
[booking_events]
files = "tool/*"
[booking_events.columns]
event_id = "id"
user_id = "customer no"
mentor_id = "coach"
timestamp = "at"
event_type = "what's up"
cancelled_by = "by"
[booking_events.event_types]
booking_requested = "Appointment.Asked"
booking_confirmed = "appointment.agreed"
booking_cancelled = ["appointment.off", "appointment.called off"]
session_started = "call.begin"
session_ended = "call.end"
"""
_COLUMNS = {
    "users": {"user_id": "customer no", "company_id": "account", "signup_date": "created", "status": "State"},
    "mentors": {"mentor_id": "coach", "tier": "level", "hourly_rate": "price"},
    "booking_events": {
        "event_id": "id",
        "user_id": "customer no",
        "mentor_id": "coach",
        "timestamp": "at",
        "event_type": "what's up",
        "cancelled_by": "by",
    },
}
_TYPES = {
    "booking_requested": "appointment.asked",
    "booking_confirmed": "Appointment.agreed",
    "booking_cancelled": "appointment.off",
    "session_started": "call.begin",
    "session_ended": "call.end",
}


def write_renamed(data: Path, folder: Path, endings: dict[str, str]) -> None:
    """Write a data folder under the names of `MAPPING`; `endings` say the format of each source."""
    with (data / "users_db_export.csv").open() as users, (data / "mentor_tiers.csv").open() as mentors:
        rows = {"users": list(csv.DictReader(users)), "mentors": list(csv.DictReader(mentors))}
    events = json.loads((data / "booking_events.json").read_text())
    rows["booking_events"] = [row | {"event_type": _TYPES[row["event_type"]]} for row in events]
    stems = {"users": "crm/customers", "mentors": "coaches", "booking_events": "tool/stream"}
    for source, ending in endings.items():
        names = _COLUMNS[source]
        renamed = [{names.get(name, name): value for name, value in row.items()} for row in rows[source]]
        file = folder / f"{stems[source]}.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, renamed)


def _write(file: Path, rows: list[dict]) -> None:
    if file.name.endswith((".csv", ".csv.gz")):
        with (gzip.open if file.suffix == ".gz" else open)(file, "wt", newline="", encoding="utf-8") as content:
            writer = csv.DictWriter(content, dict.fromkeys(name for row in rows for name in row))
            writer.writeheader()
            writer.writerows(rows)
        return
    objects = file if file.suffix != ".parquet" else file.with_suffix(".jsonl")
    end = "[%s]" if objects.suffix == ".json" else "%s"
    objects.write_text(end % (",\n" if end == "[%s]" else "\n").join(map(json.dumps, rows)), encoding="utf-8")
    if file.suffix == ".parquet":
        duckdb.read_json(str(objects)).write_parquet(str(file))
        objects.unlink()
