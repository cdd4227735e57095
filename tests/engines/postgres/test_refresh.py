"""A refresh on PostgreSQL is one transaction: the answer is that of DuckDB, and it comes all at once or not at all."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlmesh import Context

from config import build_config
from engines import engine_of
from engines.postgres.lock import LOCK
from errors import WarehouseError
from settings import PROJECT_ROOT, load_settings
from simulation.population import Scenario, simulate
from tests import test_answer
from tests.conftest import ATTENDED, MENTORS_CSV, event, write_data
from tests.engines.comparison import comparable
from tests.processes import Command
from warehouse.environments import read_environment

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="session")
def built(server, tmp_path_factory) -> str:
    """The name of a database that a refresh of one booking and its session has filled."""
    from click.testing import CliRunner

    from cli import cli

    server.replace_database("template0")
    data = write_data(tmp_path_factory.mktemp("built") / "data", events=ATTENDED)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PGHOST": server.host, "PGUSER": "postgres", "MENTOR_GATEWAY": "postgres"}.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(cli, ["refresh", "--data", str(data)])
    assert result.exit_code == 0, result.output
    server.query("ALTER DATABASE warehouse RENAME TO built", "postgres")
    return "built"


@pytest.fixture
def refreshed(gateway, built) -> None:
    """The database `warehouse` is as `built` left it."""
    gateway.replace_database(built)


def in_duckdb(monkeypatch, *arguments: str) -> str:
    with monkeypatch.context() as patch:
        patch.setenv("MENTOR_GATEWAY", "duckdb")
        return test_answer.run(*arguments).stdout


def assert_same_answers(run, monkeypatch, warehouse, folder: Path) -> None:
    run("refresh", "--data", str(folder))
    in_duckdb(monkeypatch, warehouse, "refresh", "--data", str(folder))
    question = ("answer", "--full", "--format", "json")
    assert comparable(run(*question).stdout) == comparable(in_duckdb(monkeypatch, warehouse, *question))


@pytest.mark.real_data
def test_the_answer_of_the_real_files_is_that_of_duckdb(run, warehouse, monkeypatch, real_data):
    assert_same_answers(run, monkeypatch, warehouse, real_data)


def test_late_events_and_changed_sheets_give_the_answers_of_duckdb(run, warehouse, monkeypatch, tmp_path):
    simulate(Scenario(120, 5, dirt=0.05)).write(tmp_path / "days", "jsonl", 2, 0.3)
    first, second = sorted((tmp_path / "days").iterdir())
    run("refresh", "--data", str(first))
    in_duckdb(monkeypatch, warehouse, "refresh", "--data", str(first))
    assert_same_answers(run, monkeypatch, warehouse, second)
    assert "prod is up to date; nothing new" in run("refresh", "--data", str(second)).output


def state(server) -> dict[str, list]:
    """All rows of every table that a refresh writes, SQLMesh's own among them."""
    tables = server.query(
        "SELECT FORMAT('%I.%I', table_schema, table_name) FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
    )
    return {name: sorted(server.query(f"SELECT t::TEXT FROM {name} AS t")) for (name,) in tables}


NEWS = [*ATTENDED, event("e3", user_id=2), event("e4", user_id=2, event_type="session_started")]


@pytest.fixture
def news(refreshed, tmp_path) -> Path:
    """A folder that says more than the warehouse knows."""
    return write_data(tmp_path / "news", mentors=MENTORS_CSV.replace("M-2,Silver", "M-2,Gold"), events=NEWS)


def writer(server) -> int | None:
    """The session that writes, if one does."""
    rows = server.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted", "postgres")
    return rows[0][0] if rows else None


