"""The definitions that the rows of the dimensions were last worked out with."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator
from sqlmesh.core.model import ModelKindName


# SQLMesh keeps the table of a dimension when a change of it is promoted, and evaluates it with the next run. This
# model is kept and evaluated in the same way, after them: it says which definitions their rows are of.
@model(
    "reference.dimension_definitions",
    is_sql=True,
    kind={"name": ModelKindName.INCREMENTAL_BY_UNIQUE_KEY, "unique_key": ["dimension"], "forward_only": True},
    owner="analytics",
    description="One row per dimension, with the checksum of the models that its rows were last worked out with.",
    columns={"dimension": "TEXT", "checksum": "TEXT"},
    depends_on=["marts.dim_mentors", "marts.dim_users"],
    grain=["dimension"],
    column_descriptions={
        "dimension": "Name of the model under models/marts/",
        "checksum": "SHA-256 of its file, of those that it reads and of the macros",
    },
    audits=[
        ("not_null", {"columns": exp.array("dimension", "checksum")}),
        ("unique_values", {"columns": exp.array("dimension")}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expression:
    definitions = evaluator.var("dimension_definitions")
    rows = exp.values([(name, definitions[name]) for name in sorted(definitions)], "built", ["dimension", "checksum"])
    return exp.select("CAST(dimension AS TEXT) AS dimension", "CAST(checksum AS TEXT) AS checksum").from_(rows)
