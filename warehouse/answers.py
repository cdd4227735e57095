"""The answer read from a warehouse file, without ever writing to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import duckdb
import ibis

from analysis.answer.document import Built, answer
from analysis.answer.schema.document import Answer
from analysis.answer.schema.trial import TrialOutcome, TrialPlan
from analysis.metrics.definitions import checksums
from analysis.metrics.marts import COLUMNS, schema_of
from errors import SettingsError, WarehouseError
from settings import Settings
from warehouse.connection import connect, one_row
from warehouse.environments import Environment, built_by_other_models, environment_names, read_environment, schema
from warehouse.freshness import read_freshness, stale_remarks

Document = TypeVar("Document", Answer, TrialPlan, TrialOutcome)
# What goes on for ever ends here, see docs/history.md.
END_OF_TIME = datetime(9999, 12, 31)


def parse_as_of(text: str | None) -> datetime | None:
    """ISO-8601 text as naive UTC; no offset means UTC.

    Raises:
        SettingsError: it is anything else.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise SettingsError(f"--as-of {text!r} is not an ISO-8601 time such as 2023-07-01T12:00:00Z") from None
    if moment >= END_OF_TIME:
        raise SettingsError(f"--as-of {text!r} is too late; the latest moment is one before {END_OF_TIME:%Y-%m-%d}")
    return moment


def answer_from_warehouse(
    settings: Settings,
    environment: str,
    as_of: str | None,
    full: bool = False,
    asked: Collection[str] = (),
    now: datetime | None = None,
) -> Answer:
    """The answer document of one environment of the warehouse, with every section if `full`.

    Args:
        settings: the question, and where the warehouse is. What shapes the models is read in the environment.
        asked: the settings that are asked for all the same, such as `rebooking_window_days`.
        now: when the answer is given, with a time zone [default: the clock's].

    Raises:
        SettingsError: `as_of` is no time, or lies before the first event.
        WarehouseError: there is no warehouse, it is locked, or the environment was never built.
    """
    moment = parse_as_of(as_of)
    with connect(settings.warehouse, read_only=True) as connection:
        return read_answer(connection, settings, read_environment(connection, environment), moment, full, asked, now)


def settings_as_built(settings: Settings, environment: str) -> Settings:
    """The settings with those that an environment was built with in their place.

    Raises:
        WarehouseError: as `answer_from_warehouse`.
    """
    with connect(settings.warehouse, read_only=True) as connection:
        return settings.model_copy(update=read_environment(connection, environment).settings)


def environments(warehouse: Path) -> list[str]:
    """The environments that were built, prod first, the others by name.

    Raises:
        WarehouseError: there is no warehouse, or it is locked.
    """
    with connect(warehouse, read_only=True) as connection:
        return environment_names(connection)


def read_answer(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    environment: Environment,
    as_of: datetime | None,
    full: bool = False,
    asked: Collection[str] = (),
    now: datetime | None = None,
) -> Answer:
    """The answer document of one environment of an open warehouse; `answer_from_warehouse` says what of.

    Raises:
        SettingsError, WarehouseError: as `read_document`.
    """

    def work(table: Callable[[str], ibis.Table], question: Settings, built: Built) -> Answer:
        return answer(table, question, built, as_of, full)

    return read_document(connection, settings, environment, as_of, asked, work, now)


def read_document(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    environment: Environment,
    as_of: datetime | None,
    asked: Collection[str],
    work: Callable[[Callable[[str], ibis.Table], Settings, Built], Document],
    now: datetime | None = None,
) -> Document:
    """A document worked out from one environment, with what its reader has to know of the environment.

    Args:
        asked: as of `answer_from_warehouse`.
        work: makes the document from the tables by name, the question and how the environment stands.

    Raises:
        SettingsError: `as_of` lies before the first event.
        WarehouseError: the warehouse cannot answer.
    """
    answered_at: datetime = (now or datetime.now(UTC)).replace(microsecond=0)
    built = {name: value for name, value in environment.settings.items() if name not in asked}
    definitions: dict[str, str] = checksums()
    try:
        _refuse_before_first_event(connection, environment, as_of)
        backend = ibis.duckdb.from_connection(connection)

        def table(name: str) -> ibis.Table:
            found = backend.table(name, database=schema(schema_of(name), environment.name))
            missing = [column for column in COLUMNS[name] if column not in found.columns]
            if missing:
                raise built_by_other_models(environment.name, f"{schema_of(name)}.{name} has no {', '.join(missing)}")
            return found

        stands = Built(
            environment.name,
            environment.as_of,
            environment.newest_load,
            environment.taken_in,
            environment.settings,
            environment.changed_definitions(definitions),
            lambda: read_freshness(connection, environment, settings, answered_at),
            answered_at,
        )
        document: Document = work(table, settings.model_copy(update=built), stands)
    except (duckdb.Error, ibis.IbisError) as error:
        raise WarehouseError(
            f"the warehouse {settings.warehouse} cannot answer (a file keeps the name it was built under): "
            f"{str(error).splitlines()[0]}"
        ) from None
    document["warnings"] = [
        *environment.remarks(settings, definitions, asked),
        *stale_remarks(environment, settings, answered_at),
        *document["warnings"],
    ]
    return document


def _refuse_before_first_event(
    connection: duckdb.DuckDBPyConnection, environment: Environment, as_of: datetime | None
) -> None:
    if as_of is None:
        return
    (first,) = one_row(
        connection,
        f"SELECT MIN(occurred_at) FROM {schema('staging', environment.name)}.stg_events "
        f"WHERE load_id <= {environment.newest_load}",
    )
    if first is None or as_of < first:
        begins = "there is no event yet" if first is None else f"the first event is of {first:%Y-%m-%dT%H:%M:%SZ}"
        raise SettingsError(f"--as-of {as_of:%Y-%m-%dT%H:%M:%SZ} lies before the first event; {begins}")
