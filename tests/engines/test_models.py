"""The models, built by other engines of the rows that DuckDB has: the same rows come out."""

from __future__ import annotations

import pytest

from tests.engines.building import (
    PostgresWarehouse,
    SparkWarehouse,
    build_a_day,
    compared_columns,
    models_in_order,
)
from tests.engines.comparison import assert_same_rows

# One worker starts the engines.


def test_the_population_has_what_may_differ(days):
    """Without these the other tests could not fail."""
    [(agreed, cancelled_by, asked)] = days.warehouse.query("""
        SELECT COUNT(agreed_start_at), COUNT(DISTINCT cancelled_by), COUNT(DISTINCT requested_duration_minutes)
        FROM marts.fct_bookings
    """)
    assert (agreed > 50, cancelled_by, asked > 3) == (True, 3, True)
    [(fractions, late_ends)] = days.warehouse.query("""
        SELECT COUNT(*) FILTER (duration_minutes <> FLOOR(duration_minutes)),
            COUNT(*) FILTER (end_recorded_at > ended_at)
        FROM marts.fct_sessions
    """)
    assert fractions > 0
    assert late_ends > 0
    for dimension in ("dim_users", "dim_mentors"):
        held = days.warehouse.query(f"SELECT COUNT(*) FROM marts.{dimension} WHERE recorded_to IS NOT NULL")
        assert held[0][0] > 0, dimension


@pytest.mark.postgres
def test_postgresql_holds_the_rows_of_duckdb(context, days, postgres, tmp_path):
    # The catalog is part of every model's name, and a DuckDB file's stem is its catalog.
    other = PostgresWarehouse(tmp_path, postgres, postgres.create_database("warehouse"))
    for day, raw in enumerate(days.raw, start=1):
        other.fill(raw)
        build_a_day(other, day)
    for model in models_in_order(context):
        sql = f"SELECT {', '.join(compared_columns(model))} FROM {model.name}"
        assert_same_rows(model.name, other.query(sql), days.warehouse.query(sql))


@pytest.mark.spark
def test_spark_holds_the_rows_of_duckdb(context, days, spark, tmp_path):
    other = SparkWarehouse(spark)
    other.build(context, days.warehouse.file, tmp_path)
    for model in models_in_order(context):
        sql = f"SELECT {', '.join(compared_columns(model))} FROM {model.name}"
        holds = " WHERE recorded_to IS NULL" if "recorded_to" in model.columns_to_types_or_raise else ""
        assert_same_rows(model.name, other.query(sql), days.warehouse.query(sql + holds))
