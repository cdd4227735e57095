"""Connections to Snowflake: where it is, who asks, and its failures in one line."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from errors import SettingsError, WarehouseError

DEFAULT_DATABASE = "MENTOR_ANALYTICS"
APPLICATION = "mentor_analytics"
LOGIN_SECONDS = 30
# As snowflake-connector-python and connections.toml name them; a variable is SNOWFLAKE_ and the name in capitals.
PARAMETERS = (
    "account",
    "user",
    "password",
    "role",
    "warehouse",
    "database",
    "authenticator",
    "token",
    "private_key_file",
    "private_key_file_pwd",
    "host",
    "port",
)
# An account may have other values of these, and every statement relies on them.
SESSION: dict[str, Any] = {
    "TIMEZONE": "UTC",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    # Keys are made of the text of times; see macros/engine_differences.py.
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF6",
    # Names are in lower case, as SQLMesh and Ibis quote them.
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    # A query of who was killed does not go on.
    "ABORT_DETACHED_QUERY": True,
    "QUERY_TAG": "mentor-analytics",
}
# A plain name is the same in capitals or not, quoted in capitals or not quoted at all.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_CONNECTING = {
    "Incorrect username or password": "check SNOWFLAKE_USER and SNOWFLAKE_PASSWORD",  # pragma: allowlist secret
    "JWT token is invalid": "check SNOWFLAKE_USER and SNOWFLAKE_PRIVATE_KEY_FILE",
    "Role": "name another by SNOWFLAKE_ROLE, or have it granted",
    "404 Not Found": "check SNOWFLAKE_ACCOUNT",
    "private key": "check SNOWFLAKE_PRIVATE_KEY_FILE and SNOWFLAKE_PRIVATE_KEY_FILE_PWD",
}
_UNKNOWN_NAMES = (2003, 2043, 904, 90105)
_FORBIDDEN = (3001,)
_ALREADY_THERE = 2002
_NO_COMPUTING = 606
# The session or the way to it is gone; 390…: it has expired.
_LOST = (250001, 250002, 250003, 250005, 251012, 390111, 390112, 390114)


def library() -> Any:
    """snowflake.connector, by which SQLMesh writes and Ibis reads.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import snowflake.connector
    except ImportError as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"the gateway snowflake needs snowflake-connector-python ({reason}); "
            "run: python -m pip install -r requirements-snowflake.lock (or: 'mentor-analytics[snowflake]')"
        ) from None
    return snowflake.connector


def parameters() -> dict[str, str]:
    """Who connects where: the SNOWFLAKE_… variables, then the connection of connections.toml; what is set alone.

    Raises:
        SettingsError: something is missing, or is not what it should be.
    """
    file, chosen = _connection_of_file()
    found = {name: os.environ.get(f"SNOWFLAKE_{name.upper()}") or chosen.get(name) for name in PARAMETERS}
    at = {name: str(value) for name, value in found.items() if value not in (None, "")}
    at.setdefault("database", DEFAULT_DATABASE)
    if not _PLAIN_NAME.fullmatch(at["database"]):
        raise SettingsError(
            f"SNOWFLAKE_DATABASE {at['database']!r} is not a plain name (letters, digits, _ and $, no digit first)"
        )
    at["database"] = at["database"].upper()
    if not at.get("account"):
        raise SettingsError(f"the gateway snowflake needs SNOWFLAKE_ACCOUNT, or a connection in {file}")
    if not at.get("port", "0").isdigit():
        raise SettingsError(f"SNOWFLAKE_PORT {at['port']!r} is not the number of a port")
    if key := at.get("private_key_file"):
        key = at["private_key_file"] = str(Path(key).expanduser())
        if not Path(key).is_file():
            raise SettingsError(f"there is no private key {key}; check SNOWFLAKE_PRIVATE_KEY_FILE")
        if "password" in at:
            raise SettingsError("SNOWFLAKE_PASSWORD and SNOWFLAKE_PRIVATE_KEY_FILE are both set; unset one")
        at.setdefault("authenticator", "SNOWFLAKE_JWT")
    _refuse_without_credentials(at)
    return at


def _refuse_without_credentials(at: dict[str, str]) -> None:
    authenticator = at.get("authenticator", "snowflake").lower()
    needed = {"snowflake": "password", "snowflake_jwt": "private_key_file", "oauth": "token"}.get(authenticator)
    if needed and needed not in at:
        others = ", SNOWFLAKE_PRIVATE_KEY_FILE or SNOWFLAKE_AUTHENTICATOR" if needed == "password" else ""
        raise SettingsError(f"the gateway snowflake needs SNOWFLAKE_{needed.upper()}{others} to log in")
    if "user" not in at and authenticator != "oauth":
        raise SettingsError("the gateway snowflake needs SNOWFLAKE_USER")


