"""What goes wrong with PostgreSQL is told in one line, by every command, and changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engines.postgres import connection
from tests.conftest import ATTENDED, write_data

pytestmark = pytest.mark.postgres

COMMANDS = (("answer",), ("status",), ("rejects",), ("ingest",), ("refresh",), ("reset", "--yes"))


def error_of(run, *command: str) -> str:
    (line,) = run(*command, exit_code=1).output.splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"PGHOST": "127.0.0.1", "PGPORT": "9"}, ("at 127.0.0.1:9 cannot be reached (Connection refused)", "PGPORT")),
        ({"PGHOST": "/nowhere"}, ("cannot be reached (No such file or directory)", "start the server")),
        ({"PGDATABASE": "nosuch"}, ('(database "nosuch" does not exist)', "createdb")),
        ({"PGUSER": "nosuch"}, ('(role "nosuch" does not exist)', "PGUSER")),
        ({"PGPORT": "abc"}, ("PGPORT 'abc' is not the number of a port",)),
    ],
    ids=["refused", "no socket", "no database", "no role", "no port"],
)
def test_a_server_that_does_not_let_us_in(run, monkeypatch, command, variables, parts):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    error = error_of(run, *command)
    assert error.startswith("error: ")
    assert all(part in error for part in parts), error


def test_a_wrong_password_and_one_that_is_missing(run, gateway, monkeypatch):
    ((file,),) = gateway.query("SHOW hba_file")
    rules = Path(file).read_text(encoding="utf-8")
    gateway.query("CREATE ROLE careful LOGIN PASSWORD 'right'")
    try:
        Path(file).write_text(f"local all careful scram-sha-256\n{rules}", encoding="utf-8")
        gateway.query("SELECT pg_reload_conf()")
        monkeypatch.setenv("PGUSER", "careful")
        for command in (("answer",), ("ingest",), ("reset", "--yes")):
            for password in ("wrong", ""):
                monkeypatch.setenv("PGPASSWORD", password)
                error = error_of(run, *command)
                assert error.endswith("give the password by PGPASSWORD or in the file ~/.pgpass")
                assert "wrong" not in error.replace("authentication failed", "")
        monkeypatch.setenv("PGPASSWORD", "right")
        assert "the environment prod is not in the warehouse" in error_of(run, "answer")
    finally:
        Path(file).write_text(rules, encoding="utf-8")
        gateway.query("SELECT pg_reload_conf()")
        gateway.query("DROP ROLE careful")


@pytest.mark.parametrize("library", ["psycopg", "psycopg2"])
def test_packages_that_are_missing(run, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    for command in COMMANDS:
        error = error_of(run, *command)
        assert "run: python -m pip install -r requirements-postgres.lock (or: 'mentor-analytics[postgres]')" in error


def test_a_server_that_is_too_old(run, monkeypatch):
    monkeypatch.setattr(connection, "OLDEST_VERSION", 99)
    assert "it takes PostgreSQL 99 or later" in error_of(run, "answer")
    assert "it takes PostgreSQL 99 or later" in error_of(run, "ingest")


def test_a_database_of_somebody_else_is_left_alone(run, gateway):
    gateway.query("CREATE SCHEMA marts; CREATE TABLE marts.theirs AS SELECT 1 AS n")
    assert "the schema marts holds tables that are not ours" in run("ingest", exit_code=1).output
    assert "nothing to reset" in error_of(run, "reset", "--yes")
    assert gateway.query("SELECT n FROM marts.theirs") == [(1,)]


def test_what_a_user_may_not_do(run, gateway, monkeypatch, tmp_path):
    run("ingest", "--data", str(write_data(tmp_path / "data")))
    gateway.query("CREATE ROLE guest LOGIN")
    try:
        monkeypatch.setenv("PGUSER", "guest")
        for command in (("rejects",), ("ingest",), ("reset", "--yes")):
            error = error_of(run, *command)
            assert "permission denied for schema raw; have its owner grant guest what is missing" in error
        gateway.query("GRANT USAGE ON SCHEMA raw TO guest; GRANT SELECT ON ALL TABLES IN SCHEMA raw TO guest")
        run("rejects")
        assert "GRANT CREATE ON DATABASE warehouse TO guest" in error_of(run, "transform")
        gateway.query("GRANT CREATE ON DATABASE warehouse TO guest")
        news = write_data(tmp_path / "data", events=ATTENDED)
        assert "permission denied" in run("ingest", "--data", str(news), exit_code=1).output
    finally:
        gateway.query("DROP OWNED BY guest; DROP ROLE guest")


def test_a_file_is_no_database(run):
    assert "--warehouse names a file" in run("--warehouse", "w.duckdb", "status", exit_code=2).output


def test_the_password_is_in_no_message(run, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("PGPORT", "9")
    for command in COMMANDS:
        assert "secret" not in run(*command, exit_code=1).output
