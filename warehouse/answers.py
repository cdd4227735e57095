"""The answer read from a warehouse, without ever writing to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from analysis.answer.built import Built
from analysis.answer.document import answer
from analysis.answer.reports import COLUMNS
from analysis.answer.schema.document import Answer
from analysis.answer.schema.trial import TrialOutcome, TrialPlan
from analysis.metrics.classes import OPTIONAL_EVENTS
from analysis.metrics.definitions import checksums
from engines import engine_of
from engines.protocol import QueryError, Reader, UnknownNameError
from errors import OptionError, SettingsError
from settings import Settings
from warehouse.environments import Environment, built_by_other_models, environment_names, read_environment
from warehouse.freshness import read_freshness, stale_remarks
from warehouse.views import schema

if TYPE_CHECKING:
    from ibis.expr.types import Table

Document = TypeVar("Document", Answer, TrialPlan, TrialOutcome)
# What goes on for ever ends here, see docs/history.md.
END_OF_TIME = datetime(9999, 12, 31)


def parse_as_of(text: str | None) -> datetime | None:
    """ISO-8601 text as naive UTC; no offset means UTC.

    Raises:
        OptionError: it is anything else.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise OptionError(f"--as-of {text!r} is not an ISO-8601 time such as 2023-07-01T12:00:00Z") from None
    if moment >= END_OF_TIME:
        raise OptionError(f"--as-of {text!r} is too late; the latest moment is one before {END_OF_TIME:%Y-%m-%d}")
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
    parse_as_of(as_of)
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        return read_answer(reader, settings, environment, as_of, full, asked, now)


def read_answer(
    reader: Reader,
    settings: Settings,
    environment: str,
    as_of: str | None,
    full: bool = False,
    asked: Collection[str] = (),
    now: datetime | None = None,
) -> Answer:
    """As `answer_from_warehouse`, of a warehouse that is being read."""
    moment = parse_as_of(as_of)
    return answer_of_environment(reader, settings, read_environment(reader, environment), moment, full, asked, now)


def settings_as_built(settings: Settings, environment: str) -> Settings:
    """The settings with those that an environment was built with in their place.

    Raises:
        WarehouseError: as `answer_from_warehouse`.
    """
    with engine_of(settings).reading(settings) as reader:
        return settings.model_copy(update=read_environment(reader, environment).settings)


def environments(settings: Settings) -> list[str]:
    """The environments that were built, prod first, the others by name.

    Raises:
        WarehouseError: there is no warehouse, or it is locked.
    """
    with engine_of(settings).reading(settings) as reader:
        return environment_names(reader)


def answer_of_environment(
    reader: Reader,
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

    def work(table: Callable[[str], Table], question: Settings, built: Built) -> Answer:
        return answer(table, question, built, as_of, full)

    return read_document(reader, settings, environment, as_of, asked, work, now)


def read_document(
    reader: Reader,
    settings: Settings,
    environment: Environment,
    as_of: datetime | None,
    asked: Collection[str],
    work: Callable[[Callable[[str], Table], Settings, Built], Document],
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
        _refuse_before_first_event(reader, environment, as_of)

        def table(name: str) -> Table:
            return _table(reader, environment, name)

        def report(name: str) -> list[dict[str, Any]]:
            columns = ", ".join(COLUMNS[name])
            try:
                return reader.records(f"SELECT {columns} FROM {schema('reports', environment.name)}.{name}")
            except UnknownNameError as error:
                raise built_by_other_models(environment.name, str(error)) from None

        changed_definitions = environment.changed_definitions(definitions)
        says_now = environment.reports_say_now and not changed_definitions
        stands = Built(
            environment.name,
            environment.as_of,
            environment.newest_load,
            environment.taken_in,
            environment.settings,
            changed_definitions,
            lambda: read_freshness(reader, environment, settings, answered_at, says_now),
            answered_at,
            report if says_now else None,
        )
        with reader.explained():
            document: Document = work(table, settings.model_copy(update=built), stands)
    except Exception as error:
        if not isinstance(error, QueryError) and not _is_of_ibis(error):
            raise
        raise reader.cannot_answer(error) from None
    document["warnings"] = [
        *environment.remarks(settings, definitions, asked),
        *stale_remarks(environment, settings, answered_at),
        *document["warnings"],
    ]
    return document


def _table(reader: Reader, environment: Environment, name: str) -> Table:
    """A mart, or `rpt_user_outcomes`, with the columns that the metrics read.

    Raises:
        WarehouseError: other models built the environment.
    """
    from analysis.metrics import marts

    found: Table = reader.backend.table(name, database=schema(marts.schema_of(name), environment.name))
    missing = [column for column in (marts.COLUMNS | marts.REPORT_COLUMNS)[name] if column not in found.columns]
    if missing:
        raise built_by_other_models(environment.name, f"{marts.schema_of(name)}.{name} has no {', '.join(missing)}")
    return found


def _is_of_ibis(error: Exception) -> bool:
    """Whether Ibis, where it was asked at all, has raised it."""
    ibis = sys.modules.get("ibis")
    return ibis is not None and isinstance(error, ibis.IbisError)


def _refuse_before_first_event(reader: Reader, environment: Environment, as_of: datetime | None) -> None:
    if as_of is None:
        return
    ((first,),) = reader.rows(
        f"SELECT MIN(occurred_at) FROM {schema('staging', environment.name)}.stg_events "
        f"WHERE load_id <= {environment.newest_load} AND event_type NOT IN {OPTIONAL_EVENTS}"
    )
    if first is None or as_of < first:
        begins = "there is no event yet" if first is None else f"the first event is of {first:%Y-%m-%dT%H:%M:%SZ}"
        raise SettingsError(f"--as-of {as_of:%Y-%m-%dT%H:%M:%SZ} lies before the first event; {begins}")
