"""Loading into Snowflake, with DuckDB in its place: the rows and the judgements are those of a warehouse file."""

from __future__ import annotations

import json
from collections import Counter

from simulation.population import Scenario, simulate
from tests.conftest import ATTENDED, MENTORS_CSV, USERS_CSV, event, ingest, write_data
from tests.engines.postgres.test_loading import COMPARED, TEXTS, in_duckdb


def in_snowflake(account) -> dict[str, Counter]:
    return {table: Counter(account.query(f"SELECT {columns} FROM raw.{table}")) for table, columns in COMPARED.items()}


def test_days_of_dirty_files_give_the_rows_that_duckdb_has(run, account, warehouse, tmp_path):
    simulate(Scenario(150, 3, dirt=0.1, optional_events=True)).write(tmp_path / "days", "jsonl", 3, 0.2)
    for day in sorted((tmp_path / "days").iterdir()):
        run("ingest", "--data", str(day))
        ingest(warehouse, day)
        assert in_snowflake(account) == in_duckdb(warehouse), day.name
    assert in_snowflake(account)["rejected_rows"]
    assert "unchanged since its last load" in run("ingest", "--data", str(day)).output


def test_text_comes_as_it_was(run, account, warehouse, tmp_path):
    events = [event(f"e{number}|{text}", cancelled_by=text) for number, text in enumerate(TEXTS)]
    events += [event(f"rejected {number}", event_type=text) for number, text in enumerate(TEXTS)]
    folder = write_data(
        tmp_path / "da'ta", USERS_CSV + '3,"a\n""b""",2023-01-01,"\\."\n3\0,c,2023-01-01,active\n', events=events
    )
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_snowflake(account) == in_duckdb(warehouse)
    # They are known by their ids when they come again.
    write_data(folder, mentors=MENTORS_CSV.replace("200", "300"), events=[*events, event("new")])
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_snowflake(account) == in_duckdb(warehouse)


def test_of_events_only_those_with_the_ids_of_the_file_are_fetched(run, account, tmp_path):
    run("ingest", "--data", str(write_data(tmp_path / "data", events=ATTENDED)))
    account.statements.clear()
    run("ingest", "--data", str(write_data(tmp_path / "data", events=[event("e3")])))
    (fetched,) = [text for text in account.statements if text.startswith("SELECT") and '"occurred_at"' in text]
    assert fetched.endswith('WHERE "event_id" IN (SELECT "asked"."event_id" FROM "raw"."asked" AS "asked")')


def test_rows_that_do_not_arrive_are_noticed(run, account, tmp_path):
    def lose_a_row(statement: str) -> None:
        if statement.startswith('COPY INTO "raw"."users"'):
            (session,) = [session for session in account.sessions if not session.is_closed]
            (file,) = session.stages['"raw"."loading"'].glob("users.parquet")
            account.query(f"COPY (FROM '{file}' LIMIT 1) TO '{file}' (FORMAT parquet)", "MENTOR_ANALYTICS__NEXT")

    account.before = lose_a_row
    error = run("ingest", "--data", str(write_data(tmp_path / "data")), exit_code=1).output.splitlines()[-1]
    assert "1 of 2 rows arrived in raw.users; nothing was published" in error
    assert not account.databases


def test_a_file_that_cannot_be_read_leaves_nothing(run, account, tmp_path):
    folder = write_data(tmp_path / "data", events=json.dumps([event("e1")])[:-5])
    assert "is broken JSON" in run("ingest", "--data", str(folder), exit_code=1).output
    assert not account.databases


def test_a_database_of_somebody_else_is_left_alone(run, account, tmp_path):
    account.create("MENTOR_ANALYTICS")
    account.query("CREATE SCHEMA marts; CREATE TABLE marts.theirs AS SELECT 1 AS n")
    folder = str(write_data(tmp_path / "data"))
    assert "the schema marts holds tables that are not ours" in run("ingest", "--data", folder, exit_code=1).output
    assert "nothing to reset" in run("reset", "--yes", exit_code=1).output
    assert account.rows() == {"marts.theirs": [(1,)]}
    assert set(account.databases) == {"MENTOR_ANALYTICS"}


def test_a_warehouse_from_before_there_were_optional_events_is_extended(run, account, warehouse, tmp_path):
    folder = write_data(tmp_path / "data", events=[event("e1")])
    run("ingest", "--data", str(folder))
    for column in ("signup_source", "churn_reason", "viewed_from", "rating"):
        account.query(f"ALTER TABLE raw.booking_events DROP COLUMN {column}")
    ingest(warehouse, folder)
    write_data(folder, events=[event("e1"), event("c", event_type="user_churned", mentor_id=None)])
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_snowflake(account) == in_duckdb(warehouse)
