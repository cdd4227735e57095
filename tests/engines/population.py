"""A small population in `raw`, loaded on two days: what every engine builds its models of."""

from __future__ import annotations

import csv
import json
import random
from datetime import datetime, timedelta
from pathlib import Path

from ingest.source_files import EVENTS_NAME, MENTORS_FILE, USERS_FILE
from simulation.population import FIRST_USER, Scenario, simulate
from tests import reference
from tests.conftest import event, ingest

USERS = 150
HOUR, MILLISECOND = timedelta(hours=1), timedelta(milliseconds=1)
# What a tool may write beside an event: with and without an offset, cut, too exact, and of no use.
PROPERTIES = {
    "confirmed_start_time": [
        *("2024-03-01T10:00:00Z", "2024-03-01 10:00", "2024-03-01", "2024-02-29t23:30:00.1234567+05:30"),
        *("2024-03-01T00:15:00,5-0930", "2024-03-01T10:00+14", "2100-02-28", "2000-02-29T00:00-00:30"),
        *("2023-02-29T10:00:00Z", "2024-04-31", "2100-02-29", "0000-01-01T00:00:00Z", "soon"),
    ],
    "cancelled_by": ["User", "mentor", "élève", "ÉLÈVE"],
    "cancellation_reason": ["ill", "Other plans"],
    "requested_duration_minutes": ["45", "60.0", "-30", "1e3", "0", "999999.9", "1000000"],
    "duration_seconds": ["1800", "90.5", "86401", "0", "x", "100000000000"],
}


def write_first_day(folder: Path) -> None:
    """Users, mentors and events of a simulated history."""
    simulate(Scenario(USERS, seed=3, dirt=0.05, property_share=0.5)).write(folder)


def write_second_day(folder: Path) -> None:
    """Tiers, a rate and statuses that changed, a mentor who left, and late events."""
    mentors, users = _rows(folder / MENTORS_FILE), _rows(folder / USERS_FILE)
    for row in mentors[:3]:
        row["tier"] = "Gold" if row["tier"].strip().title() != "Gold" else "Bronze"
    mentors[4]["hourly_rate"] = "99.5"
    _write(folder / MENTORS_FILE, mentors[:6] + mentors[7:])
    for row in users[::7]:
        row["status"] = "Churned"
    _write(folder / USERS_FILE, users)
    (folder / f"{EVENTS_NAME}.json").write_text(json.dumps(late_events(random.Random(5))), encoding="utf-8")


def late_events(chance: random.Random) -> list[dict]:
    """Events of few users, mentors and instants, so that ties, doubles and limits are common."""
    found = []
    for number in range(400):
        at = datetime(2024, 2, 28) + timedelta(
            hours=6 * chance.randint(0, 40), microseconds=chance.choice([0, 500_000])
        )
        properties = {name: chance.choice(values) for name, values in PROPERTIES.items() if chance.random() < 0.5}
        found.append(
            event(
                # In the order of their bytes capitals come first, in that of most languages beside small letters.
                f"{chance.choice('aBcD')}{number}",
                user_id=FIRST_USER + chance.randint(0, 19),
                mentor_id=f"M-{chance.randint(1, 3)}",
                timestamp=f"{at.isoformat()}Z",
                event_type=chance.choice(list(reference.PRECEDENCE)),
                **properties,
            )
        )
    return found


def load(file: Path, folder: Path) -> None:
    """Load a data folder; every row that a population means to be loaded is."""
    assert [load.rows_loaded > 0 for load in ingest(file, folder)] == [True, True, True]


def _rows(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
