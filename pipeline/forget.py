"""Forgetting a user: out of every table, log and copy at once or not at all, and a search that proves it.

The rows of the user are deleted wherever a table names users, so that the history of all others stays as it is; SQLMesh
then works out anew what was counted from them. docs/adr/0020-backup-and-forgetting.md says why so, and what is out of
reach.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config import build_config
from engines import engine_of
from engines.protocol import State, UnknownNameError
from errors import WarehouseError
from ingest.forgotten import user_hash
from ingest.raw_tables import make_raw_tables
from pipeline.interruption import begin_publishing
from pipeline.run_log import Run
from pipeline.transform import transform
from settings import WORK_FOLDER, Settings
from warehouse.environments import environment_names
from warehouse.person import Place, columns_of_tables, emails_of, names_email, names_number, number_pattern, search

Say = Callable[[str], None]
Tombstone = tuple[str, str]

FORGOTTEN = "[forgotten]"
# What a line of the run log says of itself, not of the data.
_OF_THE_LOG = {"run_id", "outcome", "command", "environment", "version", "started_at", "host"}


@dataclass(frozen=True)
class Proof:
    """What became of a user.

    Attributes:
        deleted: rows that are gone from the tables of `raw`.
        places: everything that was searched afterwards.
        out_of_reach: files that were found and not searched.
    """

    deleted: int
    places: list[Place]
    out_of_reach: list[Path]

    @property
    def left(self) -> list[Place]:
        """Where something of the user is left."""
        return [place for place in self.places if place.is_the_user]


def find(settings: Settings, user_id: int) -> Proof:
    """Where a user stands; changes nothing.

    Raises:
        WarehouseError: there is no warehouse, nothing was loaded into it, or a run log cannot be read.
    """
    engine = engine_of(settings)
    _log_files(settings.logs)
    engine.copies(settings)
    with engine.reading(settings) as reader:
        emails = emails_of(reader, user_id)
        places = search(reader, user_id, emails)
    return Proof(0, places + _search_files(settings, user_id, emails), _out_of_reach(settings))


def forget(run: Run, user_id: int, say: Say, on_step: Say) -> Proof:
    """Delete a user, have SQLMesh work out anew what counted it, and search for what is left.

    Raises:
        WarehouseError: no row names the user, somebody else writes, a run log is out of reach, or the search found
            the user: nothing was published then.
        TransformError: a model or a blocking audit failed; nothing was published.
    """
    settings = run.settings
    engine = engine_of(settings)
    # Where these are out of reach nothing is begun.
    _log_files(settings.logs, os.R_OK | os.W_OK)
    engine.copies(settings)
    with engine.writing(settings, say, begin_publishing) as state:
        on_step("searching")
        with state.reading() as reader:
            emails = emails_of(reader, user_id)
            is_named = any(place.is_the_user for place in search(reader, user_id, emails))
            if not is_named and not _is_forgotten(state, user_id):
                raise WarehouseError("no row names this user; nothing to forget")
        deleted = _forget_in(state, {user_id}, emails, run, on_step)
        on_step("searching again")
        with state.reading() as reader:
            places = search(reader, user_id, emails)
        # An address may stand in a row of somebody else: it is named, and left to who knows whose it is.
        if left := [place.name for place in places if place.is_the_user and place.meaning == "the user"]:
            raise WarehouseError(f"the user is still in {', '.join(left)}; nothing was published")
        state.scrub()
        on_step("publishing")
    _redact_logs(settings.logs, user_id, emails)
    return Proof(deleted, places + _search_files(settings, user_id, emails), _out_of_reach(settings))


def tombstones(settings: Settings) -> list[Tombstone]:
    """Salt and hash of every user whom the published state has forgotten; none where there is no warehouse."""
    engine = engine_of(settings)
    if not engine.is_there(settings):
        return []
    with engine.reading(settings) as reader:
        try:
            return [(salt, hashed) for salt, hashed in reader.rows("SELECT salt, user_hash FROM raw.forgotten_users")]
        except UnknownNameError:
            return []


def forget_again(state: State, forgotten: Collection[Tombstone], run: Run, on_step: Say) -> int:
    """Forget in a restored state whom it brought back; how many users that were.

    Args:
        forgotten: of the state that it takes the place of.
    """
    hashes = set(forgotten)
    _make_tables(state)
    with state.reading() as reader:
        known = set(reader.rows("SELECT salt, user_hash FROM raw.forgotten_users"))
        users = [
            row[0] for row in reader.rows("SELECT user_id FROM raw.users UNION SELECT user_id FROM raw.booking_events")
        ]
        salts = {salt for salt, _ in hashes}
        back = {user for user in users for salt in salts if (salt, user_hash(salt, user)) in hashes}
        emails = {email for user in back for email in emails_of(reader, user)}
    _execute(state, _remembering(hashes - known))
    if back:
        _forget_in(state, back, emails, run, on_step)
        state.scrub()
    return len(back)


def _is_forgotten(state: State, user_id: int) -> bool:
    with state.reading() as reader:
        try:
            rows = reader.rows("SELECT salt, user_hash FROM raw.forgotten_users")
        except UnknownNameError:
            return False
    return any(hashed == user_hash(salt, user_id) for salt, hashed in rows)


def _make_tables(state: State) -> None:
    """Of a warehouse of an earlier version `raw.forgotten_users` is missing."""
    with state.loading() as raw:
        make_raw_tables(raw)


def _remembering(new: Collection[Tombstone]) -> list[str]:
    """SQL that adds users to those who were forgotten."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return [
        f"INSERT INTO raw.forgotten_users SELECT '{salt}', '{hashed}', TIMESTAMP '{now}', "
        "COALESCE(MAX(load_id), 0) FROM raw.loads"
        for salt, hashed in sorted(new)
    ]


