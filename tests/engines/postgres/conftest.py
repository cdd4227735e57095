"""The database `warehouse` of the tests' PostgreSQL, which each test may change, and the commands on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import cli
from tests.engines.conftest import Postgres


class Server:
    """A running server, reached by its socket; the warehouse is its database `warehouse`."""

    def __init__(self, host: str) -> None:
        self.host = host

    def connect(self, database: str = "warehouse") -> Any:
        """A psycopg2 connection that commits each statement."""
        import psycopg2

        connection = psycopg2.connect(host=self.host, user="postgres", dbname=database)
        connection.autocommit = True
        return connection

    def query(self, sql: str, database: str = "warehouse") -> list[tuple]:
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def replace_database(self, template: str) -> None:
        """Make `warehouse` a copy of another database."""
        self.query("DROP DATABASE IF EXISTS warehouse WITH (FORCE)", "postgres")
        self.query(f"CREATE DATABASE warehouse TEMPLATE {template}", "postgres")


@pytest.fixture(scope="session")
def server(postgres: Postgres) -> Server:
    """The server; it may forget everything when the machine fails, and is faster for it."""
    server = Server(postgres.host)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.query(f"ALTER SYSTEM SET {setting} = off", "postgres")
    server.query("SELECT pg_reload_conf()", "postgres")
    return server


@pytest.fixture
def gateway(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, named by the environment and with an empty database `warehouse`."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    for name, value in {"PGHOST": server.host, "PGUSER": "postgres", "MENTOR_GATEWAY": "postgres"}.items():
        monkeypatch.setenv(name, value)
    server.replace_database("template0")
    return server


Run = Callable[..., Result]


@pytest.fixture
def run(gateway: Server) -> Run:
    """Runs a command of `cli.py` in this process, which must end as expected and without a traceback."""

    def run(*arguments: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(arguments))
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return run
