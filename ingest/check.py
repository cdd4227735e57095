"""Holding a data folder against the contract: what loading would make of it, without a warehouse.

The files are loaded into a DuckDB file that is thrown away, by the very functions that load into a warehouse: what is
counted here is what `ingest` into an empty warehouse counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from engines.duckdb import DuckDBState
from engines.duckdb.connection import one_row
from errors import SettingsError, SourceError
from ingest.contract import CONTRACTS, EVENTS, WITHOUT_EVENTS
from ingest.event_catalogue import EVENT_TYPES
from ingest.load import Load, ingest_sources
from ingest.mapping import Mappings, read_mapping
from ingest.source_files import shown
from ingest.sources import SOURCES, find_source, unmatched_files
from settings import Settings, known_tiers

_TEXT_CHARACTERS = 200


@dataclass(frozen=True)
class Example:
    """One rejected row: its position in the file, from 1, and its text, shortened and without control characters."""

    position: int
    text: str


@dataclass(frozen=True)
class Rejections:
    """How many rows of a file would be rejected for one reason, and the first of them."""

    reason: str
    rows: int
    examples: list[Example]


@dataclass(frozen=True)
class CheckedFile:
    """What loading makes of one file; `failure`: why the whole folder would not be loaded, None: it would.

    The rows are None where it cannot be loaded. `file` is its path below the data folder; of a source that has none,
    its name.
    """

    source: str
    file: str
    failure: str | None = None
    rows_read: int | None = None
    rows_loaded: int | None = None
    rows_known: int | None = None
    rows_duplicate: int | None = None
    rows_rejected: int | None = None
    outcome: str | None = None
    sentence: str | None = None
    rejections: list[Rejections] = field(default_factory=list)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """What the files do not say, and which sections of the answer say less for it.

    Attributes:
        what: a column or property as `source.name`, a type of event, or what does not fit together.
        rows, rows_with_it: of those that would be loaded, how many could have it, and have it.
        sections: by their names in `answer --format json`.
    """

    what: str
    rows: int
    rows_with_it: int
    sections: tuple[str, ...]
    consequence: str


@dataclass(frozen=True)
class Check:
    """What `check` found; `would_load`: nothing stands against loading the folder."""

    data: str
    would_load: bool
    files: list[CheckedFile]
    unmatched_files: list[str]
    missing: list[Missing]


def check_folder(settings: Settings, data: Path, examples: int) -> Check:
    """Hold the files of a folder, under the names of the mapping, against the contract; writes no warehouse.

    Args:
        examples: how many rejected rows to show for each file and reason.

    Raises:
        SettingsError: the mapping says something that is not allowed.
        WarehouseError: there is no room for what is read.
    """
    mappings = read_mapping(settings.sources)
    with TemporaryDirectory(prefix="mentor-analytics-") as folder:
        state = DuckDBState(settings.model_copy(update={"warehouse": Path(folder) / "check.duckdb"}))
        files = [
            replace(checked, file=_below(data, checked.file))
            for source in SOURCES
            for checked in _check_source(state, source, data, mappings, examples)
        ]
        failed = {file.source for file in files if file.failure}
        with state.loading() as raw:
            missing = _missing(raw.connection, settings, set(SOURCES) - failed) if len(failed) < len(SOURCES) else []
    try:
        unmatched = [_below(data, str(path)) for path in unmatched_files(data, mappings)]
    except SourceError:  # each source has said so
        unmatched = []
    return Check(str(data), not failed, files, unmatched, missing)


def _below(data: Path, file: str) -> str:
    return shown(file.removeprefix(f"{data}/"), _TEXT_CHARACTERS)


def _check_source(state: DuckDBState, name: str, data: Path, mappings: Mappings, examples: int) -> list[CheckedFile]:
    try:
        sources = find_source(SOURCES[name], data, mappings)
    except (SourceError, SettingsError) as error:
        return [CheckedFile(name, name, failure=str(error))]
    checked = []
    for source, file in sources:
        try:
            (load,) = ingest_sources(state, [(source, file)])
        except SourceError as error:
            checked.append(CheckedFile(name, str(file.path), failure=str(error)))
            continue
        checked.append(_checked(state, load, examples))
    return checked


def _checked(state: DuckDBState, load: Load, examples: int) -> CheckedFile:
    rejections = []
    if load.rows_rejected:
        with state.loading() as raw:
            of_load = "raw.rejected_rows WHERE load_id = (SELECT MAX(load_id) FROM raw.loads)"
            counts = raw.connection.execute(
                f"SELECT reason, COUNT(*) FROM {of_load} GROUP BY reason ORDER BY COUNT(*) DESC, reason"
            ).fetchall()
            for reason, rows in counts:
                first = raw.connection.execute(
                    f"SELECT position, raw_text FROM {of_load} AND reason = ? ORDER BY position LIMIT ?",
                    [reason, examples],
                ).fetchall()
                shortened = [Example(position, shown(text or "", _TEXT_CHARACTERS)) for position, text in first]
                rejections.append(Rejections(reason, rows, shortened))
    return CheckedFile(
        load.source,
        str(load.file),
        None,
        load.rows_read,
        load.rows_loaded,
        load.rows_known,
        load.rows_duplicate,
        load.rows_rejected,
        load.outcome,
        load.sentence,
        rejections,
        load.notes,
    )


def _missing(connection: duckdb.DuckDBPyConnection, settings: Settings, sources: set[str]) -> list[Missing]:
    """What the loaded rows of these sources do not say."""
    found = [
        missing
        for name, contract in CONTRACTS.items()
        if name in sources
        for column in contract.fields
        if column.sections and (missing := _missing_column(connection, name, column.name))
    ]
    if "booking_events" in sources:
        found += _missing_types(connection)
    if "mentors" in sources:
        found += _missing_tiers(connection, settings)
    found += [
        missing
        for key, known in (("user_id", "users"), ("mentor_id", "mentors"))
        if {"booking_events", known} <= sources and (missing := _strangers(connection, key, known))
    ]
    return found


def _missing_column(connection: duckdb.DuckDBPyConnection, source: str, name: str) -> Missing | None:
    types = [event.name for event in EVENT_TYPES if name in (*event.required, *event.optional)]
    where = f"WHERE event_type IN ({', '.join(map(repr, types))})" if source == EVENTS.source else ""
    rows, rows_with_it = one_row(connection, f"SELECT COUNT(*), COUNT({name}) FROM raw.{source} {where}")
    if rows_with_it == rows:
        return None
    (field_of_it,) = (each for each in CONTRACTS[source].fields if each.name == name)
    return Missing(f"{source}.{name}", rows, rows_with_it, field_of_it.sections, field_of_it.without_it)


def _missing_types(connection: duckdb.DuckDBPyConnection) -> list[Missing]:
    seen = {kind for (kind,) in connection.execute("SELECT DISTINCT event_type FROM raw.booking_events").fetchall()}
    (rows,) = one_row(connection, "SELECT COUNT(*) FROM raw.booking_events")
    return [
        Missing(f"events of type {name}", rows, 0, sections, consequence)
        for name, (sections, consequence) in WITHOUT_EVENTS.items()
        if sections and name not in seen
    ]


def _missing_tiers(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[Missing]:
    counts = dict(connection.execute("SELECT tier, COUNT(*) FROM raw.mentors GROUP BY tier").fetchall())
    mentors, known = sum(counts.values()), sum(counts.get(tier, 0) for tier in known_tiers())
    found = []
    if known < mentors:
        others = ", ".join(shown(tier) for tier in sorted(set(counts) - set(known_tiers()))[:5])
        found.append(
            Missing(
                "mentors of a known tier",
                mentors,
                known,
                ("rebooking", "intent", "reliability"),
                f"users of mentors of other tiers ({others}) are in no group; name the tiers in seeds/tier_groups.csv",
            )
        )
    for name in ("group_a", "group_b"):
        tiers = getattr(settings, name)
        if not any(tier in counts for tier in tiers):
            consequence = f"no mentor is of {' or '.join(tiers)}: there is nothing to compare with"
            found.append(Missing(f"mentors of {name}", mentors, 0, ("rebooking",), consequence))
    return found


def _strangers(connection: duckdb.DuckDBPyConnection, key: str, known: str) -> Missing | None:
    rows, rows_known = one_row(
        connection,
        f"SELECT COUNT(*), COUNT(*) FILTER (WHERE {key} IN (SELECT {key} FROM raw.{known})) FROM raw.booking_events "
        f"WHERE {key} IS NOT NULL",
    )
    if rows == rows_known:
        return None
    who = "users who are not in the users export" if known == "users" else "mentors who are not in the mentor sheet"
    consequence = f"events of {who} are counted apart, and left out where the {known[:-1]} has to be known"
    return Missing(
        f"events whose {key} is in {known}",
        rows,
        rows_known,
        ("rebooking", "reliability"),
        consequence,
    )
