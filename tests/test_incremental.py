"""New files every day give what one full load gives, in any split, order and repetition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import settings as test_settings
from hypothesis import strategies as st
from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.utils.date import to_timestamp

from config import build_config
from pipeline.affected import FACTS, Replaced, expected_facts, replace_differing_rows
from settings import PROJECT_ROOT, load_settings
from tests import reference
from tests.conftest import EXAMPLES_FACTOR, event
from tests.test_answer import answer, run

DAY = datetime(2023, 1, 1)
UNTIL = datetime(2024, 1, 1)
EVENT = st.fixed_dictionaries(
    {
        "user_id": st.integers(1, 2),
        "mentor_id": st.sampled_from(["M-1", "M-2"]),
        "at": st.integers(0, 40).map(lambda step: DAY + timedelta(hours=6 * step)),
        "type": st.sampled_from(list(reference.PRECEDENCE)),
    }
)


@st.composite
def batches_of_events(draw) -> list[list[dict]]:
    """Batches of events in any order; an event may arrive again in a later batch."""
    events = draw(st.lists(EVENT, min_size=1, max_size=20))
    for number, row in enumerate(events):
        row["event_id"] = f"e{number:02}"
    batch_of = draw(st.lists(st.integers(0, 3), min_size=len(events), max_size=len(events)))
    batches = [[row for row, batch in zip(events, batch_of, strict=True) if batch == number] for number in range(4)]
    again = draw(st.lists(st.sampled_from(events), max_size=3))
    return [*batches, again]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """An engine of its own, under the catalog name that the models' queries carry."""
    database = tmp_path_factory.mktemp("engine") / "warehouse.duckdb"
    adapter = DuckDBConnectionConfig(database=str(database)).create_engine_adapter()
    for schema in ("raw", "staging", "marts"):
        adapter.execute(f"CREATE SCHEMA {schema}")
    yield adapter
    adapter.close()


@pytest.fixture(scope="module")
def facts(context):
    return Facts({fact: context.get_model(f"marts.{fact}") for fact in FACTS})


class Facts:
    """The facts' models, each query rendered once."""

    def __init__(self, models) -> None:
        self.models = models
        self.expected = expected_facts(models, UNTIL)
        self.query = cache(self._query)

    def _query(self, fact: str, start: datetime) -> str:
        query = self.models[fact].render_query_or_raise(start=start, end=UNTIL, execution_time=UNTIL)
        return query.sql(dialect="duckdb")


def empty_warehouse(adapter, facts) -> None:
    adapter.execute("""
        CREATE OR REPLACE TABLE raw.booking_events (
            event_id TEXT, user_id BIGINT, mentor_id TEXT, occurred_at TIMESTAMP, event_type TEXT,
            precedence INT, load_id BIGINT
        )
    """)
    adapter.execute("CREATE OR REPLACE TABLE raw.loads (load_id BIGINT, loaded_at TIMESTAMP)")
    adapter.execute("CREATE OR REPLACE VIEW staging.stg_events AS SELECT * FROM raw.booking_events")
    for fact in FACTS:
        adapter.execute(f"CREATE OR REPLACE TABLE marts.{fact} AS {facts.query(fact, DAY)}")


def load(adapter, batch: list[dict], load_id: int) -> None:
    adapter.execute(f"INSERT INTO raw.loads VALUES ({load_id}, TIMESTAMP '{loaded_at(load_id)}')")
    values = ", ".join(
        f"('{row['event_id']}', {row['user_id']}, '{row['mentor_id']}', TIMESTAMP '{row['at']}', "
        f"'{row['type']}', {reference.PRECEDENCE[row['type']]}, {load_id})"
        for row in {row["event_id"]: row for row in batch}.values()
    )
    if values:
        adapter.execute(f"""
            INSERT INTO raw.booking_events
            SELECT * FROM (VALUES {values}) AS news (event_id, user_id, mentor_id, occurred_at, event_type, p, load_id)
            WHERE event_id NOT IN (SELECT event_id FROM raw.booking_events)
        """)