def wait_for_writer(server) -> int:
    deadline = time.monotonic() + 60
    while not (pid := writer(server)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return pid


def test_a_failed_audit_leaves_everything_as_it_was(run, gateway, news):
    columns = "user_id, mentor_id, occurred_at, load_id"
    gateway.query(
        f"INSERT INTO raw.booking_events (event_id, event_type, {columns}) "
        f"SELECT 'odd', 'of no type', {columns} FROM raw.booking_events LIMIT 1"
    )
    before = state(gateway)
    result = run("refresh", "--data", str(news), exit_code=1)
    (error,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert "staging.stg_events" in error
    assert "not_null" in error
    assert "aborted" not in error
    assert state(gateway) == before


def test_a_statement_that_fails_is_named_and_not_what_follows_from_it(run, gateway, news):
    ((table,),) = gateway.query(
        "SELECT FORMAT('%I.%I', table_schema, table_name) FROM information_schema.tables "
        "WHERE table_schema = 'sqlmesh__marts' AND table_name LIKE 'marts__fct_bookings__%'"
    )
    gateway.query(f"ALTER TABLE {table} ADD CONSTRAINT full_disk CHECK (FALSE) NOT VALID")
    before = state(gateway)
    error = run("refresh", "--data", str(news), exit_code=1).output.splitlines()[-1]
    assert "marts.fct_bookings" in error
    assert "full_disk" in error
    assert "aborted" not in error
    assert state(gateway) == before


def test_a_lost_connection_leaves_everything_as_it_was(run, gateway, news):
    before = state(gateway)

    def end_it() -> None:
        wait_for_writer(gateway)
        time.sleep(0.7)
        gateway.query(f"SELECT pg_terminate_backend({writer(gateway)})")

    thread = threading.Thread(target=end_it)
    thread.start()
    result = run("refresh", "--data", str(news), exit_code=1)
    thread.join()
    (error,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert error.endswith("was lost; nothing was published; check the server and run it again")
    assert state(gateway) == before
    assert "prod is up to date" in run("refresh", "--data", str(news)).output


def test_a_killed_process_leaves_everything_as_it_was(run, gateway, news):
    before = state(gateway)
    command = Command(PROJECT_ROOT, "cli.py", "refresh", "--data", str(news))
    wait_for_writer(gateway)
    time.sleep(0.5)
    command.kill()
    assert command.wait() != 0
    deadline = time.monotonic() + 30
    while writer(gateway):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state(gateway) == before


def test_a_time_limit_ends_a_query(run, gateway, news):
    before = state(gateway)
    # Nobody gets at the table for as long as this session holds it.
    with closing(gateway.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE raw.booking_events")
        started = time.monotonic()
        result = run("ingest", "--data", str(news), "--timeout", "1.5", exit_code=1)
        assert "error: timed out after 1.5 s; nothing was published" in result.output
        assert time.monotonic() - started < 8
    assert state(gateway) == before


def test_a_second_writer_waits_for_the_first(run, gateway, news, monkeypatch):
    with closing(gateway.connect()) as other, other.cursor() as cursor:
        cursor.execute(f"BEGIN; SELECT pg_advisory_xact_lock({LOCK})")
        monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
        result = run("ingest", "--data", str(news), exit_code=1)
        assert "is writing the PostgreSQL database warehouse" in result.output
        assert "try again when it is done, or end it" in result.output
        monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "60")
        threading.Timer(1, lambda: cursor.execute("COMMIT")).start()
        result = run("ingest", "--data", str(news))
        assert result.output.count("waiting up to 60 s") == 1
        assert "2 loaded" in result.output


def test_sqlmesh_keeps_a_refresh_out_and_a_refresh_sqlmesh(run, gateway, news, monkeypatch):
    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
    with closing(gateway.connect()) as other, other.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({LOCK})")
        with pytest.raises(WarehouseError, match="is writing the PostgreSQL database warehouse"):
            plan("dev")
    config = build_config(load_settings())
    adapters = [config.get_connection().create_engine_adapter() for _ in range(2)]
    for adapter in adapters:
        adapter.fetchone("SELECT 1")
    assert "try again when it is done" in run("ingest", "--data", str(news), exit_code=1).output
    for adapter in adapters:
        adapter.close()
    run("ingest", "--data", str(news))


def told(settings) -> str:
    """What a reader is told who asks several tables, one after the other."""
    with engine_of(settings).reading(settings) as reader:
        stands = read_environment(reader, "prod")
        time.sleep(0.02)
        tables = ("raw.loads", "marts.fct_bookings", "marts.fct_sessions", "marts.dim_mentors", "reports.rpt_cohorts")
        return str((stands, [sorted(map(str, reader.rows(f"SELECT * FROM {table}"))) for table in tables]))


def test_readers_see_the_state_before_or_the_state_after(run, gateway, news):
    settings = load_settings()
    seen = [told(settings)]
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            seen.append(told(settings))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    run("refresh", "--data", str(news))
    is_over.set()
    for thread in threads:
        thread.join()
    seen.append(told(settings))
    assert len(seen) > 10
    assert set(seen) == {seen[0], seen[-1]}
    assert seen[0] != seen[-1]


def plan(environment: str) -> None:
    """`sqlmesh plan ENVIRONMENT`, as it is without a refresh."""
    config = build_config(load_settings())
    config.ignore_patterns = [*config.ignore_patterns, "tests/*"]
    context = Context(paths=[str(PROJECT_ROOT)], config=config)
    context.plan(environment, no_prompts=True, auto_apply=True, skip_tests=True, skip_linter=True)
    context.close()


def test_a_change_is_planned_beside_prod_promoted_and_taken_back(run, news, monkeypatch):
    run("refresh", "--data", str(news))
    question = ("answer", "--full", "--format", "json")
    before = comparable(run(*question).stdout)
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
    plan("dev")
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "7")
    assert comparable(run(*question).stdout) == before
    changed = json.loads(run(*question, "--env", "dev").stdout)
    assert changed["parameters"]["environment"] == "dev"
    assert changed["rebooking"] == json.loads(before)["rebooking"]
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
    plan("prod")
    promoted = json.loads(run(*question).stdout)
    assert promoted["reliability"] == changed["reliability"]
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "7")
    plan("prod")
    assert comparable(run(*question).stdout) == before


def test_facts_and_dimensions_are_read_well_by_whom_they_are_read_next(gateway, refreshed, monkeypatch):
    monkeypatch.setenv("MENTOR_DEFAULT_SESSION_MINUTES", "45")
    plan("dev")
    tables = (
        "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' AND relnamespace = 'sqlmesh__marts'::REGNAMESPACE "
        "AND relname ~ 'fct_|dim_' ORDER BY 1"
    )
    found = dict(gateway.query(tables))
    facts = [name for name in found if "__fct_" in name]
    assert len(facts) == 3, found
    # Neither has the table been left to autovacuum, nor is its newest load looked for in all of its rows.
    assert all(rows > 0 for rows in found.values()), found
    indexes = gateway.query("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'sqlmesh__marts'")
    for fact in facts:
        columns = {text.split("(")[-1] for table, text in indexes if table == fact}
        assert columns == {"last_event_at)", "load_id)"}, fact


def test_each_published_state_has_a_version_of_its_own(run, gateway, built, tmp_path):
    def version():
        return engine_of(load_settings()).version(load_settings())

    assert version() is None
    gateway.replace_database(built)
    before = version()
    assert version() == before
    run("ingest", "--data", str(write_data(tmp_path / "news", events=NEWS)))
    assert version().key != before.key
    assert version().written > before.written


def test_there_is_no_way_back_but_a_backup(run, refreshed):
    assert "error: PostgreSQL keeps no earlier state" in run("rollback", exit_code=1).output


def test_reset_takes_what_is_ours_and_no_more(run, gateway, refreshed):
    gateway.query("CREATE SCHEMA mine; CREATE TABLE mine.kept AS SELECT 1 AS n")
    assert "is gone" in run("reset", "--yes").output
    left = gateway.query("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1")
    assert left == [("mine",), ("public",)]
    assert "nothing to reset" in run("reset", "--yes", exit_code=1).output
