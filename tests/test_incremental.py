"""New files every day give what one full load gives, in any split, order and repetition, by SQLMesh alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests import reference
from tests.bare_sqlmesh import Warehouse
from tests.conftest import EXAMPLES_FACTOR, event
from tests.test_answer import answer, run

DAY = datetime(2023, 1, 1)
STREAMS = 300 * EXAMPLES_FACTOR
BATCHES = 4
# What the tool may write beside an event, some of it of no use.
PROPERTIES = {
    "confirmed_start_time": ["2023-01-05T10:00:00Z", "2023-01-03", "soon"],
    "cancelled_by": ["user", "mentor"],
    "cancellation_reason": ["ill", "Other plans"],
    "requested_duration_minutes": [30, "60", -30],
    "duration_seconds": [1800, 90.5, 10**8],
}


def stream(number: int, chance: random.Random) -> list[tuple[int, dict]]:
    """Up to 20 events of two users of their own with two mentors, each with the batch in which it arrives.

    Few instants, so that ties, doubles and limits are common; an event may arrive again later.
    """
    rows = []
    for place in range(chance.randint(1, 20)):
        properties = {name: chance.choice(values) for name, values in PROPERTIES.items() if chance.random() < 0.3}
        at = DAY + timedelta(hours=6 * chance.randint(0, 40))
        row = event(
            f"{number}-{place}",
            user_id=2 * number + chance.randint(0, 1),
            mentor_id=chance.choice(["M-1", "M-2"]),
            timestamp=f"{at.isoformat()}Z",
            event_type=chance.choice(list(reference.PRECEDENCE)),
            **properties,
        )
        batch = chance.randrange(BATCHES)
        rows.append((batch, row))
        if chance.random() < 0.1:
            rows.append((chance.randrange(batch, BATCHES), row))
    return rows


@pytest.mark.parametrize("seed", [1])
def test_random_streams_in_random_batches_give_the_brute_force_reference(tmp_path, seed):
    chance = random.Random(seed)
    arrivals = [arrival for number in range(STREAMS) for arrival in stream(number, chance)]
    chance.shuffle(arrivals)
    bare = Warehouse(tmp_path)
    for batch in range(BATCHES):
        bare.ingest([row for arrived_in, row in arrivals if arrived_in == batch])
        bare.run() if batch else bare.plan()
        found, expected = bare.facts(), bare.expected_facts(bare.settings)
        for fact in expected:
            different = set(found[fact]) ^ set(expected[fact])
            pairs = {row[:2] for row in different}
            assert not different, [row for row in bare.events() if (row["user_id"], row["mentor_id"]) in pairs][:20]
            assert len(found[fact]) == len(expected[fact])
    assert min(len(found["bookings"]), len(found["sessions"])) > STREAMS
    assert bare.rebuilt(tmp_path / "rebuilt").facts() == bare.facts()


def test_a_first_refresh_has_the_events_of_the_day_that_is_not_over(data_folder, warehouse):
    moments = [datetime.now(UTC) - timedelta(hours=hours) for hours in (72, 48, 1)]
    events = [
        event(f"e{number}", event_type="session_started", timestamp=moment.isoformat())
        for number, moment in enumerate(moments)
    ]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    assert answer(warehouse)["reliability"]["overall"]["sessions"] == len(events)


def test_nothing_new_changes_no_row(tmp_path):
    bare = Warehouse(tmp_path)
    events = [event("e1"), event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z")]
    bare.ingest(events)
    bare.plan()
    tables = [f"marts.{name}" for name in ("dim_mentors", "dim_users", "fct_bookings", "fct_sessions")]
    before = [bare.query(f"SELECT * FROM {table} ORDER BY ALL") for table in tables]
    bare.ingest(events)
    bare.run()
    assert [bare.query(f"SELECT * FROM {table} ORDER BY ALL") for table in tables] == before
