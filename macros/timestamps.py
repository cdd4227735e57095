"""Times that a source wrote as text."""

from sqlglot import exp
from sqlmesh import macro

_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"


@macro()
def utc_timestamp(evaluator, text: exp.Expression) -> str:
    """ISO-8601 text, trimmed, as naive UTC; no offset means UTC. Null where it is anything else.

    The rule is that of the sources' own times.
    """
    written = f"REPLACE(UPPER({text.sql(dialect='duckdb')}), ',', '.')"
    # Seconds and an offset are written out: engines read a time without an offset in a zone of their own.
    in_full = f"""
        CASE
            WHEN LENGTH({written}) = 10 THEN {written} || 'T00:00:00Z'
            WHEN LENGTH({written}) = 16 THEN {written} || ':00Z'
            WHEN SUBSTRING({written}, 17, 1) <> ':'
            THEN SUBSTRING({written}, 1, 16) || ':00' || SUBSTRING({written}, 17)
            WHEN REGEXP_MATCHES({written}, '^.{{11}}[0-9:.]+$') THEN {written} || 'Z'
            ELSE {written}
        END
    """
    return f"""
        CASE
            WHEN REGEXP_MATCHES({written}, '^{_DAY}([T ]{_TIME}{_OFFSET}?)?$')
            THEN TRY_CAST({in_full} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'
        END
    """
