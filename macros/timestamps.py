"""Times that a source wrote as text."""

from sqlglot import exp
from sqlmesh import macro

from macros.engine_differences import moment_after

# Days that exist: some engines raise an error at any other, where some give null.
_YEAR = "[0-9]{4}"
_FOURTH = "([02468][048]|[13579][26])"
_LEAP_YEAR = f"([0-9]{{2}}(0[48]|[2468][048]|[13579][26])|{_FOURTH}00)"
_DAY = (
    f"({_YEAR}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    f"|{_YEAR}-(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|{_YEAR}-02-(0[1-9]|1[0-9]|2[0-8])"
    f"|{_LEAP_YEAR}-02-29)"
)
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"


@macro()
def utc_timestamp(evaluator, text: exp.Expression) -> str:
    """ISO-8601 text, trimmed, as naive UTC; no offset means UTC. Null where it is anything else.

    The rule is that of the sources' own times. The offset is taken off by hand: what engines make of a time with an
    offset depends on zones of their own.
    """
    written = f"REPLACE(UPPER({text.sql(dialect='duckdb')}), ',', '.')"
    # Most times end in Z, and a regular expression takes its time.
    offset = f"""
        CASE
            WHEN {written} LIKE '%Z' THEN 'Z'
            ELSE REGEXP_REPLACE({written}, '^.{{10}}(.{{6}}(:[0-9]{{2}}([.][0-9]+)?)?)?', '')
        END
    """
    local = f"SUBSTRING({written}, 1, LENGTH({written}) - LENGTH({offset}))"
    # Midnight or whole minutes where nothing else is said; microseconds, of which engines round the rest or cut it.
    in_full = f"SUBSTRING({local} || SUBSTRING('0000-00-00T00:00:00', LENGTH({local}) + 1), 1, 26)"
    digits = f"REPLACE(REPLACE({offset}, ':', ''), 'Z', '')"
    hours = f"COALESCE(CAST(NULLIF(SUBSTRING({digits}, 1, 3), '') AS INT), 0)"
    minutes = f"COALESCE(CAST(SUBSTRING({digits}, 1, 1) || NULLIF(SUBSTRING({digits}, 4, 2), '') AS INT), 0)"
    moment = moment_after(evaluator, f"CAST({in_full} AS TIMESTAMP)", f"-(60 * {hours} + {minutes})", "MINUTE")
    return f"""
        CASE
            WHEN REGEXP_MATCHES({written}, '^{_DAY}([T ]{_TIME}{_OFFSET}?)?$') AND SUBSTRING({written}, 1, 4) <> '0000'
            THEN {moment}
        END
    """
