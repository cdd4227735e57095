"""The definitions of the metrics that an environment was built with."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator


@model(
    "reference.definitions",
    is_sql=True,
    kind="VIEW",
    owner="analytics",
    description="One row per module of metrics, with the checksum of what the reports were built with.",
    columns={"module": "TEXT", "checksum": "TEXT"},
    grain=["module"],
    column_descriptions={
        "module": "Name of the module under analysis/",
        "checksum": "SHA-256 of its code without what only explains",
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
