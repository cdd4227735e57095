"""The events of a JSON file as rows, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from engines.duckdb.connection import one_row
from errors import SourceError


def pattern(path: Path) -> str:
    """SQL for a path as DuckDB takes it, which is a pattern: `[2].json` would read `2.json`."""
    text = str(path)
    if re.search(r"[*?[]", text):
        if "\\" in text:
            raise SourceError(f"{path} has a name with a backslash and one of * ? [; rename it")
        text = re.sub(r"[*?[]", r"[\g<0>]", text)
    return "'" + text.replace("'", "''") + "'"


def json_rows(path: Path, json_format: str) -> str:
    """SQL for the events of a file: `position`, from 1, and `raw_text`; to be run by one thread, see `one_thread`."""
    reader = f"read_json_objects({pattern(path)}, format = '{json_format}')"
    return f"SELECT ROW_NUMBER() OVER () AS position, CAST(json AS VARCHAR) AS raw_text FROM {reader}"


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """Read files with one thread, and say how many there were.

    Numbering rows takes no more, and with more DuckDB calls some whole files broken: those without a
    line end after the last event whose size is that of the reader's buffer, give or take two bytes.
    """
    threads: int
    (threads,) = one_row(connection, "SELECT CURRENT_SETTING('threads')")
    connection.execute("SET threads = 1")
    yield threads  # after a failure the connection is of no more use
    connection.execute(f"SET threads = {threads}")