def loaded_at(load_id: int) -> datetime:
    return UNTIL + timedelta(minutes=load_id)


def update(adapter, facts, since: datetime | None) -> dict[str, Replaced]:
    return replace_differing_rows(
        adapter, facts.expected, {fact: f"marts.{fact}" for fact in FACTS}, "", loaded_since=since
    )


def rows(adapter) -> dict[str, list]:
    return {fact: adapter.fetchall(f"SELECT * FROM marts.{fact} ORDER BY ALL") for fact in FACTS}


@test_settings(max_examples=300 * EXAMPLES_FACTOR, deadline=None)
@given(batches=batches_of_events())
def test_any_split_gives_the_facts_of_one_full_load(adapter, facts, batches):
    empty_warehouse(adapter, facts)
    for load_id, batch in enumerate(batches, start=1):
        load(adapter, batch, load_id)
        update(adapter, facts, since=loaded_at(load_id - 1))
    in_batches = rows(adapter)
    for fact in FACTS:
        adapter.execute(f"CREATE OR REPLACE TABLE marts.{fact} AS {facts.query(fact, DAY)}")
    assert in_batches == rows(adapter)


def test_nothing_new_affects_nothing(adapter, facts):
    empty_warehouse(adapter, facts)
    start = {"event_id": "e1", "user_id": 1, "mentor_id": "M-1", "at": DAY, "type": "session_started"}
    load(adapter, [start], 1)
    update(adapter, facts, since=loaded_at(0))
    load(adapter, [start], 2)
    assert update(adapter, facts, since=None) == {}


def test_an_end_affects_the_session_that_it_ends_and_no_earlier_one(adapter, facts):
    empty_warehouse(adapter, facts)
    session = {"user_id": 1, "mentor_id": "M-1", "type": "session_started"}
    first, second = DAY, DAY + timedelta(days=3)
    load(adapter, [session | {"event_id": "e1", "at": first}, session | {"event_id": "e2", "at": second}], 1)
    update(adapter, facts, since=loaded_at(0))
    end = session | {"event_id": "e3", "at": second + timedelta(hours=1), "type": "session_ended"}
    load(adapter, [end], 2)
    replaced = update(adapter, facts, loaded_at(1))
    assert {fact: (part.first, part.last, part.rows) for fact, part in replaced.items()} == {
        "fct_sessions": (second, second, 1)
    }


def test_a_first_refresh_has_the_events_of_the_day_that_is_not_over(data_folder, warehouse):
    moments = [datetime.now(UTC) - timedelta(hours=hours) for hours in (72, 48, 1)]
    events = [
        event(f"e{number}", event_type="session_started", timestamp=moment.isoformat())
        for number, moment in enumerate(moments)
    ]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    assert answer(warehouse)["reliability"]["overall"]["sessions"] == len(events)


def test_sqlmesh_does_not_fill_again_the_days_that_a_refresh_brought_up_to_date(data_folder, warehouse):
    run(warehouse, "refresh", "--data", str(data_folder()))
    config = build_config(load_settings(warehouse=warehouse))
    context = Context(paths=[str(PROJECT_ROOT)], config=config)
    facts = [snapshot for snapshot in context.snapshots.values() if snapshot.name.split('"')[-2] in FACTS]
    state = context.state_sync
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last_days = (to_timestamp(today - timedelta(days=3)), to_timestamp(today + timedelta(days=1)))
    state.remove_intervals([(snapshot, last_days) for snapshot in facts])
    context.close()

    run(
        warehouse,
        "refresh",
        "--data",
        str(data_folder(events=[event("e1"), event("e2", event_type="session_started")])),
    )
    context = Context(paths=[str(PROJECT_ROOT)], config=config)
    stored = context.state_reader.get_snapshots([snapshot.snapshot_id for snapshot in facts])
    assert [snapshot.intervals[-1][1] for snapshot in stored.values()] == [to_timestamp(today)] * len(FACTS)
    context.close()
