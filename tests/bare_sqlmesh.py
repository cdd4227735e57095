"""A warehouse that is loaded by `ingest` and built by SQLMesh alone, in this process, and what it should hold."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlmesh import Context
from sqlmesh.core.config import Config

from config import build_config
from engines.duckdb import DuckDBReader
from ingest.load import Load
from settings import PROJECT_ROOT, Settings, load_settings
from tests import reference
from tests.conftest import event, ingest
from warehouse.answers import answer_of_environment
from warehouse.environments import Environment, read_environment
from warehouse.views import schema

SHEET_HEADER = ("mentor_id", "tier", "hourly_rate", "updated_at")
EXPORT_HEADER = ("user_id", "company_id", "signup_date", "status", "updated_at")
# An edit of the models in which one mentor has another tier than the sheet says.
ALL_GOLD = (
    "models/staging/stg_mentors.sql",
    "  tier::TEXT AS tier",
    "  CASE WHEN mentor_id = 'M-2' THEN 'Gold' ELSE tier END::TEXT AS tier",
)
# One in which sessions have another column.
ONE_COLUMN_MORE = (
    "models/marts/fct_sessions.sql",
    "  completed.load_id::BIGINT AS load_id\n",
    "  completed.load_id::BIGINT AS load_id,\n  1::INT AS one\n",
    "    load_id = 'The newest load among the events of the pair'\n",
    "    load_id = 'The newest load among the events of the pair',\n    one = 'One'\n",
)
DEFAULT_SHEET = [("M-1", "Gold", "200", ""), ("M-2", "Silver", "100", "")]
DEFAULT_EXPORT = [(1, "7", "2023-01-01", "active", ""), (2, "7", "2023-01-02", "churned", "")]

_CACHES_OF_COPIES = tempfile.TemporaryDirectory(prefix="mentor-analytics-")


def came_back(users: range, mentor: str = "M-1") -> list[dict]:
    """A first session and a return of each user, long ago."""
    return [
        event(
            f"{user}-{day}",
            user_id=user,
            mentor_id=mentor,
            event_type="session_started",
            timestamp=f"2023-02-{day:02}T10:00:00Z",
        )
        for user in users
        for day in (1, 11)
    ]


class Warehouse:
    """One warehouse file in a folder of its own, and the working tree whose models and settings it is built with.

    Attributes:
        root: the folder of the models.
        changes: settings of the working tree that are not the default.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "warehouse.duckdb"
        self.data = folder / "data"
        self.root, self.changes = PROJECT_ROOT, {}
        self.data.mkdir(parents=True, exist_ok=True)

    @property
    def settings(self) -> Settings:
        return load_settings(warehouse=self.file, **self.changes)

    def write(self, events: list[dict], sheet: list[tuple] = DEFAULT_SHEET, export: list[tuple] = DEFAULT_EXPORT):
        """Write the data folder: events as of `tests.conftest.event`, rows of the sheet and of the export."""
        (self.data / "booking_events.json").write_text(json.dumps(events))
        for name, header, rows in (
            ("mentor_tiers.csv", SHEET_HEADER, sheet),
            ("users_db_export.csv", EXPORT_HEADER, export),
        ):
            with (self.data / name).open("w", newline="") as file:
                csv.writer(file).writerows([header, *rows])

    def ingest(self, events: list[dict], **sources: list[tuple]) -> list[Load]:
        """Load a data folder of these sources; see `write`."""
        self.write(events, **sources)
        return ingest(self.file, self.data)

    def config(self) -> Config:
        """SQLMesh's configuration for the warehouse."""
        cache = PROJECT_ROOT / ".cache"
        if self.root != PROJECT_ROOT:
            # SQLMesh keeps rendered queries by the code below the root, where a copy has no `analysis`, and files by
            # the second in which they were written: a cache for each content.
            texts = b"".join(file.read_bytes() for file in sorted(self.root.rglob("*")) if file.is_file())
            cache = Path(_CACHES_OF_COPIES.name) / hashlib.sha256(texts).hexdigest()
        config = build_config(self.settings, self.root, cache)
        config.ignore_patterns = [*config.ignore_patterns, "tests/*"]
        return config

    @contextmanager
    def context(self) -> Iterator[Context]:
        context = Context(paths=[str(self.root)], config=self.config())
        try:
            yield context
        finally:
            context.close()

    def plan(self, environment: str = "prod", **options: Any) -> None:
        """`sqlmesh plan ENVIRONMENT --auto-apply`."""
        with self.context() as context:
            context.plan(environment, no_prompts=True, auto_apply=True, skip_tests=True, skip_linter=True, **options)

    def run(self, environment: str = "prod", **options: Any) -> None:
        """`sqlmesh run ENVIRONMENT --ignore-cron`."""
        with self.context() as context:
            assert not context.run(environment, ignore_cron=True, **options).is_failure

    def invalidate(self, environment: str) -> None:
        """`sqlmesh invalidate ENVIRONMENT`."""
        with self.context() as context:
            context.invalidate_environment(environment)

    def rebuilt(self, folder: Path) -> Warehouse:
        """What SQLMesh builds of the same `raw` from nothing, by the same working tree."""
        other = Warehouse(folder)
        other.root, other.changes = self.root, self.changes
        with duckdb.connect(str(other.file)) as connection:
            connection.execute(f"ATTACH '{self.file}' AS source (READ_ONLY); CREATE SCHEMA raw")
            for (name,) in connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'source' AND schema_name = 'raw'"
            ).fetchall():
                connection.execute(f"CREATE TABLE raw.{name} AS FROM source.raw.{name}")
        other.plan()
        return other

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def environment(self, name: str = "prod") -> Environment:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return read_environment(DuckDBReader(connection, str(self.file)), name)

    def answer(self, environment: Environment) -> dict:
        """The answer of an environment as it stands, by a clock of its own."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            reader = DuckDBReader(connection, str(self.file))
            return answer_of_environment(reader, self.settings, environment, None, now=datetime(2026, 1, 1, tzinfo=UTC))

    def facts(self, environment: str = "prod") -> dict[str, list[tuple]]:
        """The rows of the facts, sorted, in the columns that `expected_facts` has."""
        marts = schema("marts", environment)
        return {
            "bookings": self.query(f"""
                SELECT
                    user_id, mentor_id, requested_at, booking_status, is_confirmation_missing, is_rescheduled,
                    agreed_start_at, cancelled_by, cancellation_reason, requested_duration_minutes, load_id
                FROM {marts}.fct_bookings ORDER BY user_id, mentor_id, requested_at
            """),
            "sessions": self.query(f"""
                SELECT user_id, mentor_id, started_at, ended_at, end_recorded_at, is_duration_estimated, load_id
                FROM {marts}.fct_sessions ORDER BY user_id, mentor_id, started_at
            """),
            # Sessions and bookings that say otherwise which led to which.
            "links": self.query(f"""
                SELECT bookings.booking_id, sessions.session_id FROM {marts}.fct_bookings AS bookings
                FULL JOIN {marts}.fct_sessions AS sessions ON bookings.session_id = sessions.session_id
                WHERE bookings.session_id IS NOT NULL AND sessions.session_id IS NULL
                    OR sessions.booking_id IS DISTINCT FROM bookings.booking_id
                    AND (bookings.session_id IS NOT NULL OR sessions.booking_id IS NOT NULL)
            """),
        }

    def expected_facts(self, settings: Settings) -> dict[str, list[tuple]]:
        """The facts of everything in `raw`, worked out by brute force."""
        events = self.events()
        load_of: dict[tuple, int] = {}
        for row in events:
            pair = row["user_id"], row["mentor_id"]
            load_of[pair] = max(load_of.get(pair, 0), row["load_id"])
        rows = {
            "bookings": reference.bookings(events, settings.reschedule_hours),
            "sessions": reference.sessions(events, settings.default_session_minutes, settings.max_session_hours),
        }
        return {"links": []} | {
            name: [(*row, load_of[row[0], row[1]]) for row in found] for name, found in rows.items()
        }

    def events(self) -> list[dict]:
        names = ("event_id", "user_id", "mentor_id", "at", "type", "load_id", *reference.PROPERTIES)
        rows = self.query(f"""
            SELECT event_id, user_id, mentor_id, occurred_at, event_type, load_id, {", ".join(reference.PROPERTIES)}
            FROM raw.booking_events
        """)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def versions(self, dimension: str, environment: str = "prod") -> list[tuple]:
        """`(key, attribute, valid_from, valid_to)` of what a dimension holds now: tier, or status."""
        key, value = {"dim_mentors": ("mentor_id", "tier"), "dim_users": ("user_id", "status")}[dimension]
        return self.query(f"""
            SELECT {key}, {value}, valid_from, valid_to FROM {schema("marts", environment)}.{dimension}
            WHERE recorded_to IS NULL ORDER BY {key}, valid_from
        """)


def edited_models(folder: Path, *edits: tuple[str, ...]) -> Path:
    """The files that SQLMesh reads, in a folder of their own, with edits.

    Beside the project's own root a copy without edits may be another version: SQLMesh keeps macros as code or as an
    import, by what the process has loaded before. What must be the same in two environments comes from copies alone.

    Args:
        edits: each a file, then texts that are found there once, each followed by the text in its place.
    """
    for name in ("models", "audits", "macros", "seeds", "linter"):
        shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT_ROOT / "external_models.yaml", folder)
    for file, *replaced in edits:
        text = (folder / file).read_text()
        for old, new in zip(replaced[::2], replaced[1::2], strict=True):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (folder / file).write_text(text)
    return folder
