"""SQL that every engine takes, in the words of Snowflake."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify_columns import quote_identifiers

# What Snowflake names itself is in capitals, as is what is not quoted.
_OF_SNOWFLAKE = "information_schema"


def in_snowflake(statement: str) -> str:
    """A statement with every name quoted in lower case, as SQLMesh and Ibis name tables and columns.

    Args:
        statement: one statement in DuckDB's dialect.
    """
    tree = sqlglot.parse_one(statement, read="duckdb")
    for kind in tree.find_all(exp.DataType):
        if kind.this == exp.DataType.Type.TIMESTAMP:
            kind.set("this", exp.DataType.Type.TIMESTAMPNTZ)
    if not any(table.db.lower() == _OF_SNOWFLAKE for table in tree.find_all(exp.Table)):
        tree = quote_identifiers(normalize_identifiers(tree, dialect="duckdb"), dialect="snowflake", identify=True)
    return tree.sql(dialect="snowflake")


def statements_in_snowflake(statements: str) -> list[str]:
    """Each of several statements as of `in_snowflake`."""
    return [in_snowflake(tree.sql("duckdb")) for tree in sqlglot.parse(statements, read="duckdb") if tree]


def quoted(name: str) -> str:
    """A name as an identifier that stays as it is."""
    return exp.to_identifier(name, quoted=True).sql("snowflake")


def literal(text: str) -> str:
    """A text as a value."""
    return exp.Literal.string(text).sql("snowflake")
