"""The answer read from a warehouse file, without ever writing to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

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

# The reports that `diff` compares, and what names a row of each.
REPORTS = {
    "rpt_rebooking_by_tier": ("tier",),
    "rpt_reliability_by_tier": ("tier",),
    "rpt_cohorts": ("month", "tier"),
    "rpt_mentor_outcomes": ("mentor_id",),
    "rpt_reliability_by_week": ("week",),
}
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
        return _answer(connection, settings, read_environment(connection, environment), moment, full, asked, now)


def settings_as_built(settings: Settings, environment: str) -> Settings:
    """The settings with those that an environment was built with in their place.

    Raises:
        WarehouseError: as `answer_from_warehouse`.
    """
    with connect(settings.warehouse, read_only=True) as connection:
        return settings.model_copy(update=read_environment(connection, environment).settings)


@dataclass(frozen=True)
class Differences:
    """What another environment changes.

    Attributes:
        figures: `(figure, value in base, value in other)` for every figure that differs, in the order of the
            answer document; a figure is a path such as `rebooking.sessions.tiers.Gold.rate`.
        remarks: as of when they are compared and what keeps them from being compared as they stand, one line each.
    """

    figures: list[tuple[str, Any, Any]]
    remarks: list[str]


def differences(settings: Settings, base: str, other: str, as_of: str | None) -> Differences:
    """What another environment changes in the answer and in the reports, as of what both have taken in.

    The answer without the sections of the full one, whose counts the reports hold: a curve or a week would
    otherwise differ in a hundred figures for one new event. The reports speak of the latest event of their
    own environment: they are compared where that is the same. A report that an environment does not have
    yet has no figures there.

    Raises:
        SettingsError, WarehouseError: as `answer_from_warehouse`.
    """
    moment = parse_as_of(as_of)
    with connect(settings.warehouse, read_only=True) as connection:
        both = [read_environment(connection, environment) for environment in (base, other)]
        remarks = [
            line
            for environment in both
            if environment.is_behind
            for line in environment.remarks(settings, environment.definitions)
        ]
        are_level = moment is None and both[0].as_of == both[1].as_of
        latest = [environment.as_of for environment in both if environment.as_of]
        if moment is None and len(latest) == len(both):
            moment = None if are_level else min(latest)
        figures = []
        for environment in both:
            figures.append(dict(_figures(_answer(connection, settings, environment, moment))))
            if are_level:
                figures[-1] |= dict(_figures(_reports(connection, environment.name)))
        if not are_level:
            at = f"as of {moment:%Y-%m-%d %H:%M:%S}" if moment else "each as of its latest event"
            remarks.append(f"the answers of {base} and {other} are compared {at}, the reports not at all")
    clock = {"parameters.environment", "parameters.answered_at", "parameters.as_of", "warnings"}
    left_out = ("parameters.taken", "freshness.")
    names = [name for name in figures[0] | figures[1] if name not in clock and not name.startswith(left_out)]
    pairs = [(name, figures[0].get(name), figures[1].get(name)) for name in names]
    return Differences([(name, before, after) for name, before, after in pairs if before != after], remarks)


def environments(warehouse: Path) -> list[str]:
    """The environments that were built, prod first, the others by name.

    Raises:
        WarehouseError: there is no warehouse, or it is locked.
    """
    with connect(warehouse, read_only=True) as connection:
        return environment_names(connection)


def _answer(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    environment: Environment,
    as_of: datetime | None,
    full: bool = False,
    asked: Collection[str] = (),
    now: datetime | None = None,
) -> Answer:
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


def _reports(connection: duckdb.DuckDBPyConnection, environment: str) -> dict[str, Any]:
    reports_schema = schema("reports", environment)
    built = connection.execute(
        "SELECT view_name FROM duckdb_views() WHERE schema_name = ?", [reports_schema]
    ).fetchall()
    reports = {}
    for report, keys in REPORTS.items():
        if (report,) not in built:
            continue
        order = ", ".join(f"{key} NULLS LAST" for key in keys)
        relation = connection.sql(f'SELECT * FROM "{reports_schema}"."{report}" ORDER BY {order}')
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        # By name, as a figure's path has it: a row that only one environment has then moves no other.
        reports[report] = {
            ".".join(str(row[key]) for key in keys): {name: row[name] for name in row if name not in (*keys, "load_id")}
            for row in rows
        }
    return reports


def _figures(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a document with its path; rows of a list go by their tier, group, name or event type."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _figures(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        for row in node:
            name = next((row[key] for key in ("tier", "group", "name", "event_type") if key in row), None)
            yield from _figures(row, f"{path}.{name}")
    else:
        yield path, node
