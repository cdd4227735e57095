"""The mapping file, `sources.toml`: what a source is called where it comes from, and where it comes from.

A table a source: `files` (a pattern below the data folder, or several) or `query` (SQL of PostgreSQL, with the
`service` of the service file that names the database); `columns`, their names by ours; of the booking events
`event_types`, theirs by ours. What is not named keeps the name of the contract.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from errors import SettingsError
from ingest.contract import CONTRACTS, EVENTS, Contract
from ingest.event_catalogue import EVENT_TYPES

_KEYS = ("files", "query", "service", "columns")


@dataclass(frozen=True)
class SourceMapping:
    """What one source is called where it comes from.

    Attributes:
        files: patterns below the data folder; none: the usual names.
        query: SQL of PostgreSQL in the place of files, and where it is written: FILE#SOURCE.
        service: the entry of PostgreSQL's service file; None: the PG… variables alone.
        columns: their names, by ours; what is missing has our name.
        event_types: our names, by theirs in lower case.
    """

    files: tuple[str, ...] = ()
    query: str | None = None
    written_at: PurePath = field(default_factory=PurePath)
    service: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    event_types: Mapping[str, str] = field(default_factory=dict)

    def names(self, contract: Contract) -> dict[str, str | None]:
        """The name of each column by ours; None: it has none, since another one of ours has its name."""
        taken = {theirs.lower() for theirs in self.columns.values()}
        ours = (*contract.required, *contract.optional)
        return {name: self.columns.get(name, None if name in taken else name) for name in ours}

    @property
    def fingerprint(self) -> str:
        """Another one for other names; empty where every name is ours."""
        if not self.columns and not self.event_types:
            return ""
        names = json.dumps([dict(self.columns), dict(self.event_types)], sort_keys=True)
        return hashlib.sha256(names.encode()).hexdigest()


Mappings = Mapping[str, SourceMapping]


def read_mapping(file: Path | None) -> Mappings:
    """The mapping of each source that the file names; none without a file.

    Raises:
        SettingsError: the file cannot be read, or says something that is not allowed; one line says what.
    """
    if file is None:
        return {}
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"the mapping {file} is missing; the setting sources names it") from None
    except OSError as error:
        raise SettingsError(f"the mapping {file} cannot be read: {error.strerror or error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"the mapping {file} is not TOML: {' '.join(str(error).split())}") from None
    _refuse_unknown(str(file), tables, CONTRACTS, "source")
    try:
        return {name: _source(CONTRACTS[name], table, file) for name, table in tables.items()}
    except ValueError as error:
        raise SettingsError(f"{file}, {error}") from None


def _source(contract: Contract, table: Any, file: Path) -> SourceMapping:
    """One table of the file.

    Raises:
        SettingsError, ValueError: it says something that is not allowed; the text of the latter begins with where.
    """
    where = f"[{contract.source}]"
    if not isinstance(table, dict):
        raise ValueError(f"{contract.source} is no table; write {where} and its keys below it")
    keys = (*_KEYS, "event_types") if contract is EVENTS else _KEYS
    _refuse_unknown(f"{file}, {where}", table, keys, "key")
    query, service = (_text(where, key, table.get(key)) for key in ("query", "service"))
    files = _texts(where, "files", table.get("files"))
    if query and files:
        raise ValueError(f"{where} has files and a query; leave one out")
    if service and not query:
        raise ValueError(f"{where} names a service and no query")
    for pattern in files:
        parts = PurePath(pattern).parts
        if not parts or not pattern.isprintable() or any("**" in part and part != "**" for part in parts):
            raise ValueError(
                f"{where} files = {pattern!r} is no pattern; write one such as *.csv or, below it, **/*.csv"
            )
        if PurePath(pattern).is_absolute() or ".." in parts:
            raise ValueError(f"{where} files = {pattern!r} leads out of the data folder; name what lies below it")
    columns = _names(file, where, "columns", table.get("columns", {}), (*contract.required, *contract.optional))
    types = _names(
        file, where, "event_types", table.get("event_types", {}), [event.name for event in EVENT_TYPES], several=True
    )
    mapping = SourceMapping(
        files=files,
        query=query.strip().removesuffix(";") if query else None,
        written_at=file.with_name(f"{file.name}#{contract.source}"),
        service=service,
        columns={ours: theirs for theirs, ours in columns.items()},
        event_types={theirs.lower(): ours for theirs, ours in types.items()},
    )
    names = mapping.names(contract)
    if nameless := [name for name in contract.required if names[name] is None]:
        raise ValueError(f"{where[:-1]}.columns] gives the name {nameless[0]} to another column; map {nameless[0]} too")
    return mapping


def _names(file: Path, where: str, key: str, table: Any, ours: Iterable[str], several: bool = False) -> dict[str, str]:
    """Our names by theirs, of a table that says theirs by ours."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} {key} is no table of names; write OUR_NAME = 'THEIR_NAME'")
    place = f"{where[:-1]}.{key}]"
    _refuse_unknown(f"{file}, {place}", table, ours, "name of ours")
    found: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name, value in table.items():
        theirs = _texts(place, name, value) if several else (_text(place, name, value) or "",)
        for each in theirs:
            each = each.strip()
            if not each or not each.isprintable() or '"' in each or "\\" in each:
                raise ValueError(
                    f"{place} {name} = {each!r} is no name; give one without quotes, backslashes and line breaks"
                )
            if (other := folded.get(each.lower())) is not None:
                raise ValueError(f"{place} maps {each!r} twice, to {other} and to {name}; leave one out")
            folded[each.lower()] = name
            found[each] = name
    return found


def _text(where: str, key: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError(f"{where} {key} = {value!r} is no text")


def _texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if isinstance(value, list) and not value:
        raise ValueError(f"{where} {key} is an empty list; leave it out")
    return tuple(text for each in values if (text := _text(where, key, each)))


def _refuse_unknown(where: str, table: Mapping[str, Any], known: Iterable[str], kind: str) -> None:
    known = tuple(known)
    for name in table:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f", did you mean '{close[0]}'?" if close else ""
            raise SettingsError(f"{where}: there is no {kind} {name!r} (there are: {', '.join(known)}{hint})")
