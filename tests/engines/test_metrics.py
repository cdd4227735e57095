"""Every metric, counted by every engine from the same marts."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import ibis
import pyarrow as pa
import pytest
from ibis.common.exceptions import OperationNotDefinedError
from ibis.expr.types import Table

from analysis.metrics.balance import balance_counts
from analysis.metrics.definitions import METRICS
from analysis.metrics.marts import Marts, built_from, latest_event, latest_marts, mart, marts_at
from analysis.metrics.mentors import hourly_rates
from analysis.metrics.optional_events import optional_event_counts
from analysis.metrics.rebooking import session_visits, user_outcomes, with_tier
from analysis.metrics.reliability import (
    property_counts,
    requested_duration_quantiles,
    session_counts,
    unknown_counts,
)
from tests import test_metrics, test_session_metrics
from tests.engines.comparison import assert_same_rows
from tests.engines.marts import connected, marts_of

DEFAULT_MINUTES = 30
EARLIER_DAYS = 40
# What Ibis does not do with Polars, and stays: a window looks back at the request before, and at the sessions that
# began earlier, in one pass where joins would be quadratic; a moment that the tables give themselves is a subquery of
# whatever reads it, so that a report is one query.
_SUBQUERY = "ScalarSubquery"
POLARS_CANNOT = {
    "by approach": "WindowFunction",
    "sessions: double bookings": "Only equality join predicates",
    "latest event": _SUBQUERY,
    "what was built from": _SUBQUERY,
    "latest users": _SUBQUERY,
    "latest mentors": _SUBQUERY,
}
UNSUPPORTED = (OperationNotDefinedError, TypeError)


def metrics_of(marts: Marts, earlier: Marts) -> dict[str, Table]:
    """Every metric of the marts of a moment, and what the marts of an earlier one hold."""
    outcomes = with_tier(
        user_outcomes(session_visits(marts.sessions), test_metrics.WINDOW, marts.as_of),
        *(marts.mentors, "current", "first_at"),
    )
    return {
        **test_metrics.metrics_of(marts),
        **{f"sessions: {name}": metric for name, metric in test_session_metrics.metrics_of(marts).items()},
        "balance": balance_counts(outcomes, marts.users, marts.sessions),
        "rates": hourly_rates(marts.mentors),
        **{
            f"optional events: {attribution}": optional_event_counts(
                marts.events, outcomes, marts.bookings, marts.mentors, attribution, marts.as_of
            )
            for attribution in ("current", "at_session")
        },
        "unknown": unknown_counts(marts.events, marts.users, marts.mentors),
        **{
            f"earlier {name}": getattr(earlier, name) for name in ("sessions", "bookings", "users", "mentors", "events")
        },
    }


def latest_of(table: Callable[[str], Table]) -> dict[str, Table]:
    """What the tables say of now, each by a moment that they give themselves."""
    latest = latest_marts(table)
    return {
        "latest event": latest_event(table("fct_sessions"), table("fct_bookings")).as_table(),
        "what was built from": built_from(table).as_table(),
        "latest users": latest.users,
        "latest mentors": latest.mentors,
    }


def everything(table: Callable[[str], Table], as_of: datetime) -> dict[str, Table]:
    earlier = as_of - timedelta(days=EARLIER_DAYS)
    return latest_of(table) | metrics_of(
        *(marts_at(table, moment, DEFAULT_MINUTES) for moment in (as_of, earlier)),
    )


def rows_of(connection: ibis.BaseBackend, metric: Table) -> list[tuple]:
    return [tuple(row.values()) for row in connection.to_pyarrow(metric).to_pylist()]


@pytest.fixture(scope="session")
def marts(days) -> tuple[datetime, dict[str, pa.Table]]:
    return marts_of(days.warehouse)


@pytest.fixture(scope="session")
def expected(marts, tmp_path_factory) -> dict[str, list[tuple]]:
    """The rows of every metric on DuckDB, which tests/test_metrics.py holds against the reference."""
    as_of, tables = marts
    connection = connected("duckdb", tables, tmp_path_factory.mktemp("duckdb"), None)
    return {name: rows_of(connection, metric) for name, metric in everything(connection.table, as_of).items()}


@pytest.fixture(
    params=["polars", *(pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("postgres", "spark"))]
)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connection(engine, marts, request, tmp_path) -> ibis.BaseBackend:
    _, tables = marts
    server = None if engine == "polars" else request.getfixturevalue(engine)
    return connected(engine, tables, tmp_path, server)


def test_an_engine_counts_what_duckdb_counts(engine, connection, marts, expected, subtests):
    as_of, _ = marts
    metrics = everything(connection.table, as_of)
    assert set(metrics) == set(expected)
    for name, metric in metrics.items():
        with subtests.test(name):
            if engine == "polars" and name in POLARS_CANNOT:
                with pytest.raises(UNSUPPORTED, match=POLARS_CANNOT[name]):
                    rows_of(connection, metric)
            else:
                assert_same_rows(name, rows_of(connection, metric), expected[name])


def test_of_no_rows_there_are_0(engine, connection, subtests):
    sessions, bookings = (connection.table(name).filter(False) for name in ("fct_sessions", "fct_bookings"))
    for metric in (
        session_counts(sessions, datetime(2023, 4, 2), 24),
        property_counts(bookings, sessions),
        requested_duration_quantiles(bookings, sessions).drop("requested_median", "actual_median"),
    ):
        with subtests.test(", ".join(metric.columns)):
            assert rows_of(connection, metric) == [(0,) * len(metric.columns)]


def test_the_marts_have_something_to_count(expected):
    """Without rows the other test could not fail."""
    assert {name for name, rows in expected.items() if not rows} == set()
    [(strangers, shared)] = expected["sessions: double bookings"]
    assert strangers > shared > 0


def test_every_metric_is_counted():
    """Every public function of the modules of metrics is called for what the engines count."""
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        everything(mart, datetime(2023, 4, 2))
    finally:
        sys.setprofile(None)
    missing = [
        f"{name}.{function.__name__}"
        for name in METRICS
        for function in vars(importlib.import_module(f"analysis.metrics.{name}")).values()
        if inspect.isfunction(function)
        and function.__module__ == f"analysis.metrics.{name}"
        and not function.__name__.startswith("_")
        and function.__code__ not in called
    ]
    assert missing == []
