"""The three sources: what each file must have, and what its rows are compared with."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import duckdb

from engines.duckdb.connection import one_row
from errors import SourceError
from ingest import contract
from ingest import normalisation as norm
from ingest.contract import Contract
from ingest.mapping import Mappings, SourceMapping
from ingest.source_files import (
    EVENT_SUFFIXES,
    EVENTS_NAME,
    MAPPED_SUFFIXES,
    MENTORS_FILE,
    USERS_FILE,
    SourceFile,
    checksummed,
    find_event_files,
    shown,
)


@dataclass(frozen=True)
class Source:
    """How one kind of file becomes rows of `raw`.

    Attributes:
        contract: the columns or properties of a file.
        columns: those of the table that a row is compared by.
        normalise: SQL over a relation `source_rows`, see `ingest.normalisation`; those of a CSV, or of a file of
            objects turned into columns.
        normalise_objects: the same over objects as they are; None: they are turned into columns first.
        known: SQL for what the warehouse has of each key.
        has_states: a row is the state of its key from some moment on; else it is something that happened once.
        conflict: why a row is rejected that differs from another one of its key in the same file; None: it is dropped.
        leavers: SQL for the keys that have left, where a file is always complete.
        refuse: raises SourceError for a file that cannot be taken as a whole.
        notes: what people should know of a load before it is written, by SQL over `normalised` and `not_loaded`.
        mapping: the names of the columns and event types where the rows come from.
    """

    contract: Contract
    columns: tuple[str, ...]
    normalise: str
    known: str
    has_states: bool
    conflict: str | None
    normalise_objects: str | None = None
    leavers: str | None = None
    refuse: Callable[[duckdb.DuckDBPyConnection, SourceFile], None] = lambda *_: None
    notes: Callable[[duckdb.DuckDBPyConnection], list[str]] = lambda _: []
    mapping: SourceMapping = field(default_factory=SourceMapping)

    @property
    def name(self) -> str:
        """Of its table in `raw`."""
        return self.contract.source

    @property
    def key(self) -> str:
        """The column that says whose a row is."""
        return self.contract.key

    @property
    def names(self) -> dict[str, str | None]:
        return self.mapping.names(self.contract)

    def mapped(self, mapping: SourceMapping | None) -> Source:
        """The same source where it has other names."""
        if mapping is None or not mapping.fingerprint:
            return self
        mapped = replace(self, mapping=mapping)
        if self.normalise_objects is None:
            return mapped
        names, types = mapped.names, mapping.event_types
        return replace(
            mapped,
            normalise=norm.booking_events(names=names, type_names=types, is_csv=True),
            normalise_objects=norm.booking_events(names=names, type_names=types),
        )


def _last_words(log: str, key: str, columns: tuple[str, ...]) -> str:
    """SQL for the last row of every key, with `newest_date`: the latest `updated_at` so far of the rows that stand."""
    holds_from = "COALESCE(updated_at, loaded_at)"
    # Few keys have more than one row; only theirs are sorted.
    return f"""
        WITH log AS ({log}),
        last_rows AS (
            SELECT {key}, MAX(load_id) AS load_id, COUNT(*) > 1 AS has_earlier FROM log GROUP BY {key}
        ),
        standing AS (
            SELECT {key}, updated_at FROM log SEMI JOIN (FROM last_rows WHERE has_earlier) USING ({key})
            QUALIFY COALESCE({holds_from} < MIN({holds_from}) OVER (
                PARTITION BY {key} ORDER BY load_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ), true)
        ),
        newest AS (
            SELECT {key}, MAX(updated_at) AS newest_date FROM standing
            WHERE updated_at <= GETVARIABLE('loaded_at') GROUP BY {key}
        )
        SELECT
            {", ".join(columns)},
            updated_at,
            CASE
                WHEN has_earlier THEN newest_date
                WHEN updated_at <= GETVARIABLE('loaded_at') THEN updated_at
            END AS newest_date
        FROM log JOIN last_rows USING ({key}, load_id) LEFT JOIN newest USING ({key})
    """


def _missing_users(connection: duckdb.DuckDBPyConnection) -> list[str]:
    (count,) = one_row(connection, "SELECT COUNT(DISTINCT user_id) FROM raw.users ANTI JOIN normalised USING (user_id)")
    return (
        [f"users of earlier exports who are missing here, and are kept: {count:,} (an older export?)"] if count else []
    )


_USER_COLUMNS = contract.USERS.required
USERS = Source(
    contract=contract.USERS,
    columns=_USER_COLUMNS,
    normalise=norm.USERS,
    known=_last_words("FROM raw.users", "user_id", _USER_COLUMNS),
    has_states=True,
    conflict=None,
    notes=_missing_users,
)
_MENTOR_COLUMNS = contract.MENTORS.required
# Since the mentor last left: nothing of who has left and not returned.
_MENTORS_SINCE_THEY_CAME = """
    FROM raw.mentors
    QUALIFY load_id > COALESCE(MAX(CASE WHEN is_deleted THEN load_id END) OVER (PARTITION BY mentor_id), 0)
