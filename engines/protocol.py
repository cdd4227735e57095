"""What the rest of the project may ask of an engine, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from errors import WarehouseError
from settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from sqlmesh import Context
    from sqlmesh.core.config import Config, GatewayConfig

# The schemas of the models, of SQLMesh's state and of what is loaded.
SCHEMAS = ("raw", "staging", "marts", "reports", "reference", "sqlmesh")
Row = tuple[Any, ...]
# Of each table how many rows and a digest of them, whatever their order; of each view 0 and a digest of its query.
Contents = dict[str, tuple[int, str]]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Version:
    """What tells one published state from another.

    Attributes:
        key: another one for another state.
        written: when it was published, UTC.
    """

    key: tuple[object, ...]
    written: datetime


class QueryError(WarehouseError):
    """The engine refused a query; the text is what it says, in one line."""


class UnknownNameError(QueryError):
    """A query names a table or a column that is not there."""


def not_built(what: str, engine: str) -> WarehouseError:
    """The failure of what one engine lacks, which has a page of its own; `what` as in `a backup`."""
    return WarehouseError(f"{what} is not built for {engine}; docs/{engine.lower()}.md says what there is in its place")


class Reader(Protocol):
    """One state of a warehouse, the same for as long as it is read, and never written to.

    Queries are such as every engine takes: no function of one alone, no parameters.
    """

    @property
    def backend(self) -> Any:
        """The same connection as a backend of Ibis."""

    def rows(self, query: str) -> list[Row]:
        """The rows of a query.

        Raises:
            UnknownNameError, QueryError, WarehouseError: it cannot be answered.
        """

    def records(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, each by the names of its columns; raises as `rows`."""

    def batches(self, query: str) -> pa.RecordBatchReader:
        """The rows of a query as Arrow, to be taken before anything else is asked; raises as `rows`."""

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of every table and view, those too that may not be read."""

    def tables_behind(self, schema: str) -> dict[str, str]:
        """The views of a schema by name, each with the table that it shows, alike for alike tables."""

    def contents(self) -> Contents:
        """What is in the warehouse, by `schema.table`; SQLMesh's tables too. Raises as `rows`."""

    def explained(self) -> AbstractContextManager[None]:
        """Turns what the engine raises inside, also through Ibis, into the errors of `rows`."""

    def cannot_answer(self, reason: Exception) -> WarehouseError:
        """The failure of an answer for a reason that lies in the warehouse."""


class Workers(Protocol):
    """Processes, on this machine or others, among which work on rows is dealt out.

    What comes of it are tables by name, for queries of the others. Columns and queries are in DuckDB's dialect.
    """

    def each(
        self, name: str, tasks: Sequence[object], work: Callable[[Any], Iterator[pa.RecordBatch]], columns: str
    ) -> None:
        """Work off each task by itself.

        Args:
            work: gives the rows that come of a task; it and the tasks can be pickled.
            columns: of these rows.
        """

    def by_key(
        self,
        name: str,
        query: str,
        key: str,
        work: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]],
        columns: str,
    ) -> None:
        """Work on the rows of a query, all with the same key in one place."""

    def rows(self, query: str) -> list[Row]:
        """The rows of a query."""

    def append(self, table: str, query: str) -> None:
        """Append the rows of a query to a table of `raw`."""

    def place(self, name: str) -> str:
        """The Parquet files of a table of these, as a pattern that every worker can read."""


