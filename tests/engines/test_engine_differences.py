"""What the macros say for an engine, run there, against Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from types import SimpleNamespace

import duckdb
import pytest
import sqlglot
from sqlglot import exp
from sqlmesh.core.macros import MacroEvaluator

from macros.engine_differences import in_byte_order, later, planned_well, text_for_key
from macros.surrogate_key import sha256_key
from macros.timestamps import utc_timestamp
from tests import reference
from tests.engines.population import PROPERTIES

Run = Callable[[str], list[tuple]]
DAYS = ["2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2023-04-30", "2023-04-31", "2023-12-31", "2023-13-01"]
TIMES = ["", "T10:00", "t23:59:59", " 00:00:00.5", "T12:30:15,123456789", "T24:00", "T10:60", "T10"]
OFFSETS = ["", "Z", "z", "+00", "-00:30", "+0545", "+14:00", "-14:59", "+5", " "]


@pytest.fixture(
    params=[
        "duckdb",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("spark", marks=pytest.mark.spark),
    ]
)
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def evaluator(dialect: str) -> MacroEvaluator:
    """As SQLMesh makes it for a model that the engine runs."""
    evaluator = MacroEvaluator(dialect="duckdb")
    evaluator.locals["engine_adapter"] = SimpleNamespace(dialect=dialect)
    return evaluator


@pytest.fixture
def run(dialect: str, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs SQL of DuckDB's dialect in the engine."""

    def written(sql: str) -> str:
        return sqlglot.transpile(sql, read="duckdb", write=dialect)[0]

    if dialect == "duckdb":
        with duckdb.connect() as connection:
            yield lambda sql: connection.execute(sql).fetchall()
    elif dialect == "spark":
        session = request.getfixturevalue("spark")
        yield lambda sql: [tuple(row) for row in session.sql(written(sql)).collect()]
    else:
        connection = request.getfixturevalue("postgres").connect("postgres")
        with connection.cursor() as cursor:
            yield lambda sql: cursor.execute(written(sql)) or cursor.fetchall()
        connection.close()


def rows_of(values: list[str], name: str) -> str:
    """A subquery of one column of texts."""
    return f"(SELECT * FROM (VALUES {', '.join(f'({exp.convert(v).sql()})' for v in values)}) AS given ({name}))"


def test_a_key_is_the_sha256_of_the_text_in_utf8(run, evaluator):
    key = sha256_key(
        evaluator, *(sqlglot.parse_one(name, dialect="duckdb") for name in ("n", "t", "d", "m", "nothing"))
    )
    rows = run(f"""
        SELECT {key} FROM (
            SELECT
                CAST(7 AS BIGINT) AS n, 'Zoë' AS t, CAST(12.5 AS DECIMAL(18, 4)) AS d,
                CAST('2024-02-29 10:00:00.25' AS TIMESTAMP) AS m, CAST(NULL AS TEXT) AS nothing
        ) AS given
    """)
    assert rows == [(hashlib.sha256("7|Zoë|12.5000|2024-02-29 10:00:00.25|".encode()).hexdigest(),)]


def test_a_moment_moves_by_whole_units_either_way(run, evaluator):
    start = datetime(2024, 2, 28, 23, 30, 0, 500_000)
    amounts = [0, 1, -36, 100_000]
    for unit, length in (
        ("HOUR", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
        ("SECOND", timedelta(seconds=1)),
    ):
        moved = later(evaluator, exp.column("moment"), exp.column("amount"), unit)
        rows = run(f"""
            SELECT {moved} FROM (
                SELECT CAST(text AS BIGINT) AS amount, CAST('{start}' AS TIMESTAMP) AS moment
                FROM {rows_of([str(amount) for amount in amounts], "text")} AS texts
            ) AS given
        """)
        assert sorted(rows) == sorted((start + amount * length,) for amount in amounts)


def test_text_is_ordered_by_its_bytes(run, evaluator):
    texts = ["a10", "B2", "a9", "É", "e", "Z", "_", "ß"]
    order = in_byte_order(evaluator, exp.column("text"))
    rows = run(f"SELECT text FROM {rows_of(texts, 'text')} AS texts ORDER BY {order}")
    assert [text for (text,) in rows] == sorted(texts, key=str.encode)


def test_times_are_read_as_python_reads_them(run, evaluator):
    texts = [day + time for day, time in product(DAYS, TIMES[:2])]
    texts += [f"2024-03-01{time}{offset}" for time, offset in product(TIMES, OFFSETS)]
    texts += [*PROPERTIES["confirmed_start_time"], "", "infinity", "epoch", "now", "1675245600"]
    read = utc_timestamp(evaluator, exp.column("text"))
    rows = run(f"SELECT text, {read} FROM {rows_of(texts, 'text')} AS texts")
    # Nothing is trimmed here, which a space at the end shows.
    assert dict(rows) == {text: reference.utc_time(text) for text in texts}
    assert any(moment for _, moment in rows)


@pytest.mark.parametrize("engine", ["duckdb", "spark", "snowflake", "bigquery"])
def test_no_other_engine_is_told_what_postgresql_is_told_of_a_table(engine):
    evaluator = MacroEvaluator(dialect="duckdb")
    evaluator.locals["engine_adapter"] = SimpleNamespace(dialect=engine)
    assert planned_well(evaluator, exp.column("load_id")) == []


def test_the_text_of_a_time_on_snowflake_is_that_of_duckdb():
    """Snowflake is told to write six digits of a second; see SESSION in engines/snowflake/connection.py."""
    evaluator = MacroEvaluator(dialect="duckdb")
    evaluator.locals["engine_adapter"] = SimpleNamespace(dialect="snowflake, normalization_strategy = case_sensitive")
    moments = [datetime(2023, 1, 2), datetime(2023, 1, 2, 10, 20, 30, 500000), datetime(2023, 1, 2, 3, 4, 5, 10)]
    texts = {f"{moment:%Y-%m-%d %H:%M:%S.%f}": f"CAST(TIMESTAMP '{moment}' AS TEXT)" for moment in moments}
    texts |= {text: f"'{text}'" for text in ("100", "12.5000", "M-10.000000", "2023-01-02", "")}
    with duckdb.connect() as connection:
        for text, expected in texts.items():
            written = text_for_key(evaluator, f"'{text}'")
            found = connection.execute(f"SELECT {written}, {expected}").fetchone()
            assert found[0] == found[1], text
