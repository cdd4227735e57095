"""The history of users and mentors: any sequence of exports gives what a replay in plain Python gives.

The replay asks the question that the dimensions answer, moment by moment: of the states of a key that
hold from then or before, which did the latest load give?
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import Mock, patch

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlmesh.core.config import DuckDBConnectionConfig

from ingest.load import Load
from settings import PROJECT_ROOT
from tests.conftest import EXAMPLES_FACTOR, event, ingest
from tests.test_answer import run

BEGINNING, OPEN = datetime(1970, 1, 1), datetime(9999, 12, 31)
# The first load is on 20 January 2023, the last by the middle of August: days that are announced may come.
FIRST_LOAD = datetime(2023, 1, 20)
DATES = st.one_of(
    st.none(),
    st.integers(1, 8).map(lambda month: datetime(2023, month, 1)),
    st.sampled_from([datetime(1960, 1, 1), datetime(2023, 2, 1, 12, 0, 0, 500000), datetime(2999, 1, 1), OPEN]),
)
# A sheet without mentors is refused; see tests/bad_input.
SHEET = st.dictionaries(
    st.sampled_from(["M-1", "M-2"]),
    st.tuples(st.sampled_from(["Gold", "Silver"]), st.sampled_from(["100", "100.00", "200", ""]), DATES),
    min_size=1,
    max_size=2,
)
EXPORT = st.dictionaries(
    st.sampled_from([1, 2]),
    st.tuples(
        st.sampled_from(["7", "unknown", ""]),
        st.sampled_from(["2023-02-01", "2023-03-01", "2999-06-01"]),
        st.sampled_from(["active", "churned", ""]),
        DATES,
    ),
    max_size=2,
)


@dataclass(frozen=True)
class State:
    """What a load said of a key; no attributes: it has left."""

    attributes: tuple | None
    updated_at: datetime | None
    effective_at: datetime
    loaded_at: datetime
    load_id: int

    @property
    def dated(self) -> datetime:
        return self.updated_at or self.loaded_at


def latest(states: list[State]) -> State:
    return max(states, key=lambda state: state.load_id)


class Replay:
    """The log of one source, kept row by row.

    Args:
        first_start: from when a key's first state holds, given its attributes, its date and its load.
        is_complete: who is missing from an export has left.
    """

    def __init__(self, first_start: Callable, is_complete: bool) -> None:
        self.first_start, self.is_complete = first_start, is_complete
        self.states: dict[object, list[State]] = {}

    def load(self, rows: dict[object, tuple], loaded_at: datetime, load_id: int) -> dict[str, int]:
        """Take in an export `{key: (*attributes, updated_at)}`; how many rows were loaded, known and outdated."""
        counts = {"loaded": 0, "known": 0, "outdated": 0}
        for key, (*values, updated_at) in rows.items():
            attributes, states = tuple(values), self.states.setdefault(key, [])
            outcome = self._judge(states, attributes, updated_at, loaded_at)
            counts[outcome] += 1
            if outcome == "loaded":
                later_start = updated_at or loaded_at
                start = later_start if states else self.first_start(attributes, updated_at, loaded_at)
                states.append(State(attributes, updated_at, start, loaded_at, load_id))
        for key, states in self.states.items():
            if self.is_complete and key not in rows and states[-1].attributes:
                states.append(State(None, None, loaded_at, loaded_at, load_id))
        return counts

    @staticmethod
    def _judge(states: list[State], attributes: tuple, updated_at: datetime | None, now: datetime) -> str:
        if not states or states[-1].attributes is None:
            return "loaded"
        last = states[-1]
        if attributes == last.attributes:
            is_later = updated_at is not None and (last.updated_at is None or updated_at > last.updated_at)
            is_announced = last.updated_at is not None and last.updated_at > now
            if not is_later and not (is_announced and (updated_at or now) < last.updated_at):
                return "known"
        came = max((number for number, state in enumerate(states) if state.attributes is None), default=-1) + 1
        since = states[came:]
        in_force = [
            state.updated_at
            for state in since
            if state.updated_at
            and state.updated_at <= now
            and latest([other for other in since if other.dated <= state.dated]) is state
        ]
        return "outdated" if updated_at and in_force and updated_at < max(in_force) else "loaded"

    def versions(self, read: Callable = lambda key, attributes: attributes) -> list[tuple]:
        """`(key, *attributes, valid_from, valid_to, loaded_at, load_id)` of every version, by key and start.

        Args:
            read: what attributes a staging model makes of those of a key.
        """
        versions = []
        for key in sorted(self.states):
            states = self.states[key]
            runs: list[tuple[tuple | None, datetime, State]] = []
            for moment in sorted({state.effective_at for state in states if state.effective_at < OPEN}):
                state = latest([state for state in states if state.effective_at <= moment])
                attributes = state.attributes and tuple(
                    "unknown" if value == "" else value for value in read(key, state.attributes)
                )
                start = runs.pop()[1] if runs and runs[-1][0] == attributes else moment
                runs.append((attributes, start, state))
            ends = [*(start for _, start, _ in runs), OPEN][1:]
            versions += [
                (key, *attributes, start, end, state.loaded_at, state.load_id)
                for (attributes, start, state), end in zip(runs, ends, strict=True)
                if attributes
            ]
        return versions


def mentors_replay() -> Replay:
    return Replay(lambda _, updated_at, __: updated_at or BEGINNING, is_complete=True)


def users_replay() -> Replay:
    def sign_up(attributes: tuple, _: datetime | None, loaded_at: datetime) -> datetime:
        return min(datetime.combine(attributes[1], datetime.min.time()), loaded_at)

    return Replay(sign_up, is_complete=False)


def load(folder: Path, sheet: dict, export: dict) -> dict[str, Load]:
    """Load a mentor sheet `{mentor_id: (tier, rate, updated_at)}` and a users export
    `{user_id: (company_id, signup_date, status, updated_at)}` into the warehouse of the folder."""

    def lines(header: str, rows: dict) -> str:
        texts = [",".join(str(value or "") for value in (key, *values)) for key, values in rows.items()]
        return "\n".join([header, *texts, ""])

    (folder / "mentor_tiers.csv").write_text(lines("mentor_id,tier,hourly_rate,updated_at", sheet))
    (folder / "users_db_export.csv").write_text(lines("user_id,company_id,signup_date,status,updated_at", export))
    (folder / "booking_events.json").write_text("[]")
    return {each.source: each for each in ingest(folder / "warehouse.duckdb", folder)}


def load_at(now: datetime, folder: Path, sheet: dict, export: dict) -> dict[str, Load]:
    """Load at a time in UTC; see `load`."""
    with patch("ingest.load.datetime", Mock(now=lambda zone: now.replace(tzinfo=zone))):
        return load(folder, sheet, export)


def typed(sheet: dict, export: dict) -> dict[str, dict]:
    """The same as `Replay.load` takes them."""
    return {
        "mentors": {key: (tier, Decimal(rate) if rate else None, date) for key, (tier, rate, date) in sheet.items()},
        "users": {
            key: (company, datetime.fromisoformat(day).date(), status, date)
            for key, (company, day, status, date) in export.items()
        },
    }


class Dimension:
    """A dimension kept by SQLMesh's own SCD2 code from the model's own query, without the scheduler."""

    def __init__(self, adapter, model, table: str) -> None:
        self.adapter, self.model, self.table = adapter, model, table
        self.is_first = not adapter.table_exists(table)
        if self.is_first:
            adapter.create_table(table, model.columns_to_types)

    def evaluate(self, moment: datetime) -> None:
        kind = self.model.kind
        managed = (kind.valid_from_name.name, kind.valid_to_name.name)
        columns = [column for column in self.model.columns_to_types if column not in managed]
        self.adapter.scd_type_2_by_column(
            target_table=self.table,
            source_table=exp.select(*columns).from_(f"marts.{self.model.view_name}"),
            unique_key=self.model.unique_key,
            valid_from_col=kind.valid_from_name,
            valid_to_col=kind.valid_to_name,
            execution_time=moment,
            check_columns=kind.columns,
            invalidate_hard_deletes=kind.invalidate_hard_deletes,
            execution_time_as_valid_from=kind.execution_time_as_valid_from,
            target_columns_to_types=self.model.columns_to_types,
            truncate=self.is_first,
        )
        self.is_first = False

    def rows(self, condition: str = "recorded_to IS NULL") -> list[tuple]:
        """The rows without their record time, by key and start."""
        query = f"SELECT * EXCLUDE (recorded_from, recorded_to) FROM {self.table} WHERE {condition}"
        return self.adapter.fetchall(f"{query} ORDER BY COLUMNS('^(mentor|user)_id$'), valid_from")

    def recorded_at(self, moment: datetime) -> list[tuple]:
        at = f"TIMESTAMP '{moment}'"
        return self.rows(f"recorded_from <= {at} AND ({at} < recorded_to OR recorded_to IS NULL)")


@contextmanager
def dimensions(context, warehouse: Path, suffix: str = "") -> Iterator[dict[str, Dimension]]:
    """The dimensions `mentors` and `users` over the `raw` tables of a warehouse; their queries are views there."""
    adapter = DuckDBConnectionConfig(database=str(warehouse)).create_engine_adapter()
    try:
        models = {name: context.get_model(f"marts.dim_{name}") for name in ("mentors", "users")}
        if not adapter.table_exists("marts.dim_users"):
            staging = [context.get_model(f"staging.stg_{name}") for name in models]
            for model in (*staging, *models.values()):
                schema = model.fully_qualified_table.db
                adapter.create_schema(schema)
                query = model.render_query_or_raise().sql(dialect="duckdb")
                adapter.execute(f"CREATE VIEW {schema}.{model.view_name} AS {query}")
        yield {name: Dimension(adapter, model, f"dim_{name}{suffix}") for name, model in models.items()}
    finally:
        adapter.close()


def text(value: object) -> str:
    """As DuckDB writes it."""
    return str(value).rstrip("0") if isinstance(value, datetime) and value.microsecond else str(value)


def sha256(*values: object) -> str:
    joined = "|".join("" if value is None else text(value) for value in values)
    return hashlib.sha256(joined.encode()).hexdigest()


def mentor_key(mentor_id: str, tier: str, rate: Decimal | None, valid_from: datetime, *_: object) -> str:
    return sha256(mentor_id, tier, rate, valid_from)


def user_key(user_id: int, company_id: str, _: object, status: str, valid_from: datetime, *__: object) -> str:
    return sha256(user_id, company_id, status, valid_from)


@settings(max_examples=30 * EXAMPLES_FACTOR, deadline=None)
@given(history=st.lists(st.tuples(SHEET, EXPORT, st.integers(0, 40), st.booleans()), min_size=1, max_size=6))
def test_any_sequence_of_exports_gives_the_replayed_history(context, tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("history")
    warehouse = folder / "warehouse.duckdb"
    replays = {"mentors": mentors_replay(), "users": users_replay()}
    keys = {"mentors": mentor_key, "users": user_key}
    held: dict[datetime, dict[str, list[tuple]]] = {}
    now = FIRST_LOAD
    for number, (sheet, export, days, is_evaluated) in enumerate(history, start=1):
        now += timedelta(days=days)
        loads = load_at(now, folder, sheet, export)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            loaded = connection.execute("SELECT source, MAX(loaded_at), MAX(load_id) FROM raw.loads GROUP BY source")
            last_load = {source: (loaded_at, load_id) for source, loaded_at, load_id in loaded.fetchall()}
        rows = typed(sheet, export)
        for name, replay in replays.items():
            if loads[name].outcome == "loaded":
                counts = replay.load(rows[name], *last_load[name])
                found = loads[name].rows_loaded, loads[name].rows_known, loads[name].rows_rejected
                assert found == tuple(counts.values())
        if is_evaluated or number == len(history):
            moment = datetime(2030, 1, 1 + number // 2)  # SQLMesh's clock knows whole minutes: two may share one
            with dimensions(context, warehouse) as dims:
                for dimension in dims.values():
                    dimension.evaluate(moment)
                held[moment] = {name: dimension.rows() for name, dimension in dims.items()}
            for name, replay in replays.items():
                assert [row[1:] for row in held[moment][name]] == replay.versions()

    with dimensions(context, warehouse) as dims, dimensions(context, warehouse, "_rebuilt") as rebuilt:
        for name, dimension in dims.items():
            for moment, rows in held.items():
                assert dimension.recorded_at(moment) == rows[name]
            rebuilt[name].evaluate(datetime(2030, 2, 1))
            assert rebuilt[name].rows() == dimension.rows()
            for key, *rest in dimension.rows("TRUE"):
                assert key == keys[name](*rest)


def table_rows(markdown: str) -> list[list[str]]:
    """The rows of the first table of a text, without its head."""
    table = markdown[markdown.index("\n|") :].strip().split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_example_of_the_page_is_true(context, tmp_path):
    _, example = (PROJECT_ROOT / "docs" / "history.md").read_text(encoding="utf-8").split("## Example")
    _, sql, result = example.split("```")
    sheets = [(1, "Gold", None), (2, "Silver", None), (3, "Silver", datetime(2024, 1, 20))]
    for month, tier, updated_at in sheets:
        load_at(datetime(2024, month, 10), tmp_path, {"M-1": (tier, "100", updated_at)}, {})
        with dimensions(context, tmp_path / "warehouse.duckdb") as dims:
            dims["mentors"].evaluate(datetime(2024, month, 10))

    def shown(query: str) -> list[list[str]]:
        rows = dims["mentors"].adapter.fetchall(query)
        return [[f"{cell:%F}" if isinstance(cell, datetime) else cell or "null" for cell in row] for row in rows]

    with dimensions(context, tmp_path / "warehouse.duckdb") as dims:
        columns = "tier, valid_from, valid_to, recorded_from, recorded_to"
        assert table_rows(example) == shown(f"SELECT {columns} FROM dim_mentors ORDER BY recorded_from, valid_from")
        assert table_rows(result) == shown(sql.removeprefix("sql").replace("marts.dim_mentors", "dim_mentors"))


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
            """
            SELECT tier, valid_from, valid_to FROM marts.dim_mentors
            WHERE mentor_id = ? AND recorded_to IS NULL ORDER BY valid_from
            """,
            [mentor],
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
        ("Gold", february, OPEN),
    ]
    (left, back) = versions(warehouse, "M-2")
    assert (left[:2], back[0], back[2]) == (("Silver", BEGINNING), "Gold", OPEN)
    assert left[2] < back[1]

    run(warehouse, "refresh", "--data", sheet("M-1,Bronze,1,2024-01-20\nM-2,Gold,1,\n"))
    assert [tier for tier, _, _ in versions(warehouse, "M-1")] == ["Gold", "Silver", "Gold"]
    assert "outdated" in run(warehouse, "rejects").stdout