def _forget_in(state: State, users: Collection[int], emails: Collection[str], run: Run, on_step: Say) -> int:
    """Delete users everywhere, remember their hashes, bring every environment up to date; the rows gone from `raw`."""
    on_step("deleting")
    _make_tables(state)
    ids = ", ".join(str(user) for user in sorted(users))
    with state.reading() as reader:
        tables = [table for table, columns in columns_of_tables(reader).items() if "user_id" in columns]
        deleted = 0
        for table in ("raw.users", "raw.booking_events"):
            ((rows,),) = reader.rows(f"SELECT COUNT(*) FROM {table} WHERE user_id IN ({ids})")
            deleted += rows
        known = reader.rows("SELECT salt, user_hash FROM raw.forgotten_users")
        environments = environment_names(reader)
    salt = known[0][0] if known else secrets.token_hex(16)
    refused = " OR ".join(
        [*(names_number("raw_text", user) for user in sorted(users)), names_email("raw_text", emails)]
    )
    new = {(salt, user_hash(salt, user)) for user in users} - set(known)
    _execute(
        state,
        [
            *(f"DELETE FROM {table} WHERE user_id IN ({ids})" for table in tables),
            f"UPDATE raw.rejected_rows SET raw_text = NULL WHERE {refused}",
            *_remembering(new),
        ],
    )
    for environment in environments:
        transform(state, environment, on_step, run, must_evaluate=True)
    return deleted


def _execute(state: State, statements: list[str]) -> None:
    """Run statements by SQLMesh's connection: what it keeps is changed by no other."""
    if not statements:
        return
    with state.running(build_config(state.settings)) as context:
        for statement in statements:
            context.engine_adapter.execute(statement)


def _named(user_id: int, emails: Collection[str]) -> re.Pattern[str]:
    addresses = [re.escape(email) for email in sorted(emails)]
    number = number_pattern(user_id).replace("(^|[^0-9A-Za-z])", "(?<![0-9A-Za-z])")
    return re.compile("|".join([number.replace("([^0-9A-Za-z]|$)", "(?![0-9A-Za-z])"), *addresses]), re.IGNORECASE)


def _log_files(logs: Path, needed: int = os.R_OK) -> list[Path]:
    """The files of the run log.

    Args:
        needed: what must be allowed, as `os.access` takes it.

    Raises:
        WarehouseError: it is not. `glob` would pass over a folder that cannot be read.
    """
    folders = [logs, *sorted(logs.glob("[0-9]*")), *sorted(logs.glob("[0-9]*/[0-9]*"))]
    files = sorted(logs.glob("[0-9]*/[0-9]*/[0-9]*.jsonl"))
    for path in [*folders, *files] if logs.is_dir() else []:
        if not os.access(path, needed | os.X_OK * path.is_dir(), effective_ids=True):
            raise WarehouseError(f"the run log {path} is out of reach (permission denied), and may name the user")
    return files


def _redact_logs(logs: Path, user_id: int, emails: Collection[str]) -> None:
    """Replace the user in what the run log quotes: errors, warnings, notes and paths; its own figures stay."""
    named = _named(user_id, emails)
    for path in _log_files(logs):
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = [_redacted_line(line, named) for line in text.splitlines()]
        anew = "".join(f"{line}\n" for line in lines)
        if anew != text:
            part = path.with_name(f"{path.name}.part")
            part.write_text(anew, encoding="utf-8")
            part.chmod(path.stat().st_mode & 0o777)
            part.replace(path)


def _redacted_line(line: str, named: re.Pattern[str]) -> str:
    try:
        record = json.loads(line)
        anew = {key: value if key in _OF_THE_LOG else _redacted(value, named) for key, value in record.items()}
    except (ValueError, AttributeError):
        return named.sub(FORGOTTEN, line)  # damaged
    return line if anew == record else json.dumps(anew, ensure_ascii=False)


def _redacted(value: Any, named: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return named.sub(FORGOTTEN, value)
    if isinstance(value, list):
        return [_redacted(part, named) for part in value]
    if isinstance(value, dict):
        return {key: _redacted(part, named) for key, part in value.items()}
    return value


def _search_files(settings: Settings, user_id: int, emails: Collection[str]) -> list[Place]:
    """The run log, line by line, and what lies beside the published state: earlier and half-built ones."""
    named = _named(user_id, emails)
    places = []
    for path in _log_files(settings.logs):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        places.append(
            Place(str(path), len(lines), sum(line != _redacted_line(line, named) for line in lines), "the user")
        )
    engine = engine_of(settings)
    for path in engine.copies(settings):
        try:
            with engine.reading(settings.model_copy(update={"warehouse": path})) as reader:
                found = search(reader, user_id, emails)
            places += [replace(place, name=f"{path}: {place.name}") for place in found]
        except WarehouseError:
            places.append(Place(str(path), 0, 1, "a file that cannot be searched"))
    return places


def _out_of_reach(settings: Settings) -> list[Path]:
    """Warehouses of their own in the project's cache, such as those of pull requests."""
    found = (WORK_FOLDER / ".cache").glob("**/*.duckdb")
    return sorted(path for path in found if path.resolve() != settings.warehouse.resolve())
