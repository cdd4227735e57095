"""The definitions of metrics and dimensions that an environment was planned with."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator


@model(
    "reference.definitions",
    is_sql=True,
    kind="VIEW",
    owner="analytics",
    description="One row per module of metrics and per dimension, with the checksum of what was planned last.",
    columns={"module": "TEXT", "checksum": "TEXT"},
    grain=["module"],
    column_descriptions={
        "module": "Name of the module under analysis/metrics/, or of the dimension",
        "checksum": "SHA-256 of the code of the module without what only explains, or as in dimension_definitions",
    },
    audits=[
        ("not_null", {"columns": exp.array("module", "checksum")}),
        ("unique_values", {"columns": exp.array("module")}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expression:
    definitions = evaluator.var("definitions")
    rows = exp.values([(name, definitions[name]) for name in sorted(definitions)], "built", ["module", "checksum"])
    return exp.select("CAST(module AS TEXT) AS module", "CAST(checksum AS TEXT) AS checksum").from_(rows)