"""
_KNOWN_MENTORS = _last_words(_MENTORS_SINCE_THEY_CAME, "mentor_id", _MENTOR_COLUMNS)
# The sheet is always complete: who is not on it has left. A rejected row is still on it, and where
# a row does not say whose it is, nobody is taken to have left.
_LEAVERS = f"""
    SELECT mentor_id FROM ({_KNOWN_MENTORS})
    WHERE mentor_id NOT IN (SELECT mentor_id FROM normalised WHERE mentor_id IS NOT NULL)
        AND NOT EXISTS (FROM normalised WHERE mentor_id IS NULL)
"""


def _refuse_incomplete_sheet(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> None:
    if not one_row(connection, "SELECT COUNT(*) FROM normalised")[0]:
        raise SourceError(f"{file.path} has a header and no mentors; a sheet without any would close them all")
    row = connection.execute(
        "SELECT position, mentor_id FROM normalised WHERE reason = 'missing_tier' ORDER BY 1 LIMIT 1"
    ).fetchone()
    if row:
        raise SourceError(f"{file.path}, row {row[0]}: mentor {shown(row[1])} has no tier; give every mentor one")


def _rates_left_empty(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("""
        SELECT position, hourly_rate_text
        FROM normalised ANTI JOIN (FROM not_loaded WHERE class = 'rejected') USING (position)
        WHERE hourly_rate IS NULL ORDER BY position
    """).fetchall()
    unusable = [f"row {position}: '{shown(text, 20)}'" for position, text in rows if text is not None]
    missing = len(rows) - len(unusable)
    notes = []
    if unusable:
        first = ", ".join([*unusable[:3], *(["…"] if len(unusable) > 3 else [])])
        notes.append(f"hourly rates that cannot be used, left empty: {len(unusable):,} ({first})")
    if missing:
        notes.append(f"hourly rates that are missing: {missing:,}")
    return notes


def _notes_on_mentors(connection: duckdb.DuckDBPyConnection) -> list[str]:
    changed = connection.execute(f"""
        SELECT mentor_id, known.tier, n.tier
        FROM normalised AS n ANTI JOIN not_loaded USING (position) JOIN ({_KNOWN_MENTORS}) AS known USING (mentor_id)
        WHERE n.tier <> known.tier ORDER BY mentor_id
    """).fetchall()
    left = connection.execute(f"{_LEAVERS} ORDER BY mentor_id").fetchall()
    (nameless,) = one_row(connection, "SELECT COUNT(*) FROM normalised WHERE mentor_id IS NULL")
    return [
        *(f"mentor {shown(mentor)} changes from {shown(old)} to {shown(new)}" for mentor, old, new in changed),
        *(f"mentor {shown(mentor)} has left the sheet" for (mentor,) in left),
        *([f"rows that do not say whose they are: {nameless:,}; no mentor is taken to have left"] if nameless else []),
        *_rates_left_empty(connection),
    ]


MENTORS = Source(
    contract=contract.MENTORS,
    columns=_MENTOR_COLUMNS,
    normalise=norm.MENTORS,
    known=_KNOWN_MENTORS,
    has_states=True,
    conflict="conflicting_mentor_id",
    leavers=_LEAVERS,
    refuse=_refuse_incomplete_sheet,
    notes=_notes_on_mentors,
)


def _unknown_types(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("""
        SELECT event_type, COUNT(*) FROM normalised WHERE reason = 'unknown_event_type'
        GROUP BY event_type ORDER BY COUNT(*) DESC, event_type
    """).fetchall()
    return note_on_types(rows)


def note_on_types(unknown: list[tuple[str, int]]) -> list[str]:
    """The note on event types that are not known, the most frequent first, if there are some; each with its number."""
    if not unknown:
        return []
    named = ", ".join(f"{shown(event_type)} ({count:,})" for event_type, count in unknown[:5])
    return [f"event types that are not known: {named}{', …' if len(unknown) > 5 else ''}"]


EVENTS = Source(
    contract=contract.EVENTS,
    columns=tuple("occurred_at" if field.name == "timestamp" else field.name for field in contract.EVENTS.fields),
    normalise=norm.booking_events(is_csv=True),
    normalise_objects=norm.booking_events(),
    known="SELECT * FROM raw.booking_events SEMI JOIN normalised USING (event_id)",
    has_states=False,
    conflict="conflicting_event_id",
    notes=_unknown_types,
)
SOURCES = {source.name: source for source in (USERS, MENTORS, EVENTS)}

Sources = list[tuple[Source, SourceFile]]


def find_sources(data: Path, mappings: Mappings | None = None) -> Sources:
    """The files of a data folder, in the order users, mentors, booking events.

    Args:
        mappings: the other names of sources, and where else they come from.

    Raises:
        SourceError: the folder or a file is missing, a file cannot be read, or a query fails.
    """
    mappings = mappings or {}
    # Of several things amiss, that of the events is told first.
    events, users, mentors = (find_source(source, data, mappings) for source in (EVENTS, USERS, MENTORS))
    return [*users, *mentors, *events]


def find_source(source: Source, data: Path, mappings: Mappings) -> Sources:
    """The files of one source; raises as `find_sources`."""
    mapping = mappings.get(source.name)
    mapped = source.mapped(mapping)
    if mapping and mapping.query:
        from ingest.postgres_query import run_query  # psycopg is of the extra postgres

        return [(mapped, _with_names(run_query(mapping), mapping))]
    paths, others = files_of(source, data, mappings)
    for path in paths:
        _refuse_strange_name(path)
    if mappings:
        _refuse_shared(paths, _matched(data, mappings))
    found = [(mapped, _with_names(checksummed(path), mapping)) for path in paths]
    if others:
        names = ", ".join(shown(path.name) for path in others)
        first = replace(found[0][1], notes=(f"beside it, and not read for want of a known ending: {names}",))
        found[0] = mapped, first
    return found


def files_of(source: Source, data: Path, mappings: Mappings) -> tuple[list[Path], list[Path]]:
    """The paths of one source in a data folder, and what lies beside them and is not read.

    Raises:
        SourceError: there is no such folder or no file, or an export is several.
    """
    refuse_no_folder(data)
    mapping = mappings.get(source.name)
    if not mapping or not mapping.files:
        if source is EVENTS:
            return find_event_files(data)
        return [data / name for name in USUAL_NAMES[source.name]], []
    paths = sorted({path for pattern in mapping.files for path in _matches(data, pattern)})
    patterns = " and ".join(repr(pattern) for pattern in mapping.files)
    where = f"{mapping.written_at.name.split('#')[0]}, [{source.name}] files = {patterns}"
    if not paths:
        raise SourceError(f"no file for {source.name} in {data}: {where} matches none")
    if source.has_states and len(paths) > 1:
        names = ", ".join(shown(str(path.relative_to(data))) for path in paths[:3])
        raise SourceError(
            f"{len(paths)} files for {source.name} in {data} ({names}{', …' if len(paths) > 3 else ''}), and an export "
            f"is one; narrow {where}"
        )
    for path in paths:
        if not path.name.endswith(MAPPED_SUFFIXES):
            raise SourceError(f"{path} ends in none of {', '.join(MAPPED_SUFFIXES)}; narrow {where}")
    return paths, []


USUAL_NAMES = {
    "users": (USERS_FILE,),
    "mentors": (MENTORS_FILE,),
    "booking_events": tuple(f"{EVENTS_NAME}{place}{suffix}" for place in ("", "/*") for suffix in EVENT_SUFFIXES),
}


def _matched(data: Path, mappings: Mappings) -> dict[Path, list[str]]:
    """The files of a data folder that patterns of the mapping, or the usual names, match, each with all of these."""
    found: dict[Path, list[str]] = {}
    for source in SOURCES:
        mapping = mappings.get(source)
        if mapping and mapping.query:
            continue
        for pattern in (mapping.files if mapping else ()) or USUAL_NAMES[source]:
            for path in _matches(data, pattern):
                found.setdefault(path, []).append(f"[{source}] {pattern!r}")
    return found


def unmatched_files(data: Path, mappings: Mappings) -> list[Path]:
    """The files below a data folder that belong to no source, hidden ones left out.

    Raises:
        SourceError: there is no such folder.
    """
    refuse_no_folder(data)
    matched = _matched(data, mappings)
    found = (path for path in data.rglob("*") if not any(part.startswith(".") for part in path.relative_to(data).parts))
    return sorted(path for path in found if path not in matched and not path.is_dir())


def _matches(data: Path, pattern: str) -> list[Path]:
    """The files that a pattern matches.

    Raises:
        SourceError: a folder cannot be read, which `glob` would pass over in silence.
    """
    if len(PurePath(pattern).parts) > 1:
        for parent, folders, _ in os.walk(data):
            for folder in (Path(parent, name) for name in folders):
                if not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):
                    raise SourceError(f"{folder} cannot be read: Permission denied")
    return [path for path in data.glob(pattern) if not path.is_dir()]


def _refuse_shared(paths: list[Path], matched: dict[Path, list[str]]) -> None:
    for path in paths:
        if len(patterns := matched.get(path, [])) > 1:
            raise SourceError(f"{path} is matched by {' and by '.join(patterns)}; a file is of one pattern: narrow one")


def refuse_no_folder(data: Path) -> None:
    """Make sure that there is a data folder.

    Raises:
        SourceError: there is none, or it cannot be read.
    """
    _refuse_strange_name(data)
    try:
        if not data.is_dir():
            raise SourceError(f"the data folder {data} {'is a file' if data.exists() else 'does not exist'}")
        next(data.iterdir(), None)
    except OSError as error:
        raise SourceError(f"the data folder {data} cannot be read: {error.strerror}") from None


def _with_names(file: SourceFile, mapping: SourceMapping | None) -> SourceFile:
    """Under other names the same bytes are another file: a changed mapping reads them again."""
    if mapping is None or not mapping.fingerprint:
        return file
    return replace(file, checksum=hashlib.sha256(f"{file.checksum} {mapping.fingerprint}".encode()).hexdigest())


def _refuse_strange_name(path: Path) -> None:
    """Line ends and other controls would break our lines; bytes that are no UTF-8 have no name in a table."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(path)):
        raise SourceError(f"the name {str(path)!a} holds control characters or is not UTF-8; rename it")
