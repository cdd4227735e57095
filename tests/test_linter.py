"""The house rules of models fire, and the project's own models pass them."""

from __future__ import annotations

import pytest
from sqlmesh.core.dialect import parse
from sqlmesh.core.linter.rule import Rule
from sqlmesh.core.model import load_sql_based_model

from linter import model_contract

GOOD = """
MODEL (
  name marts.example,
  owner analytics,
  grain example_id,
  description 'One row per example.',
  column_descriptions (example_id = 'The example')
);
SELECT 1::INT AS example_id
"""


def check(rule: type[Rule], definition: str):
    model = load_sql_based_model(parse(definition), dialect="duckdb")
    return rule(context=None).check_model(model)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("NoMissingOwner", "  owner analytics,\n", ""),
        ("NoMissingGrain", "  grain example_id,\n", ""),
        ("DescriptionSaysWhatARowIs", "'One row per example.'", "'Examples.'"),
        ("NoUndescribedColumn", "(example_id =", "(other_id ="),
    ],
)
def test_each_rule_fires(rule, good, bad):
    rule_class = getattr(model_contract, rule)
    assert check(rule_class, GOOD) is None
    assert good in GOOD
    assert check(rule_class, GOOD.replace(good, bad)) is not None
