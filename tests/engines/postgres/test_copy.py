"""A warehouse copied from DuckDB to PostgreSQL goes on there as if it had always been there, its history with it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from cli import cli
from engines.duckdb import DuckDBReader
from tests.conftest import event
from tests.engines.postgres.conftest import Server
from tests.engines.postgres.test_refresh import comparable, plan, state

pytestmark = pytest.mark.postgres

SHEET = "mentor_id,tier,hourly_rate,updated_at\n"
EXPORT = "user_id,company_id,signup_date,status,updated_at\n1,7,2023-01-01,active,\n2,7,2023-01-02,{}\n"
EVENTS = [
    event("e1"),
    event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
    event("e3", event_type="session_started", timestamp="2023-02-12T10:00:00Z"),
    event("e4", user_id=2, mentor_id="M-2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
    event("bad", event_type="of no\0type"),
]
# A tier that changes, a change of it that is dated back, a mentor who leaves, a user who comes back.
DAYS = [
    ("M-1,Gold,200,\nM-2,Silver,100,\nM-3,Bronze,,\n", "churned,", EVENTS[:2]),
    ("M-1,Silver,200,\nM-2,Silver,100,\n", "active,2023-02-05", EVENTS[:4]),
    ("M-1,Silver,200,2023-02-10\nM-2,Silver,100,\n", "churned,2023-02-10", EVENTS),
]
NEWEST = DAYS[-1]


def write(folder: Path, sheet: str, status: str, events: list[dict]) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "users_db_export.csv").write_text(EXPORT.format(status), encoding="utf-8")
    (folder / "mentor_tiers.csv").write_text(SHEET + sheet, encoding="utf-8")
    (folder / "booking_events.json").write_text(json.dumps(events), encoding="utf-8")
    return str(folder)


def in_duckdb(file: Path, *arguments: str, exit_code: int = 0) -> Result:
    command = ["--gateway", "duckdb", "--warehouse", str(file), *arguments]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(scope="session")
def three_days(tmp_path_factory) -> Path:
    """A DuckDB warehouse of three days, each taken in by itself, with an environment dev; read it only."""
    folder = tmp_path_factory.mktemp("three_days")
    for day in DAYS:
        in_duckdb(folder / "w.duckdb", "refresh", "--data", write(folder / "data", *day))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"MENTOR_GATEWAY": "duckdb", "MENTOR_WAREHOUSE": str(folder / "w.duckdb")}.items():
            patch.setenv(name, value)
        plan("dev")
    return folder / "w.duckdb"


@pytest.fixture
def source(three_days, tmp_path) -> Path:
    """A copy of `three_days` that a test may change."""
    return Path(shutil.copyfile(three_days, tmp_path / "w.duckdb"))


HISTORY = {
    "dim_mentors": "SELECT * FROM marts.dim_mentors ORDER BY mentor_id, recorded_from, valid_from, recorded_to",
    "dim_users": "SELECT * FROM marts.dim_users ORDER BY user_id, recorded_from, valid_from, recorded_to",
}


def rows(file: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def schemas(server) -> list[tuple]:
    return server.query("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1")


@pytest.fixture(scope="session")
def copied(server, three_days) -> str:
    """The name of a database that holds `three_days`."""
    server.replace_database("template0")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PGHOST": server.host, "PGUSER": "postgres"}.items():
            patch.setenv(name, value)
        output = in_duckdb(three_days, "copy", "--to", "postgres").output
    assert re.search(r"compared 2\d tables with \d+ rows, the history with them: all the same", output)
    assert "the environment dev was not copied; to make it anew there run: sqlmesh plan dev" in output
    assert "set gateway = 'postgres'" in output
    server.query("ALTER DATABASE warehouse RENAME TO copied", "postgres")
    return "copied"


@pytest.fixture
def there(gateway, copied) -> Server:
    """The database `warehouse` is as the copy left it."""
    gateway.replace_database(copied)
    return gateway


def test_everything_goes_on_as_if_it_had_always_been_there(run, there, source, tmp_path):
    for query in HISTORY.values():
        assert there.query(query) == rows(source, query)
        assert sum(row[-1] is not None for row in rows(source, query)) > 1
    question = ("answer", "--full", "--format", "json")
    assert comparable(run(*question).stdout) == comparable(in_duckdb(source, *question).stdout)
    assert run("rejects").stdout == in_duckdb(source, "rejects").stdout.replace("\0", "\ufffd")
    run("status")
    assert "prod is up to date; nothing new" in run("refresh", "--data", write(tmp_path / "data", *NEWEST)).output

    held = {name: there.query(query) for name, query in HISTORY.items()}
    news = write(tmp_path / "news", "M-1,Bronze,200,2023-03-01\nM-2,Silver,100,\n", "active,2023-03-01", EVENTS)
    for refresh in (run("refresh", "--data", news), in_duckdb(source, "refresh", "--data", news)):
        assert "prod is up to date" in refresh.output
    for name, query in HISTORY.items():
        now, here = there.query(query), rows(source, query)
        # Both have closed the same versions and begun the same ones, each at the moment of its own run.
        assert without_moments(now) == without_moments(here)
        closed = [row for row in held[name] if row[-1] is not None]
        assert [row for row in now if row in closed] == closed
        assert len(now) > len(held[name])
    ended = "SELECT tier FROM marts.dim_mentors WHERE mentor_id = 'M-1' AND valid_to = '2023-03-01'"
    assert there.query(ended) == [("Silver",)]
    plan("dev")
    assert comparable(run(*question).stdout) == comparable(in_duckdb(source, *question).stdout)


def without_moments(rows: list[tuple]) -> list[tuple]:
    """The rows of a dimension without the times and numbers of loads and runs, but for whether they still hold."""
    return sorted((str(row[:-4]), row[-1] is None) for row in rows)


def test_the_way_back_changes_nothing(run, there, source, tmp_path, monkeypatch):
    monkeypatch.setenv("MENTOR_WAREHOUSE", str(tmp_path / "back.duckdb"))
    run("copy", "--to", "duckdb")
    with duckdb.connect(str(tmp_path / "back.duckdb")) as connection:
        connection.execute(f"ATTACH '{source}' AS w (READ_ONLY)")
        for table in (*(f"marts.{name}" for name in HISTORY), "raw.loads", "raw.users", "reports.rpt_cohorts"):
            for one, other in (("back", "w"), ("w", "back")):
                query = f"SELECT COUNT(*) FROM (FROM {one}.{table} EXCEPT ALL FROM {other}.{table})"
                assert connection.execute(query).fetchall() == [(0,)], table
    error = run("copy", "--to", "duckdb", exit_code=1).output
    assert error.startswith(f"error: there is a warehouse in {tmp_path / 'back.duckdb'} already")


def test_a_warehouse_that_is_there_stays(there, source):
    before = state(there)
    (error,) = in_duckdb(source, "copy", "--to", "postgres", exit_code=1).output.splitlines()
    assert error.startswith("error: there is a warehouse in the PostgreSQL database warehouse at ")
    assert error.endswith("already; to empty it run: python cli.py --gateway postgres reset --yes")
    assert state(there) == before


def test_a_row_that_would_not_be_the_same_leaves_nothing(gateway, source):
    with duckdb.connect(str(source)) as connection:
        table = DuckDBReader(connection, "w").tables_behind("marts")["fct_bookings"]
        connection.execute(f"UPDATE {table} SET booking_status = 'pending'")
    error = in_duckdb(source, "copy", "--to", "postgres", exit_code=1).output.splitlines()[-1]
    assert "error: nothing was copied: marts.fct_bookings would not be the same" in error
    assert "1 of its rows are not there and 1 others are" in error
    assert schemas(gateway) == [("public",)]


def test_what_prod_has_not_taken_in_and_other_settings_are_refused(gateway, source, tmp_path, monkeypatch):
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
    error = in_duckdb(source, "copy", "--to", "postgres", exit_code=1).output
    assert error.startswith("error: prod cannot be copied as it stands: prod was built with no_show_grace_days")
    monkeypatch.delenv("MENTOR_NO_SHOW_GRACE_DAYS")
    in_duckdb(source, "ingest", "--data", write(tmp_path / "news", "M-1,Gold,1,\n", "active,", EVENTS))
    error = in_duckdb(source, "copy", "--to", "postgres", exit_code=1).output
    assert error.startswith("error: prod cannot be copied as it stands: prod is behind by ")
    assert "transform" in error
    assert schemas(gateway) == [("public",)]


def test_a_time_limit_and_somebody_elses_tables_leave_nothing(gateway, source):
    assert "timed out after 1 s" in in_duckdb(source, "copy", "--to", "postgres", "--timeout", "1", exit_code=1).output
    assert schemas(gateway) == [("public",)]
    gateway.query("CREATE SCHEMA raw; CREATE TABLE raw.theirs AS SELECT 1 AS n")
    error = in_duckdb(source, "copy", "--to", "postgres", exit_code=1).output
    assert "the schema raw holds tables that are not ours" in error
    assert gateway.query("SELECT n FROM raw.theirs") == [(1,)]


def test_what_cannot_be_copied_from_or_to(run, tmp_path):
    nothing = in_duckdb(tmp_path / "none.duckdb", "copy", "--to", "postgres", exit_code=1).output
    assert nothing.startswith("error: there is no warehouse at ")
    same = run("copy", "--to", "postgres", exit_code=1).output
    assert same == "error: the gateway is postgres already; name the one to copy from: --gateway duckdb\n"
    assert "'spanner' is not one of" in run("copy", "--to", "spanner", exit_code=2).output
