"""The queries of models and audits as SQLMesh writes them for an engine, without the engine."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import sqlglot
from sqlglot import Dialect, ErrorLevel, exp
from sqlglot.errors import UnsupportedError
from sqlmesh.core.audit import Audit
from sqlmesh.core.macros import RuntimeStage
from sqlmesh.core.model import Model

from settings import HISTORY_START

DIALECTS = ("duckdb", "postgres", "spark", "snowflake", "bigquery")
# BigQuery cannot say it of a window with a frame. No model orders one by what can be null.
ORDER_OF_NULLS = re.compile(r"'NULLS LAST' translation not supported in window function (MIN|MAX)")


def _at_run_time(dialect: str) -> dict[str, Any]:
    """What SQLMesh gives a query to be rendered with while a whole model is evaluated."""
    return {
        "start": HISTORY_START,
        "end": "2030-01-01",
        "runtime_stage": RuntimeStage.EVALUATING,
        "engine_adapter": SimpleNamespace(dialect=dialect),
    }


def query_of(model: Model, dialect: str) -> exp.Query:
    return model.render_query_or_raise(**_at_run_time(dialect))


def audit_query_of(model: Model, audit: Audit, arguments: dict[str, exp.Expression], dialect: str) -> exp.Query:
    return model.render_audit_query(audit, **arguments, **_at_run_time(dialect))


def sql_of(query: exp.Query, dialect: str) -> str:
    """The text that the engine gets, which its dialect can read again.

    Raises:
        UnsupportedError: the dialect has no words for a part of it.
    """
    generator = Dialect.get_or_raise(dialect).generator(unsupported_level=ErrorLevel.IGNORE)
    text = generator.generate(query)
    missing = [message for message in generator.unsupported_messages if not ORDER_OF_NULLS.fullmatch(message)]
    if missing:
        raise UnsupportedError("; ".join(missing))
    sqlglot.parse_one(text, dialect=dialect, error_level=ErrorLevel.RAISE)
    return text
