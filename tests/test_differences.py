"""What `diff` says: the answers of two environments in a sentence each, then the figures that differ."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from presentation.differences import difference_text
from presentation.verdict import headline
from tests.conftest import ingest
from tests.small_answers import CASES, document_of
from tests.test_answer import run
from warehouse.differences import Differences, differing_figures


@pytest.fixture(scope="module")
def prod(connection) -> dict:
    return document_of(connection, CASES["busy"], full=False)


@pytest.fixture(scope="module")
def dev(connection) -> dict:
    """The same with a window of 14 days instead of 30."""
    document = document_of(connection, CASES["busy"], full=False, rebooking_window_days=14)
    document["parameters"]["environment"] = "dev"
    return document


def found(before: dict, after: dict) -> Differences:
    return Differences((before, after), list(differing_figures(before, after)), [])


def leaves(node: Any) -> Iterator[Any]:
    """Every value of a document, but for what names a row."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("name", "also", "tier", "group", "event_type"):
                yield from leaves(value)
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        for row in node:
            yield from leaves(row)
    else:
        yield node


def test_an_environment_that_changes_nothing_says_the_answer_once(prod):
    same = copy.deepcopy(prod)
    same["parameters"] |= {"environment": "dev", "answered_at": "2030-01-01T00:00:00Z"}
    same["warnings"], same["freshness"] = ["Another."], {}
    compared = found(prod, same)
    assert compared.figures == []
    text = difference_text(compared, "table")
    assert " ".join(text.split("\n\n")[0].split()) == f"The answer stays the same: {headline(prod)}"
    assert text.endswith("\n\ndev gives the same figures as prod")


def test_another_answer_is_said_before_the_figures(prod, dev):
    text = difference_text(found(prod, dev), "table")
    first, second, figures = (" ".join(part.split()) for part in text.split("\n\n"))
    assert headline(prod) != headline(dev)
    assert (first, second) == (f"prod: {headline(prod)}", f"dev: {headline(dev)}")
    assert figures.startswith("figure prod dev parameters.window_days 30 14 ")
    assert max(map(len, text.split("\n\nfigure")[0].splitlines())) <= 80


def test_every_figure_that_differs_is_there_and_no_other(prod):
    """A document in which every number is another one: as many figures as numbers."""

    def other(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: other(value) for key, value in node.items()}
        if isinstance(node, list):
            return [other(value) for value in node]
        return node + 1 if isinstance(node, int | float) and not isinstance(node, bool) else node

    ours = {name: part for name, part in prod.items() if name not in ("parameters", "freshness", "warnings")}
    changed = other(ours)
    figures = found(prod, prod | changed).figures
    numbers = [value for value in leaves(ours) if isinstance(value, int | float) and not isinstance(value, bool)]
    assert [before for _, before, _ in figures] == numbers
    assert [after for _, _, after in figures] == [number + 1 for number in numbers]
    assert len({name for name, _, _ in figures}) == len(figures) > 200


def test_a_row_that_only_one_environment_has_is_one_figure(prod, dev):
    """It was a pair of absent and present figures for each of its fields."""
    assert {name: pair for name, *pair in found(prod, dev).figures if "present" in pair} == {
        "sensitivity.variants.window of 14 days": ["present", None],
        "sensitivity.variants.window of 30 days": [None, "present"],
    }


def test_a_way_of_counting_that_comes_to_the_same_as_another_is_compared_all_the_same(prod):
    """It stands beside the name of the other, and was taken to be absent."""
    merged = copy.deepcopy(prod)
    first, *others, last = merged["sensitivity"]["variants"]
    merged["sensitivity"]["variants"] = [first, *others]
    first["also"].append(last["name"])
    expected = [
        (f"sensitivity.variants.{last['name']}.{field}", value, first[field])
        for field, value in last.items()
        if field not in ("name", "also") and value != first[field]
    ]
    assert expected
    assert found(prod, merged).figures == expected
    assert found(merged, prod).figures == [(name, after, before) for name, before, after in expected]


def test_json_has_the_same_keys_whatever_the_environments_are_called(prod, dev):
    document = json.loads(difference_text(found(prod, dev), "json"))
    assert list(document) == ["base", "other", "is_headline_same", "figures"]
    assert document["base"] == {"environment": "prod", "headline": headline(prod)}
    assert document["other"] == {"environment": "dev", "headline": headline(dev)}
    assert document["is_headline_same"] is False
    assert document["figures"][0] == {"figure": "parameters.window_days", "base": 30, "other": 14}
    assert json.loads(difference_text(found(prod, prod), "json"))["is_headline_same"] is True


def test_csv_has_the_headlines_first(prod, dev):
    rows = list(csv.reader(io.StringIO(difference_text(found(prod, dev), "csv"))))
    assert rows[:2] == [["figure", "prod", "dev"], ["headline", headline(prod), headline(dev)]]
    assert len(rows) == 2 + len(found(prod, dev).figures)


def test_names_of_others_do_not_command_the_terminal(prod):
    shown = difference_text(Differences((prod, prod), [("rpt_mentor_outcomes.\x1b[31m\n", None, "\x1b")], []), "table")
    assert "rpt_mentor_outcomes.�[31m�  " in shown.splitlines()[-1]
    assert "\x1b" not in shown


def test_an_environment_is_compared_with_itself_on_the_command_line(refreshed):
    text = run(refreshed, "diff", "--env", "prod").stdout
    assert text.startswith("The answer stays the same: ")
    assert text.endswith("\n\nprod gives the same figures as prod\n")


@pytest.mark.parametrize("command", ["answer", "diff", "refresh", "transform"])
def test_a_name_that_no_environment_has_is_answered_with_those_there_are(published, command):
    """It said to refresh the name, and a refresh made an environment of a mistyped one."""
    failed = run(published, command, "--env", "prd", exit_code=1)
    assert failed.stderr == (
        "error: the environment prd is not in the warehouse; there is only prod; "
        "if prd is to be a new one, run: sqlmesh plan prd\n"
    )


def test_before_the_first_refresh_there_is_nothing_to_plan(data_folder, warehouse):
    data = data_folder()
    assert "there is no warehouse" in run(warehouse, "refresh", "--env", "dev", exit_code=1).stderr
    assert not warehouse.exists()
    ingest(warehouse, data)
    for command in (("answer",), ("refresh", "--data", str(data))):
        failed = run(warehouse, *command, "--env", "dev", exit_code=1)
        assert failed.stderr == "error: the environment dev is not in the warehouse; run: python cli.py refresh\n"
