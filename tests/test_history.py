"""The history of users and mentors: any sequence of exports gives what a replay in plain Python gives."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmesh.core.config import DuckDBConnectionConfig

from ingest.load import ingest
from tests.conftest import EXAMPLES_FACTOR, event
from tests.test_answer import run

BEGINNING = datetime(1970, 1, 1)
DATES = st.one_of(st.none(), st.integers(1, 6).map(lambda month: datetime(2023, month, 1)))
# A sheet without mentors is refused; see tests/bad_input.
SHEET = st.dictionaries(
    st.sampled_from(["M-1", "M-2"]), st.tuples(st.sampled_from(["Gold", "Silver"]), DATES), min_size=1, max_size=2
)
EXPORT = st.dictionaries(
    st.sampled_from(["1", "2"]), st.tuples(st.sampled_from(["active", "churned"]), DATES), max_size=2
)
SIGN_UP = datetime(2023, 2, 1)


def replay(states: list[tuple[datetime, dict]], first_start, is_complete: bool) -> list[tuple]:
    """`(key, value, valid_from, valid_to)` of every version, sorted.

    `states` are `(loaded_at, {key: (value, updated_at)})`, oldest first; `is_complete`: who is not told has left.
    """
    closed, current, told = [], {}, {}
    last_start: dict[str, datetime] = {}
    for loaded_at, state in states:
        for key, (value, updated_at) in state.items():
            known_value, known_updated_at = told.get(key, (None, None))
            is_outdated = bool(updated_at and known_updated_at and updated_at < known_updated_at)
            if value == known_value or is_outdated:
                continue
            if key not in last_start:
                start = first_start(updated_at)
            elif updated_at and updated_at > last_start[key]:
                start = updated_at
            else:
                start = loaded_at
            if key in current:
                closed.append((key, *current[key], start))
            told[key], current[key], last_start[key] = (value, updated_at), (value, start), start
        for key in [key for key in current if is_complete and key not in state]:
            closed.append((key, *current.pop(key), loaded_at))
            del told[key]
            last_start[key] = loaded_at
    return sorted(closed + [(key, *version, None) for key, version in current.items()], key=str)


def write(folder: Path, sheet: dict, export: dict) -> None:
    def date(moment: datetime | None) -> str:
        return f"{moment:%Y-%m-%d}" if moment else ""

    mentors = [f"{mentor},{tier},100,{date(updated_at)}\n" for mentor, (tier, updated_at) in sheet.items()]
    users = [f"{user},7,{SIGN_UP:%Y-%m-%d},{status},{date(updated)}\n" for user, (status, updated) in export.items()]
    (folder / "mentor_tiers.csv").write_text("mentor_id,tier,hourly_rate,updated_at\n" + "".join(mentors))
    (folder / "users_db_export.csv").write_text("user_id,company_id,signup_date,status,updated_at\n" + "".join(users))
    (folder / "booking_events.json").write_text("[]")


class Dimension:
    """A dimension kept by SQLMesh's own SCD2 code from the model's own query, without the scheduler."""

    def __init__(self, adapter, model) -> None:
        self.adapter, self.model = adapter, model
        columns = ", ".join(f"{name} {kind.sql('duckdb')}" for name, kind in model.columns_to_types.items())
        adapter.execute(f"CREATE OR REPLACE TABLE {model.view_name} ({columns})")
        self.is_first = True

    def evaluate(self, moment: datetime) -> None:
        kind = self.model.kind
        self.adapter.scd_type_2_by_time(
            target_table=self.model.view_name,
            source_table=self.model.render_query_or_raise(execution_time=moment),
            unique_key=self.model.unique_key,
            valid_from_col=kind.valid_from_name,
            valid_to_col=kind.valid_to_name,
            execution_time=moment,
            updated_at_col=kind.updated_at_name,
            invalidate_hard_deletes=kind.invalidate_hard_deletes,
            updated_at_as_valid_from=kind.updated_at_as_valid_from,
            target_columns_to_types=self.model.columns_to_types,
            truncate=self.is_first,
        )
        self.is_first = False

    def versions(self, key: str, value: str) -> list[tuple]:
        return self.adapter.fetchall(
            f"SELECT CAST({key} AS VARCHAR), {value}, valid_from, valid_to FROM {self.model.view_name}"
        )


@settings(max_examples=60 * EXAMPLES_FACTOR, deadline=None)
@given(history=st.lists(st.tuples(SHEET, EXPORT), min_size=1, max_size=5))
def test_any_sequence_of_exports_gives_the_replayed_history(context, tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("history")
    warehouse = folder / "warehouse.duckdb"
    sheets, exports = [], []
    for sheet, export in history:
        write(folder, sheet, export)
        ingest(warehouse, folder)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            loaded = connection.execute("SELECT source, MAX(loaded_at) FROM raw.loads GROUP BY source").fetchall()
        loaded_at = dict(loaded)
        sheets.append((loaded_at["mentors"], sheet))
        exports.append((loaded_at["users"], export))
    adapter = DuckDBConnectionConfig(database=str(warehouse)).create_engine_adapter()
    for schema in ("staging", "marts"):
        adapter.execute(f"CREATE SCHEMA {schema}")
    for source in ("users", "mentors"):
        query = context.get_model(f"staging.stg_{source}").render_query_or_raise()
        adapter.execute(f"CREATE VIEW staging.stg_{source} AS {query.sql(dialect='duckdb')}")
    mentors, users = (Dimension(adapter, context.get_model(f"marts.dim_{name}")) for name in ("mentors", "users"))
    for moment in sorted({moment for moment, _ in sheets + exports}):
        mentors.evaluate(moment)
        users.evaluate(moment)
    assert sorted(mentors.versions("mentor_id", "tier"), key=str) == replay(sheets, lambda at: at or BEGINNING, True)
    assert sorted(users.versions("user_id", "status"), key=str) == replay(exports, lambda _: SIGN_UP, False)
    adapter.close()


@pytest.fixture
def sheet(data_folder):
    """Writes a data folder with one user's session with M-1 on 15 January 2024, and the given mentor sheet."""
    session = event("e1", event_type="session_started", timestamp="2024-01-15T10:00:00Z")

    def write(rows: str) -> str:
        return str(data_folder(mentors="mentor_id,tier,hourly_rate,updated_at\n" + rows, events=[session]))

    return write


