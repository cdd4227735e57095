"""Trying rejected rows again: after a rule or the mapping changed, or once an event's moment has come.

Nothing in `raw` is changed or taken away. The rows of one load that now pass are a load of their own, with the outcome
`replayed`, for which rows read = loaded + known + duplicate; `raw.replayed_rows` says of each which rejected row it
was. The others stay rejected as they are.

An export says everything of users and mentors anew: of these only the rows of the newest load are tried, those of
earlier ones are superseded by it. Whether another row of the same export spoke of the same user or mentor cannot be
told any more, so one who is known by now is left as is: the next export decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from engines.duckdb import DuckDBReader
from engines.duckdb.connection import one_row
from engines.protocol import State
from errors import SourceError
from ingest.classification import classify
from ingest.load import Load, insert_news, record, set_loaded_at, transaction
from ingest.mapping import Mappings
from ingest.normalisation import columns_of_objects
from ingest.raw_tables import make_raw_tables
from ingest.sources import SOURCES, Source
from warehouse.environments import refuse_earlier_version


@dataclass(frozen=True)
class Replay:
    """The rejected rows of one load tried again: rows_read of `load` passed, `rows_left` stay rejected.

    `load` has the outcome `replayed`, and is written where it has a row.
    """

    rejected_load_id: int
    load: Load
    rows_left: int


@dataclass(frozen=True)
class _Rejected:
    load_id: int
    source: Source
    file: str
    checksum: str
    header: str | None


def replay_rejected_rows(
    state: State, mappings: Mappings, on_step: Callable[[str], None] = lambda _: None
) -> list[Replay]:
    """Load what of the rejected rows passes by now, all of it in one transaction.

    Args:
        state: of the warehouse, to load into.
        mappings: the names that the rows' texts have.
        on_step: told what is being done, one phrase a load.

    Returns:
        One `Replay` a load with rows that were tried, oldest first.

    Raises:
        WarehouseError: the warehouse cannot be opened or written, or an earlier version built it.
    """
    with state.loading() as raw:
        connection = raw.connection
        refuse_earlier_version(DuckDBReader(connection, str(state.settings.warehouse)))
        make_raw_tables(raw)
        set_loaded_at(connection)
        for table in ("rejected_rows", "replayed_rows", "csv_headers"):
            raw.provide(table, "load_id", "SELECT load_id FROM raw.loads")
        rejected = _rejected(connection, mappings)
        for each in rejected:
            _read(connection, each)
            key = each.source.key
            raw.provide(each.source.name, key, f"SELECT {key} FROM normalised_{each.load_id}")
        with transaction(connection):
            replays = []
            for each in rejected:
                on_step(f"trying again the rows of load {each.load_id}")
                replays.append(_replay(connection, each))
        return replays


def _rejected(connection: duckdb.DuckDBPyConnection, mappings: Mappings) -> list[_Rejected]:
    """The loads with rows that may be tried, oldest first; makes `open_rows` of them."""
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE open_rows AS
        WITH newest AS (
            SELECT source, MAX(load_id) AS load_id FROM raw.loads WHERE outcome <> 'replayed' GROUP BY source
        )
        SELECT rejected.load_id, rejected.position, rejected.raw_text, loads.source, loads.file, loads.checksum
        FROM raw.rejected_rows AS rejected
        JOIN raw.loads AS loads ON loads.load_id = rejected.load_id
        JOIN newest ON newest.source = loads.source
        ANTI JOIN raw.replayed_rows AS replayed
            ON replayed.rejected_load_id = rejected.load_id AND replayed.position = rejected.position
        WHERE rejected.raw_text IS NOT NULL
            AND (loads.source = 'booking_events' OR rejected.load_id = newest.load_id)
    """)
    rows = connection.execute("""
        SELECT DISTINCT load_id, source, file, checksum, header
        FROM open_rows LEFT JOIN raw.csv_headers USING (load_id) ORDER BY load_id
    """).fetchall()
    return [
        _Rejected(load_id, SOURCES[source].mapped(mappings.get(source)), file, checksum, header)
        for load_id, source, file, checksum, header in rows
    ]


