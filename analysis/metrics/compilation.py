"""Metrics as SQL inside the report models: of the engine that runs these, whichever it is."""

from __future__ import annotations

from typing import Any

import ibis
import sqlglot
from ibis.expr.operations import UnboundTable
from ibis.expr.types import Table
from sqlglot import exp
from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries
from sqlglot.optimizer.merge_subqueries import merge_subqueries
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema


def sql_for_engine(expression: Table, evaluator: Any, is_merged: bool = False) -> exp.Expr:
    """The query of an expression, written for the engine that runs the model; DuckDB's while models are loaded.

    Args:
        evaluator: SQLMesh's `MacroEvaluator`, as a model gets it.
        is_merged: without derived tables that only choose and name columns, of which Ibis makes one a step: half as
            much for SQLMesh to read, which it does at every run.
    """
    adapter = evaluator.locals.get("engine_adapter")
    # What may follow are settings of the dialect.
    dialect = adapter.dialect.split(",")[0] if adapter else "duckdb"
    names_of_ibis = {"spark": "pyspark"}
    text = ibis.to_sql(expression, dialect=names_of_ibis.get(dialect, dialect))
    query = eliminate_subqueries(_typed(sqlglot.parse_one(text, dialect=dialect), expression))
    return _merged(query, expression) if is_merged else query


def _typed(query: exp.Expr, expression: Table) -> exp.Select:
    # Engines have types of their own for sums. Said in the model instead, types have SQLMesh make an empty table first,
    # and render the query once more for it.
    columns = expression.schema().to_sqlglot_column_defs("duckdb")
    casts = [exp.cast(exp.column(column.this.copy()), column.args["kind"]).as_(column.this) for column in columns]
    return exp.subquery(query, "report").select(*casts)


def _merged(query: exp.Expr, expression: Table) -> exp.Expr:
    # Stars are written out first, by the tables that the expression reads; all names are lower case on every engine.
    schema = MappingSchema(dialect="duckdb")
    for table in expression.op().find(UnboundTable):
        place = exp.table_(table.name, db=table.namespace.database)
        schema.add_table(place, dict.fromkeys(table.schema.names, "unknown"))
    qualified = qualify(query, schema=schema, dialect="duckdb", validate_qualify_columns=False)
    return merge_subqueries(pushdown_projections(qualified, schema=schema))
