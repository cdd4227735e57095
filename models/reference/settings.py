"""The settings that an environment was built with."""

import json

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator


@model(
    "reference.settings",
    is_sql=True,
    kind="VIEW",
    owner="analytics",
    description="One row per setting that shapes the facts or the reports, with the value they were built with.",
    columns={"setting": "TEXT", "value": "TEXT"},
    grain=["setting"],
    column_descriptions={
        "setting": "Name of the setting, as in settings.toml",
        "value": "Its value as JSON",
    },
    audits=[
        ("not_null", {"columns": exp.array("setting", "value")}),
        ("unique_values", {"columns": exp.array("setting")}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expression:
    settings = evaluator.var("built_settings")
    rows = exp.values([(name, json.dumps(settings[name])) for name in sorted(settings)], "built", ["setting", "value"])
    return exp.select("CAST(setting AS TEXT) AS setting", "CAST(value AS TEXT) AS value").from_(rows)
