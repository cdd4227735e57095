"""All that the SQL models say differently from engine to engine.

Models are written in DuckDB's dialect, and SQLMesh writes them for the engine that runs them. What it would not write
with the same meaning is said here, in SQL that DuckDB's dialect can still be read from: SQLMesh reads it again.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def engine_of(evaluator: MacroEvaluator) -> str:
    """The SQL dialect of the engine that runs the models; DuckDB's while they are loaded and none does."""
    adapter = evaluator.locals.get("engine_adapter")
    # What may follow are settings of the dialect.
    return adapter.dialect.split(",")[0] if adapter else "duckdb"


def sha256_hex(evaluator: MacroEvaluator, text: str) -> str:
    """SHA-256, in lower-case hex, of the UTF-8 of a text."""
    by_engine = {
        # Of bytes alone, and bytes again, whose text begins with \\x.
        "postgres": f"RIGHT(CAST(SHA256(CONVERT_TO({text}, 'UTF8')) AS TEXT), 64)",
        "bigquery": f"LOWER(TO_HEX(SHA256({text})))",
    }
    return by_engine.get(engine_of(evaluator), f"SHA256({text})")


def text_for_key(evaluator: MacroEvaluator, value: str) -> str:
    """The text of a whole number, a text, a decimal or a timestamp, alike on every engine."""
    text = f"CAST({value} AS TEXT)"
    if engine_of(evaluator) != "snowflake":
        return text
    # Six digits of a second there, see SESSION in engines/snowflake/connection.py; elsewhere those that say something.
    is_moment = f"REGEXP_MATCHES({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9:]{{8}}[.][0-9]{{6}}$')"
    return f"CASE WHEN {is_moment} THEN RTRIM(RTRIM({text}, '0'), '.') ELSE {text} END"


def moment_after(evaluator: MacroEvaluator, moment: str, amount: str, unit: str) -> str:
    """A whole number of units after a timestamp, or before it where the number is negative."""
    by_engine = {
        # Neither multiplies intervals.
        "snowflake": f"TIMESTAMPADD('{unit}', {amount}, {moment})",
        "bigquery": f"{moment} + INTERVAL ({amount}) {unit}",
    }
    return by_engine.get(engine_of(evaluator), f"{moment} + INTERVAL '1' {unit} * ({amount})")


@macro()
def later(evaluator, moment: exp.Expression, amount: exp.Expression, unit: str) -> str:
    """`moment` plus `amount`, a whole number, of `unit`: HOUR, MINUTE or SECOND."""
    return moment_after(evaluator, moment.sql(dialect="duckdb"), amount.sql(dialect="duckdb"), unit.upper())


@macro()
def planned_well(evaluator, *columns: exp.Expression) -> list[str]:
    """Statements after which the engine reads the table of the model well; none where it does so by itself.

    PostgreSQL knows of new rows when it is told or a minute later, and reads all rows for the greatest value of a
    column unless there is an index.

    Args:
        columns: those whose greatest value is asked for.
    """
    if engine_of(evaluator) != "postgres":
        return []
    table = evaluator.this_model
    name = exp.to_table(table, dialect="duckdb").name
    indexes = [
        f'CREATE INDEX IF NOT EXISTS "{name}_{column.name}" ON {table} ({column.sql(dialect="duckdb")})'
        for column in columns
    ]
    return [*indexes, f"ANALYZE {table}"]


@macro()
def in_byte_order(evaluator, text: exp.Expression) -> str:
    """Text to be ordered by its bytes, whatever the language of the database."""
    written = text.sql(dialect="duckdb")
    return f"CONVERT_TO({written}, 'UTF8')" if engine_of(evaluator) == "postgres" else written
