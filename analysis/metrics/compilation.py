"""Metrics as SQL inside the report models: of the engine that runs these, whichever it is."""

from __future__ import annotations

from typing import Any

import ibis
import sqlglot
from ibis.expr.types import Table
from sqlglot import exp
from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries


def sql_for_engine(expression: Table, evaluator: Any) -> exp.Expr:
    """The query of an expression, written for the engine that runs the model; DuckDB's while models are loaded.

    Args:
        evaluator: SQLMesh's `MacroEvaluator`, as a model gets it.
    """
    adapter = evaluator.locals.get("engine_adapter")
    # What may follow are settings of the dialect.
    dialect = adapter.dialect.split(",")[0] if adapter else "duckdb"
    names_of_ibis = {"spark": "pyspark"}
    query = sqlglot.parse_one(ibis.to_sql(expression, dialect=names_of_ibis.get(dialect, dialect)), dialect=dialect)
    return eliminate_subqueries(query)
