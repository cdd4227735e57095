"""Connections to PostgreSQL: where it is, how long to wait for it, and its failures in one line."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from errors import SettingsError, WarehouseError

OLDEST_VERSION = 14
CONNECT_SECONDS = 10
APPLICATION = "mentor-analytics"
# One answer has dozens of large joins; compiling them takes longer than running them.
SESSION = (
    "SET TimeZone = 'UTC'",
    "SET jit = off",
    "SET work_mem = '256MB'",
)
# Who was killed is noticed while a query of theirs still runs; not every system can.
_NOTICE_THE_KILLED = "SET client_connection_check_interval = '5s'"
_LOST = ("57P01", "57P02", "57P03", "08000", "08003", "08006")
_UNKNOWN_NAMES = ("42P01", "42703", "3F000")
_CONNECTING = {
    "password": "give the password by PGPASSWORD or in the file ~/.pgpass",  # pragma: allowlist secret
    "no pg_hba.conf entry": "let this user and host in by the server's pg_hba.conf",
    "permission denied for database": "have its owner grant CONNECT",
    "database": "create it (createdb), or name another by PGDATABASE",
    "role": "name another user by PGUSER, or create it",
    "host": "check PGHOST",
}


def libraries() -> tuple[Any, Any]:
    """psycopg2, which SQLMesh writes by, and psycopg, which Ibis reads by.

    Raises:
        SettingsError: one of them is not installed.
    """
    try:
        import psycopg
        import psycopg2
    except ImportError as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"the gateway postgres needs psycopg and psycopg2 ({reason}); "
            "run: python -m pip install -r requirements-postgres.lock (or: 'mentor-analytics[postgres]')"
        ) from None
    return psycopg2, psycopg


def parameters() -> dict[str, str]:
    """Host, port, user, password and database, from the usual PG… variables and the service file.

    An empty host is the local socket; an empty password is looked up in ~/.pgpass. Unless it is named, the
    database is `warehouse`.

    Raises:
        SettingsError: the port is not a number.
    """
    _, psycopg = libraries()
    found = {option.keyword.decode(): option.val for option in psycopg.pq.Conninfo.get_defaults()}
    # libpq would take the name of the user for that of the database.
    is_named = os.environ.get("PGDATABASE") or os.environ.get("PGSERVICE")
    values = {
        "host": found["host"] or found["hostaddr"],
        "port": found["port"],
        "user": found["user"],
        "password": found["password"],
        "database": (is_named and found["dbname"]) or b"warehouse",
    }
    at = {name: (value or b"").decode() for name, value in values.items()}
    if not at["port"].isdigit():
        raise SettingsError(f"PGPORT {at['port']!r} is not the number of a port")
    return at


def place() -> str:
    """The database for messages: no password is in it."""
    at = parameters()
    return f"PostgreSQL database {at['database']} at {at['host'] or 'the local socket'}:{at['port']}"


def connect(library: Any) -> Any:
    """A connection by psycopg2 or psycopg, its session set up.

    Raises:
        WarehouseError: there is no server, it does not let us in, or it is too old.
    """
    at = parameters()
    at["dbname"] = at.pop("database")
    try:
        connection = library.connect(**at, connect_timeout=CONNECT_SECONDS, application_name=APPLICATION)
    except library.OperationalError as error:
        raise WarehouseError(_not_connected(str(error))) from None
    version = getattr(connection, "server_version", None) or connection.info.server_version
    if version < OLDEST_VERSION * 10000:
        connection.close()
        raise WarehouseError(
            f"the {place()} is of version {version // 10000}; it takes PostgreSQL {OLDEST_VERSION} or later"
        )
    with connection.cursor() as cursor:
        for statement in SESSION:
            cursor.execute(statement)
        connection.commit()
        with suppress(library.Error):
            cursor.execute(_NOTICE_THE_KILLED)
            connection.commit()
    connection.rollback()
    return connection


def _not_connected(message: str) -> str:
    absent = ("Connection refused", "timeout expired", "No such file or directory")
    if reason := next((text for text in absent if text in message), None):
        return f"the {place()} cannot be reached ({reason}); start the server, or name another by PGHOST and PGPORT"
    # One line an address that was tried; the last one is of the host that was meant.
    line = [text for text in message.splitlines() if text.strip()][-1]
    reason = re.split(r"(?:FATAL|failed|error|is bad):", line)[-1].strip()
    advice = next((text for words, text in _CONNECTING.items() if words in line), "check the PG… variables")
    return f"the {place()} cannot be opened ({reason}); {advice}"


def code_of(error: BaseException) -> str | None:
    """The five characters that PostgreSQL has for a kind of failure; of either library."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def is_unknown_name(error: BaseException) -> bool:
    """Whether a table, a column or a schema is not there."""
    return code_of(error) in _UNKNOWN_NAMES


def is_forbidden(error: BaseException) -> bool:
    """Whether this user may not do that."""
    return code_of(error) == "42501"


def is_aborted(error: BaseException) -> bool:
    """Whether an earlier failure keeps the transaction from doing any more."""
    return code_of(error) == "25P02"


def is_lost(error: BaseException) -> bool:
    """Whether there is no connection any more."""
    code = code_of(error)
    return code in _LOST or (code is None and type(error).__name__ in ("OperationalError", "InterfaceError"))


def first_line(error: BaseException) -> str:
    """What PostgreSQL says, without the place in the query."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def lost(what: str) -> WarehouseError:
    """What to tell of a connection that is no more; `what` as of `failure`."""
    ends = "; nothing was published" if what == "written" else ""
    return WarehouseError(f"the connection to the {place()} was lost{ends}; check the server and run it again")


def failure(error: BaseException, what: str) -> WarehouseError:
    """What to tell of a failure that is not of one query.

    Args:
        what: what could not be done, after `the PostgreSQL database … cannot be`.
    """
    code = code_of(error) or ""
    if is_lost(error):
        return lost(what)
    advice = ""
    if is_forbidden(error):
        advice = f"; have its owner grant {parameters()['user']} what is missing, or use a database of its own"
    elif code.startswith("53"):
        advice = "; nothing was published; make room and run it again" if what == "written" else ""
    return WarehouseError(f"the {place()} cannot be {what}: {first_line(error)}{advice}")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns errors of either library inside into one of ours."""
    psycopg2, psycopg = libraries()
    try:
        yield
    except (psycopg2.Error, psycopg.Error) as error:
        raise failure(error, what) from None


@contextmanager
def interruptible_queries() -> Iterator[None]:
    """Let a signal end a query of psycopg2, which would otherwise be heard when the query is over."""
    psycopg2, _ = libraries()
    extensions = psycopg2.extensions

    def wait(connection: Any) -> None:
        try:
            while (state := connection.poll()) != extensions.POLL_OK:
                socket = [connection.fileno()]
                select.select(*((socket, [], []) if state == extensions.POLL_READ else ([], socket, [])))
        except BaseException as error:
            if not isinstance(error, Exception):
                with suppress(psycopg2.Error):
                    connection.cancel()
            raise

    before = extensions.get_wait_callback()
    extensions.set_wait_callback(wait)
    try:
        yield
    finally:
        extensions.set_wait_callback(before)


@contextmanager
def uninterrupted_copy() -> Iterator[None]:
    """COPY of psycopg2 goes by no other way than waiting for it."""
    psycopg2, _ = libraries()
    before = psycopg2.extensions.get_wait_callback()
    psycopg2.extensions.set_wait_callback(None)
    try:
        yield
    finally:
        psycopg2.extensions.set_wait_callback(before)
