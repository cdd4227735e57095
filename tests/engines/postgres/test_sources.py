"""A query of PostgreSQL as a source, and rejected rows tried again in a warehouse on PostgreSQL."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import duckdb
import pytest

from engines.duckdb import DuckDBState
from errors import SourceError
from ingest.load import ingest_sources
from ingest.mapping import read_mapping
from ingest.replay import replay_rejected_rows
from ingest.sources import find_sources
from settings import load_settings
from tests.conftest import ATTENDED, event, ingest, write_data
from tests.engines.postgres.test_loading import in_duckdb, in_postgres

pytestmark = pytest.mark.postgres

ASKED = event("e7", event_type="asked", timestamp="2023-02-05T10:00:00Z")
CRM = """
CREATE TABLE customers (no BIGINT, account TEXT, created TIMESTAMPTZ, state TEXT, more NUMERIC);
INSERT INTO customers VALUES
    (1, '7', '2023-01-01 01:00:00+01', 'active', 1.50),
    (2, E'7"\\n%s', '2023-01-02 00:00:00+00', 'churned', NULL), (NULL, '8', '2023-01-02', 'lost', 1);
"""
QUERY = "SELECT no AS user_id, account, created AS signup_date, state AS status, more FROM customers ORDER BY no;"


def mapped(folder: Path, query: str = QUERY, service: str = "") -> Path:
    file = folder / "sources.toml"
    columns = "[users.columns]\ncompany_id = 'account'\n"
    file.write_text(f'[users]\nquery = """{query}"""\n{service}\n{columns}', encoding="utf-8")
    return file


@pytest.fixture
def crm(gateway, monkeypatch):
    """A database of customers, which the `PG…` variables name; the warehouse is a DuckDB file."""
    gateway.query("DROP DATABASE IF EXISTS crm WITH (FORCE)", "postgres")
    gateway.query("CREATE DATABASE crm TEMPLATE template0 ENCODING 'UTF8'", "postgres")
    for statement in CRM.strip().split(";\n"):
        gateway.query(statement, "crm")
    monkeypatch.delenv("MENTOR_GATEWAY")
    monkeypatch.setenv("PGDATABASE", "crm")
    return gateway


def test_a_query_is_loaded_as_a_file_would_be(crm, warehouse, tmp_path, monkeypatch):
    data = write_data(tmp_path / "data")
    (data / "users_db_export.csv").unlink()
    file = mapped(tmp_path)
    # Other processes make folders where temporary files are, too.
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def load():
        return ingest_sources(DuckDBState(load_settings(warehouse=warehouse)), find_sources(data, read_mapping(file)))

    users, *_ = load()
    assert (users.rows_loaded, users.rows_rejected) == (2, 1)
    assert users.notes == ("columns that are not loaded: more",)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute("SELECT user_id, company_id, CAST(signup_date AS VARCHAR), status FROM raw.users")
        assert found.fetchall() == [(1, "7", "2023-01-01", "active"), (2, '7"\n%s', "2023-01-02", "churned")]
        ((name, reason, text),) = connection.execute("SELECT file, reason, raw_text FROM raw.rejected_rows").fetchall()
    assert (name, reason) == (f"{tmp_path}/sources.toml#users", "missing_user_id")
    assert json.loads(text)["account"] == "8"
    assert load()[0].outcome == "unchanged"
    del users
    assert list(temporary.iterdir()) == []


def test_a_query_names_its_database_by_the_service_file(crm, warehouse, tmp_path, monkeypatch):
    monkeypatch.setenv("PGDATABASE", "postgres")
    (tmp_path / "services").write_text("[crm]\ndbname=crm\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    data = write_data(tmp_path / "data")
    with pytest.raises(SourceError, match=r'sources.toml#users: the query failed: relation "customers"'):
        find_sources(data, read_mapping(mapped(tmp_path)))
    monkeypatch.delenv("PGDATABASE")
    assert find_sources(data, read_mapping(mapped(tmp_path, service="service = 'crm'")))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1 AS user_id WHERE false", "sources.toml#users: the query has no row"),
        ("DELETE FROM customers RETURNING no", "sources.toml#users: the query failed: syntax error"),
        ("SELECT 1 AS user_id", "lacks the column account (company_id), signup_date, status (found: user_id)"),
        (
            "SELECT nextval('numbers') AS user_id",
            "the query failed: cannot execute nextval() in a read-only transaction",
        ),
        ("SELECT 1) AS a; DROP TABLE customers; --", "sources.toml#users: the query failed: "),
    ],
)
def test_a_query_that_fails_is_refused_in_one_line(query, reason, crm, warehouse, tmp_path):
    crm.query("CREATE SEQUENCE numbers", "crm")
    with pytest.raises(SourceError) as refusal:
        ingest_sources(
            DuckDBState(load_settings(warehouse=warehouse)),
            find_sources(write_data(tmp_path / "data"), read_mapping(mapped(tmp_path, query))),
        )
    assert reason in str(refusal.value)
    assert str(refusal.value).isprintable()
    assert crm.query("SELECT COUNT(*) FROM customers", "crm") == [(3,)]


def test_a_database_that_is_not_there_is_told_in_one_line(crm, tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    for name, value in (("PGDATABASE", "none"), ("PGHOST", "/nowhere")):
        monkeypatch.setenv(name, value)
        with pytest.raises(
            SourceError, match=r"sources.toml#users: the database cannot be reached \(.+\); check"
        ) as told:
            find_sources(write_data(tmp_path / "data"), read_mapping(mapped(tmp_path)))
        assert "secret" not in str(told.value)
        assert str(told.value).isprintable()
    with pytest.raises(SourceError, match="and the service 'crm'"):
        find_sources(tmp_path / "data", read_mapping(mapped(tmp_path, service="service = 'crm'")))


def test_rejected_rows_are_tried_again_as_in_duckdb(run, gateway, warehouse, tmp_path, monkeypatch):
    users = "user_id,company_id,signup_date,status,day\n1,7,2023-01-01,active,\n9,7,soon,active,2023-01-01\n"
    data = write_data(tmp_path / "data", users=users, events=[*ATTENDED, ASKED, event("e8", user_id="x")])
    run("ingest", "--data", str(data))
    ingest(warehouse, data)
    before = in_postgres(gateway)
    assert "no rejected row passes; nothing changed" in run("rejects", "--replay").output
    assert in_postgres(gateway) == before
    file = tmp_path / "sources.toml"
    file.write_text("[users.columns]\nsignup_date = 'day'\n[booking_events.event_types]\nbooking_requested = 'asked'\n")
    monkeypatch.setenv("MENTOR_SOURCES", str(file))
    # A warehouse of an earlier version has no table for what became of them.
    gateway.query("DROP TABLE raw.replayed_rows")
    done = run("rejects", "--replay")
    replay_rejected_rows(DuckDBState(load_settings(warehouse=warehouse)), read_mapping(file))
    assert in_postgres(gateway) == in_duckdb(warehouse) != before
    fates = [(row["reason"], row["became"]) for row in csv.DictReader(io.StringIO(done.stdout))]
    assert fates == [("invalid_signup_date", "loaded"), ("unknown_event_type", "loaded"), ("invalid_user_id", "")]
    replayed = in_postgres(gateway)
    run("rejects", "--replay")
    assert in_postgres(gateway) == replayed
    assert gateway.query("SELECT COUNT(*) FROM raw.replayed_rows") == [(2,)]
