"""Every model and audit in the words of every engine, those included that no test runs."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from tests.engines.rendering import DIALECTS, audit_query_of, query_of, sql_of


@pytest.fixture(scope="session")
def texts(context) -> dict[str, list[str]]:
    """By dialect, the queries of all models and of their audits."""
    models = [model for model in context.models.values() if not (model.kind.is_external or model.kind.is_seed)]
    found = {dialect: [sql_of(query_of(model, dialect), dialect) for model in models] for dialect in DIALECTS}
    for dialect, queries in found.items():
        for model in context.models.values():
            for audit, arguments in model.audits_with_args:
                queries.append(sql_of(audit_query_of(model, audit, arguments, dialect), dialect))
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_and_audit_is_sql_of_the_engine(context, texts, dialect):
    """Each is written without a part that the dialect lacks, and can be read; see `sql_of`."""
    assert len(texts[dialect]) == len(texts["duckdb"]) > len(context.models)
    assert not any("@" in text for text in texts[dialect])


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery"])
def test_intervals_are_not_multiplied_where_none_can_be(texts, dialect):
    products = [node for text in texts[dialect] for node in sqlglot.parse_one(text, dialect=dialect).find_all(exp.Mul)]
    assert not [node.sql(dialect) for node in products if node.find(exp.Interval)]


def test_keys_are_hexadecimal_text_where_hashes_are_bytes(texts):
    parsed = [sqlglot.parse_one(text, dialect="bigquery") for text in texts["bigquery"]]
    hashes = [node for query in parsed for node in query.find_all(exp.SHA2, exp.SHA2Digest)]
    assert hashes
    assert all(isinstance(node.parent, exp.LowerHex) for node in hashes)


def test_no_query_filters_by_qualify(texts):
    """Written as a subquery for PostgreSQL and Spark, its condition would still name the tables inside that."""
    assert not any("QUALIFY" in text.upper() for text in texts["duckdb"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_condition_has_a_star(texts, dialect):
    """That is what sqlglot makes of COUNT(*) FILTER for engines without one; it can be read, and no engine takes it."""
    parsed = [sqlglot.parse_one(text, dialect=dialect) for text in texts[dialect]]
    assert not [
        query.sql(dialect) for query in parsed for star in query.find_all(exp.Star) if star.find_ancestor(exp.If)
    ]
