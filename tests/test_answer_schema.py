"""The JSON Schema of the answer: the checked-in file is that of the types, and the answers are as it says."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typing_extensions import TypedDict

from analysis.answer.schema.document import Answer, FullSections
from docs.generate.schema import FILE, schema
from tests import small_marts
from tests.answer_schema import SCHEMA, assert_documented, undocumented
from tests.test_answer import run
from tests.test_full_answer import CASES


class Undescribed(TypedDict):
    """A document with a field that nothing is said of."""

    told: int
    """How many."""
    untold: int


def objects(node: object) -> list[dict]:
    """Every object that a schema describes."""
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if "properties" in node else []
    return own + [found for item in node.values() for found in objects(item)]


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("schema")
    return {
        name: small_marts.write(folder / f"{name.split()[0]}.duckdb", CASES[name])
        for name in ("busy", "nothing at all")
    }


def test_the_checked_in_schema_is_that_of_the_types():
    assert FILE.read_text(encoding="utf-8") == schema(), "run: python -m docs.generate.schema"
    Draft202012Validator.check_schema(SCHEMA)


def test_every_object_and_field_is_described_and_no_other_field_allowed():
    found = objects(SCHEMA)
    assert len(found) > 30
    for described in found:
        name = described["title"]
        assert described["additionalProperties"] is False, name
        assert described["description"], name
        for field, value in described["properties"].items():
            assert value["description"], f"{name}.{field}"
            assert {"title", "$ref", "anyOf"} & set(value), f"{name}.{field}"


def test_a_field_that_nothing_is_said_of_is_refused():
    with pytest.raises(ValueError, match=r"Undescribed\.untold has no text below it"):
        schema(Undescribed)


@pytest.mark.parametrize("case", ["busy", "nothing at all"])
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--full"],
        ["--window-days", "none"],
        ["--group-a", "Silver", "--group-b", "Bronze"],
        ["--tier-attribution", "at_session"],
    ],
)
def test_the_answer_is_as_its_schema_says(warehouses, case, options):
    document = json.loads(run(warehouses[case], "answer", "--format", "json", *options).stdout)
    assert_documented(document)
    assert set(SCHEMA["properties"]) == set(Answer.__annotations__)
    # Optional events count once a load has brought them, and no load is known here.
    assert set(document) == set(SCHEMA["properties"]) - {"optional_events"}


def test_the_answer_of_an_earlier_moment_is_as_its_schema_says(refreshed):
    moment = "2023-02-01T12:00:00Z"
    document = json.loads(run(refreshed, "answer", "--format", "json", "--as-of", moment).stdout)
    assert document["parameters"]["as_of"] == moment
    assert_documented(document)


def test_only_the_full_sections_may_be_missing(warehouses):
    document = json.loads(run(warehouses["busy"], "answer", "--format", "json").stdout)
    full = {"headline", "optional_events", *FullSections.__annotations__}
    assert undocumented({name: value for name, value in document.items() if name not in full}) == []
    for name in set(document) - full:
        assert undocumented({other: value for other, value in document.items() if other != name})


def _add_a_figure(document: dict) -> None:
    document["rebooking"]["sessions"]["comparison"]["untold"] = 1


def _lose_a_figure(document: dict) -> None:
    del document["reliability"]["overall"]["sessions"]


def _give_a_percentage(document: dict) -> None:
    document["rebooking"]["sessions"]["tiers"][0]["rate"] = 61.9


def _give_a_text(document: dict) -> None:
    document["cohorts"]["groups"][0]["users"] = "42"


def _name_another_group(document: dict) -> None:
    document["intent"]["groups"][0]["group"] = "group_c"


@pytest.mark.parametrize(
    "change", [_add_a_figure, _lose_a_figure, _give_a_percentage, _give_a_text, _name_another_group]
)
def test_what_the_schema_does_not_say_fails(warehouses, change: Callable[[dict], None]):
    document = json.loads(run(warehouses["busy"], "answer", "--format", "json").stdout)
    changed = copy.deepcopy(document)
    change(changed)
    assert changed != document
    assert len(undocumented(changed)) == 1


def test_the_command_line_prints_the_schema_without_a_warehouse(tmp_path):
    missing = tmp_path / "warehouse.duckdb"
    assert run(missing, "answer", "--schema").stdout == FILE.read_text(encoding="utf-8")
    assert not missing.exists()