def _connection_of_file() -> tuple[Path, dict[str, Any]]:
    """The file connections.toml, which need not be there, and what it says of the connection that is chosen."""
    library()
    from snowflake.connector.constants import CONNECTIONS_FILE

    file = Path(CONNECTIONS_FILE)
    name = os.environ.get("SNOWFLAKE_DEFAULT_CONNECTION_NAME")
    try:
        connections = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        connections = {}
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise SettingsError(f"{file} cannot be read: {reason}") from None
    chosen = connections.get(name or "default", {})
    if not isinstance(chosen, dict):
        raise SettingsError(f"{file} has no table [{name or 'default'}], but a value of that name")
    if name and not chosen:
        raise SettingsError(f"{file} has no connection {name}, which SNOWFLAKE_DEFAULT_CONNECTION_NAME names")
    return file, chosen


def database() -> str:
    """The name of the published database."""
    return parameters()["database"]


def place() -> str:
    """The database for messages: no secret is in it."""
    at = parameters()
    return f"Snowflake database {at['database']} of account {at['account']}"


def connect(database: str, autocommit: bool = True) -> Any:
    """A connection, its session set up.

    Args:
        database: the current one of the session; it need not be there.
        autocommit: each statement is a transaction; otherwise every statement but those that make or drop something
            waits for a commit.

    Raises:
        WarehouseError: Snowflake cannot be reached, or does not let us in.
    """
    connector = library()
    at: dict[str, Any] = parameters() | {"database": database}
    if "port" in at:
        at["port"] = int(at["port"])
    try:
        return connector.connect(
            **at,
            application=APPLICATION,
            login_timeout=LOGIN_SECONDS,
            autocommit=autocommit,
            # A session ends when its connection is closed, whatever the connector may make of that later.
            enable_server_session_keep_alive_auto_detection=False,
            session_parameters=SESSION,
        )
    except connector.errors.Error as error:
        raise WarehouseError(_not_connected(one_line(error))) from None
    except (ValueError, TypeError) as error:  # of a private key that is none, or has another passphrase
        raise WarehouseError(_not_connected(f"the private key cannot be used: {str(error).splitlines()[0]}")) from None


def _not_connected(reason: str) -> str:
    advice = next((text for words, text in _CONNECTING.items() if words in reason), "check the SNOWFLAKE_… variables")
    return f"the {place()} cannot be opened ({reason}); {advice}"


def number_of(error: BaseException) -> int:
    """The number that Snowflake has for a kind of failure; -1 where there is none."""
    number = getattr(error, "errno", -1)
    return number if isinstance(number, int) else -1


def is_unknown_name(error: BaseException) -> bool:
    """Whether a table, a column or a schema is not there, or is not to be seen."""
    return number_of(error) in _UNKNOWN_NAMES


def is_forbidden(error: BaseException) -> bool:
    """Whether this role may not do that."""
    return number_of(error) in _FORBIDDEN


def is_already_there(error: BaseException) -> bool:
    """Whether what was to be made is there."""
    return number_of(error) == _ALREADY_THERE


def is_lost(error: BaseException) -> bool:
    """Whether there is no session any more."""
    return number_of(error) in _LOST or type(error).__name__ in ("OperationalError", "InterfaceError")


def one_line(error: BaseException) -> str:
    """What Snowflake says, without its number, and the statement's id and place."""
    text = " ".join(str(getattr(error, "raw_msg", None) or error).split())
    text = re.sub(r"^\d{6}( \(\w+\))?: ", "", text)
    text = re.sub(r"^([0-9a-f]{8}-[0-9a-f-]+: )", "", text)
    return text.removeprefix("SQL compilation error: ").rstrip(".") or type(error).__name__


def failure(error: BaseException, what: str) -> WarehouseError:
    """What to tell of a failure that is not of one query.

    Args:
        what: what could not be done, after `the Snowflake database … cannot be`.
    """
    if is_lost(error):
        ends = (
            f"; it may have been publishing: {database()} is whole, as it was before or as it was to be"
            if what == "published"
            else "; nothing was published"
            if what == "written"
            else ""
        )
        return WarehouseError(f"the connection to the {place()} was lost{ends}; run it again")
    advice = ""
    if number_of(error) == _NO_COMPUTING:
        advice = "; name a warehouse of Snowflake that computes by SNOWFLAKE_WAREHOUSE"
    elif is_forbidden(error) or is_unknown_name(error):
        advice = f"; docs/snowflake.md has what the role {parameters().get('role', 'of this user')} needs"
    return WarehouseError(f"the {place()} cannot be {what}: {one_line(error)}{advice}")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns errors of Snowflake inside into one of ours."""
    errors = library().errors
    try:
        yield
    except errors.Error as error:
        raise failure(error, what) from None