def versions(warehouse, mentor: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(
            "SELECT tier, valid_from, valid_to FROM marts.dim_mentors WHERE mentor_id = ? ORDER BY valid_from", [mentor]
        ).fetchall()


def test_every_change_between_two_refreshes_is_a_version(sheet, warehouse):
    run(warehouse, "refresh", "--data", sheet("M-1,Gold,1,\nM-2,Silver,1,\n"))
    run(warehouse, "ingest", "--data", sheet("M-1,Silver,1,2024-01-01\n"))
    told = run(warehouse, "ingest", "--data", sheet("M-1,Gold,1,2024-02-01\nM-2,Gold,1,\n"))
    assert "mentor M-1 changes from Silver to Gold" in told.stderr
    run(warehouse, "transform")
    january, february = datetime(2024, 1, 1), datetime(2024, 2, 1)
    assert versions(warehouse, "M-1") == [
        ("Gold", BEGINNING, january),
        ("Silver", january, february),
        ("Gold", february, None),
    ]
    (left, back) = versions(warehouse, "M-2")
    assert (left[:2], back[0], back[2]) == (("Silver", BEGINNING), "Gold", None)
    assert left[2] < back[1]

    run(warehouse, "refresh", "--data", sheet("M-1,Bronze,1,2024-01-20\nM-2,Gold,1,\n"))
    assert [tier for tier, _, _ in versions(warehouse, "M-1")] == ["Gold", "Silver", "Gold"]
    assert "outdated" in run(warehouse, "rejects").stdout
