"""A query of PostgreSQL as a source: its rows are fetched as JSON objects, a line each, and loaded as such a file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from errors import SettingsError, SourceError
from ingest.mapping import SourceMapping
from ingest.source_files import SourceFile, checksummed

_CONNECT_SECONDS = 10
_BATCH_ROWS = 10_000


def run_query(mapping: SourceMapping) -> SourceFile:
    """The rows of a query, one JSON object a line, in a folder that goes when the file is no longer in use.

    The query runs in a transaction that may only read. Which database it asks, the `PG…` variables say, or the
    entry of the service file that the mapping names; a password comes from there or from `~/.pgpass`.

    Raises:
        SettingsError: psycopg is not installed.
        SourceError: the database cannot be reached, the query fails, or it has no row.
    """
    try:
        import psycopg
        from psycopg.conninfo import make_conninfo
    except ImportError as error:
        raise SettingsError(
            f"{mapping.written_at} is a query, which needs psycopg ({str(error).splitlines()[0]}); "
            "run: python -m pip install -r requirements-postgres.lock (or: 'mentor-analytics[postgres]')"
        ) from None
    where = mapping.written_at
    try:
        at = {"service": mapping.service} if mapping.service else {}
        connection = psycopg.connect(
            make_conninfo(**at, connect_timeout=_CONNECT_SECONDS, application_name="mentor-analytics")
        )
    except psycopg.Error as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise SourceError(
            f"{where}: the database cannot be reached ({lines[-1].strip()}); check the PG… variables"
            + (f" and the service {mapping.service!r}" if mapping.service else "")
        ) from None
    folder = TemporaryDirectory(prefix="mentor-analytics-")
    rows = Path(folder.name) / "rows.jsonl"
    with closing(connection):
        connection.read_only = True
        try:
            connection.execute("SET TimeZone = 'UTC'")
            with connection.cursor(name="rows") as cursor, rows.open("w", encoding="utf-8") as file:
                cursor.itersize = _BATCH_ROWS
                # Without parameters a % is one.
                cursor.execute(f"SELECT ROW_TO_JSON(of_query)::TEXT FROM (\n{mapping.query}\n) AS of_query")
                for (text,) in cursor:
                    file.write(text + "\n")
        except psycopg.Error as error:
            reason = error.diag.message_primary or " ".join(str(error).split())
            raise SourceError(f"{where}: the query failed: {reason}") from None
        except OSError as error:
            raise SourceError(f"{where}: its rows cannot be kept in {folder.name}: {error.strerror}") from None
    if not rows.stat().st_size:
        raise SourceError(f"{where}: the query has no row")
    return replace(checksummed(rows), path=Path(where), content=rows, folder=folder)