def _read(connection: duckdb.DuckDBPyConnection, rejected: _Rejected) -> None:
    """Make `normalised_N` of the rows of load N that have the columns that the mapping names."""
    source, number = rejected.source, rejected.load_id
    of_load = f"FROM open_rows WHERE load_id = {number}"
    rows = f"SELECT position, raw_text {of_load}"
    normalise = source.normalise
    if rejected.header is not None:
        from ingest.csv_rows import load_records  # pyarrow is slow to import

        kept = connection.execute(f"SELECT position, raw_text {of_load} ORDER BY position").fetchall()
        try:
            load_records(
                connection, Path(rejected.file), rejected.header, kept, source.contract.required, source.names, number
            )
            rows = f"SELECT * FROM temp.source_rows_{number}"
        except SourceError:  # they stay rejected
            rows = columns_of_objects(f"{rows} AND false", source.names)
    elif source.normalise_objects:
        normalise = source.normalise_objects
    else:
        # Of a file it is enough that one row has a property; of single rows each must.
        theirs = [str(source.names[name]).replace("'", "''") for name in source.contract.required]
        has_all = "LIST_HAS_ALL(JSON_KEYS(raw_text), [" + ", ".join(f"'{name}'" for name in theirs) + "])"
        is_object = "JSON_VALID(raw_text) AND STARTS_WITH(raw_text, '{')"
        rows = columns_of_objects(f"{rows} AND CASE WHEN {is_object} THEN {has_all} END", source.names)
    connection.execute(f"CREATE TEMP TABLE normalised_{number} AS WITH source_rows AS ({rows}) {normalise}")


def _replay(connection: duckdb.DuckDBPyConnection, rejected: _Rejected) -> Replay:
    source = rejected.source
    connection.execute(f"CREATE OR REPLACE TEMP VIEW normalised AS FROM normalised_{rejected.load_id}")
    classify(connection, source)
    if source.has_states:
        _leave_who_is_known(connection, source)
    (load_id,) = one_row(connection, "SELECT COALESCE(MAX(load_id), 0) + 1 FROM raw.loads")
    outcomes = "normalised LEFT JOIN not_loaded USING (position) WHERE class IS DISTINCT FROM 'rejected'"
    counts = dict(
        connection.execute(f"SELECT COALESCE(class, 'loaded'), COUNT(*) FROM {outcomes} GROUP BY ALL").fetchall()
    )
    (rows,) = one_row(connection, f"SELECT COUNT(*) FROM open_rows WHERE load_id = {rejected.load_id}")
    passed = sum(counts.values())
    load = Load(
        source.name,
        Path(rejected.file),
        passed,
        counts.get("loaded", 0),
        counts.get("known", 0),
        counts.get("duplicate", 0),
        0,
        "replayed",
    )
    if passed:
        connection.execute(
            f"INSERT INTO raw.replayed_rows SELECT ?, ?, position, COALESCE(class, 'loaded') FROM {outcomes} "
            "ORDER BY position",
            [load_id, rejected.load_id],
        )
        rows_loaded = insert_news(connection, source, load_id)
        if rows_loaded != load.rows_loaded:
            raise SourceError(f"{load.file}: {rows_loaded:,} rows loaded, but {load.rows_loaded:,} accounted for")
        record(connection, load_id, load, rejected.checksum)
    return Replay(rejected.load_id, load, rows - passed)


def _leave_who_is_known(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Have what says something else of a known user or mentor stay rejected, and what repeats it."""
    key = source.key
    of_known = f"SELECT position FROM normalised WHERE {key} IN (SELECT {key} FROM ({source.known}))"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE left_alone AS
        {of_known} AND position NOT IN (SELECT position FROM not_loaded WHERE class = 'known')
    """)
    connection.execute("DELETE FROM not_loaded WHERE position IN (FROM left_alone)")
    connection.execute("INSERT INTO not_loaded SELECT position, 'rejected', NULL FROM left_alone")
