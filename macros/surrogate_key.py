"""Surrogate keys that come out alike on every engine."""

from sqlglot import exp
from sqlmesh import macro

from macros.engine_differences import sha256_hex, text_for_key


@macro()
def sha256_key(evaluator, *columns: exp.Expression) -> str:
    """SHA-256, in lower-case hex, of the columns' text joined by `|`; null counts as empty text.

    Args:
        columns: whole numbers, text, decimals or timestamps; never floats, whose text differs by engine.
    """
    parts = [f"COALESCE({text_for_key(evaluator, column.sql(dialect='duckdb'))}, '')" for column in columns]
    return sha256_hex(evaluator, " || '|' || ".join(parts))