class Loading(Protocol):
    """The tables of `raw` in a DuckDB connection, which reads files on every engine.

    Attributes:
        workers: who may read and judge large files instead, if anybody.
    """

    connection: duckdb.DuckDBPyConnection
    workers: Workers | None

    def create(self, tables: str) -> None:
        """Make the tables where they are not there yet; `tables` is SQL that does."""

    def extend(self, table: str, column: str, statements: str) -> None:
        """Change a table of `raw` in the warehouse where it lacks a column; `statements` is SQL that does."""

    def provide(self, table: str, key: str, keys: str) -> None:
        """Have in `raw` what the warehouse holds of a table, at least for the given keys.

        Args:
            keys: SQL for the keys, of this connection.
        """

    def replace(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Put rows in the place of all those of a table of the warehouse.

        Args:
            table: with its schema; one of `raw`, or one that SQLMesh made.
            rows: in columns of the table's names.
        """


class State(Protocol):
    """The next state of a warehouse, which nobody else sees yet.

    Attributes:
        settings: those for whatever is done to this state.
        error: what the engine raises inside SQLMesh.
    """

    settings: Settings
    error: type[Exception]

    def only_follows(self, error: BaseException) -> bool:
        """Whether a failure says no more than that there was one before."""

    def loading(self) -> AbstractContextManager[Loading]:
        """The tables of `raw` to load into; kept when the block is left without an error.

        Raises:
            WarehouseError: they cannot be opened or written.
        """

    def reading(self) -> AbstractContextManager[Reader]:
        """This state, as far as it came."""

    def running(self, config: Config) -> AbstractContextManager[Context]:
        """SQLMesh at work on this state."""

    def restore(self, file: Path) -> None:
        """Put what `Engine.save` wrote in the place of all that is in this state.

        Raises:
            WarehouseError: it cannot be read or written.
        """

    def scrub(self) -> None:
        """Keep nothing of what was deleted: not in the files of this state, nor in a state before it.

        Raises:
            WarehouseError: it cannot be written.
        """


class Engine(Protocol):
    """How one engine holds a warehouse.

    Attributes:
        takes_file: the warehouse is the file that the setting `warehouse` names.
    """

    takes_file: bool

    def place(self, settings: Settings) -> str:
        """Where the warehouse is, for messages: no password is in it."""

    def gateway(self, settings: Settings) -> GatewayConfig:
        """SQLMesh's gateway, and where its state lies.

        Raises:
            SettingsError: a setting of it is wrong.
        """

    def is_there(self, settings: Settings) -> bool:
        """Whether there may be a warehouse to read."""

    def version(self, settings: Settings) -> Version | None:
        """Which state is published; None: there is no warehouse yet.

        Raises:
            WarehouseError: the server cannot be reached.
        """

    def reading(self, settings: Settings, makes_tables: bool = False) -> AbstractContextManager[Reader]:
        """The published state.

        Args:
            makes_tables: what is asked in several steps keeps some of them as temporary tables.

        Raises:
            WarehouseError: there is none, or it cannot be opened.
        """

    def writing(
        self, settings: Settings, say: Say, begin_publishing: Callable[[], None]
    ) -> AbstractContextManager[State]:
        """The next state; leaving the block without an error publishes all of it at once, an error leaves nothing.

        Args:
            say: called once when it waits for another writer, for `lock_wait_seconds` at most.
            begin_publishing: called when there is no way back any more.

        Raises:
            WarehouseError: somebody else writes, or it cannot be written.
        """

    def name(self, settings: Settings) -> str:
        """What the models' names begin with: a backup can be restored under the same name alone."""

    def save(self, settings: Settings, file: Path, say: Say) -> Contents:
        """Write the published state, whole, to a file of the engine's own kind; what is in it.

        Args:
            file: is not there yet.
            say: called once when it waits for a writer.

        Raises:
            WarehouseError: there is no warehouse, or it cannot be read.
            SettingsError: a program that it takes is missing.
        """

    def copies(self, settings: Settings) -> list[Path]:
        """The files beside the published state that hold an earlier or a half-built one.

        Raises:
            WarehouseError: what holds one is no file, and is out of reach.
        """

    def discard(self) -> None:
        """Throw away what this process has not published; for a process about to end."""

    def roll_back(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        """Publish again what was published before.

        Raises:
            WarehouseError: there is no such state, or somebody else writes.
        """

    def reset(self, settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> None:
        """Delete the warehouse.

        Raises:
            WarehouseError: there is none, it is not one of ours, or somebody else writes.
        """
