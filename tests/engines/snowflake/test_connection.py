"""Who connects where, and what goes wrong with it in one line, by every command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engines.snowflake.connection import SESSION, parameters
from engines.snowflake.sqlmesh_connection import connection_config
from errors import SettingsError
from tests.engines.snowflake.account import refusal

COMMANDS = (("answer",), ("status",), ("rejects",), ("ingest",), ("refresh",), ("rollback",), ("reset", "--yes"))


def error_of(run, *command: str) -> str:
    (line,) = run(*command, exit_code=1).output.splitlines()
    assert line.startswith("error: ")
    return line


def test_the_session_relies_on_nothing_that_an_account_may_have_set(run, account):
    run("status", exit_code=1)
    (session,) = {id(session.parameters): session.parameters for session in account.sessions[:1]}.values()
    assert session["session_parameters"] == SESSION
    assert session["database"] == "MENTOR_ANALYTICS"
    assert (session["account"], session["user"], session["role"]) == ("acme-eu1", "ana", "LOADER")


CONNECTIONS = """
[default]
account = "acme-us1"
user = "bob"
password = "of bob"  # pragma: allowlist secret
schema = "public"

[loader]
account = "acme-us1"
user = "loader"
authenticator = "externalbrowser"
port = 8443
database = "events"
"""


@pytest.fixture
def file(variables, tmp_path, monkeypatch) -> Path:
    """A connections.toml, and no variable that says anything else."""
    for name in variables:
        if name.startswith("SNOWFLAKE_"):
            monkeypatch.delenv(name)
    file = tmp_path / "connections.toml"
    file.write_text(CONNECTIONS, encoding="utf-8")
    return file


def test_the_file_gives_what_the_variables_do_not(file, monkeypatch):
    assert parameters() == {
        "account": "acme-us1",
        "user": "bob",
        "password": "of bob",  # pragma: allowlist secret
        "database": "MENTOR_ANALYTICS",
    }
    monkeypatch.setenv("SNOWFLAKE_USER", "ana")
    monkeypatch.setenv("SNOWFLAKE_DATABASE", "Bookings")
    assert parameters() | {"password": ""} == {
        "account": "acme-us1",
        "user": "ana",
        "password": "",
        "database": "BOOKINGS",
    }
    monkeypatch.delenv("SNOWFLAKE_USER")
    monkeypatch.setenv("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "loader")
    assert parameters()["user"] == "loader"
    assert connection_config().authenticator == "externalbrowser"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[default", "connections.toml cannot be read: Expected"),
        ('default = "x"', "has no table [default], but a value of that name"),
        ("", "needs SNOWFLAKE_ACCOUNT, or a connection in"),
    ],
    ids=["no TOML", "no table", "empty"],
)
def test_a_file_that_says_nothing(run, file, text, expected):
    file.write_text(text, encoding="utf-8")
    for command in COMMANDS:
        assert expected in error_of(run, *command)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"SNOWFLAKE_ACCOUNT": ""}, "needs SNOWFLAKE_ACCOUNT, or a connection in"),
        ({"SNOWFLAKE_USER": ""}, "needs SNOWFLAKE_USER"),
        ({"SNOWFLAKE_PASSWORD": ""}, "needs SNOWFLAKE_PASSWORD, SNOWFLAKE_PRIVATE_KEY_FILE or SNOWFLAKE_AUTHENTICATOR"),
        ({"SNOWFLAKE_AUTHENTICATOR": "oauth"}, "needs SNOWFLAKE_TOKEN to log in"),
        ({"SNOWFLAKE_DATABASE": "a-b"}, "SNOWFLAKE_DATABASE 'a-b' is not a plain name"),
        ({"SNOWFLAKE_PORT": "abc"}, "SNOWFLAKE_PORT 'abc' is not the number of a port"),
        ({"SNOWFLAKE_PRIVATE_KEY_FILE": "/nowhere"}, "there is no private key /nowhere"),
        ({"SNOWFLAKE_PRIVATE_KEY_FILE": __file__}, "are both set; unset one"),
        ({"SNOWFLAKE_DEFAULT_CONNECTION_NAME": "x"}, "has no connection x, which SNOWFLAKE_DEFAULT_CONNECTION_NAME"),
    ],
)
def test_variables_that_name_no_connection(run, variables, monkeypatch, changes, expected):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    for command in COMMANDS:
        error = error_of(run, *command)
        assert expected in error
        assert "secret" not in error


def test_a_private_key_that_is_none(run, variables, monkeypatch):
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "")
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY_FILE", __file__)
    with pytest.raises(SettingsError, match="the SNOWFLAKE_… variables name no connection: "):
        connection_config()
    error = error_of(run, "ingest")
    assert "the SNOWFLAKE_… variables name no connection" in error or "cannot be opened" in error


def test_packages_that_are_missing(run, variables, monkeypatch):
    monkeypatch.setitem(sys.modules, "snowflake.connector", None)
    for command in COMMANDS:
        error = error_of(run, *command)
        assert "run: python -m pip install -r requirements-snowflake.lock (or: 'mentor-analytics[snowflake]')" in error


def test_an_account_that_cannot_be_reached(run, variables, monkeypatch):
    """By the connector itself: nobody listens there."""
    monkeypatch.setenv("SNOWFLAKE_HOST", "127.0.0.1")
    monkeypatch.setenv("SNOWFLAKE_PORT", "9")
    monkeypatch.setattr("engines.snowflake.connection.LOGIN_SECONDS", 1)
    error = error_of(run, "answer")
    assert "the Snowflake database MENTOR_ANALYTICS of account acme-eu1 cannot be opened (" in error
    assert error.endswith("; check the SNOWFLAKE_… variables")
    assert "secret" not in error


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [
        (
            3001,
            "Insufficient privileges to operate on account 'ACME'",
            "docs/snowflake.md has what the role LOADER needs",
        ),
        (606, "No active warehouse selected in the current session.", "by SNOWFLAKE_WAREHOUSE"),
        (390114, "Authentication token has expired.", "was lost; nothing was published; run it again"),
    ],
)
def test_what_snowflake_refuses(run, account, tmp_path, number, text, expected):
    def refuse(statement: str) -> None:
        if statement.startswith("CREATE DATABASE"):
            raise refusal(f"SQL access control error:\n{text}", number)

    account.before = refuse
    assert expected in error_of(run, "ingest")


def test_a_file_is_no_database(run):
    assert "--warehouse names a file" in run("--warehouse", "w.duckdb", "status", exit_code=2).output
