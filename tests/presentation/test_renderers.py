"""The same content in every format: the figures of the document, none of them lost on the way."""

from __future__ import annotations

import csv
import io

import pytest
from markdown_it import MarkdownIt

from presentation.content import Interval, Share, Table, exact
from presentation.document import settings_of
from presentation.renderers.csv import as_csv, rebooking_csv
from presentation.renderers.markdown import as_markdown
from presentation.renderers.terminal import as_terminal
from presentation.sections import sections
from presentation.verdict import headline, spoken_of
from settings import load_settings
from tests.small_answers import CASES


@pytest.fixture
def content(document) -> list:
    return sections(document, settings_of(document, load_settings()))


def tables(content) -> list[Table]:
    return [block for section in content for block in section.blocks if isinstance(block, Table)]


def test_every_row_has_a_cell_for_every_column_and_a_name_of_its_own(content):
    found = tables(content)
    assert len({table.name for table in found}) == len(found) > 15
    for table in found:
        assert table.rows, table.name
        assert {len(row) for row in table.rows + table.more} == {len(table.columns)}, table.name
        titles = [column.title for column in table.columns]
        assert len(set(titles)) == len(titles), table.name
        names = [tuple(row[: table.keys]) for row in table.rows + table.more]
        assert len(set(names)) == len(names), table.name


def test_csv_has_every_value_of_every_table_unrounded(document, content):
    rows = list(csv.DictReader(io.StringIO(as_csv(document, content))))
    assert {(row["environment"], row["as_of"]) for row in rows} == {("prod", document["parameters"]["as_of"])}
    places = [(row["table"], row["row"], row["column"]) for row in rows]
    assert len(set(places)) == len(places)
    values = [
        "" if value is None else str(value)
        for table in tables(content)
        for row in table.rows
        for whole in row[table.keys :]
        for value in exact(whole).values()
    ]
    assert [row["value"] for row in rows] == values
    found = dict(zip(places, [row["value"] for row in rows], strict=True))
    gold = document["rebooking"]["sessions"]["tiers"][0]
    assert found["rebooking_sessions", "Gold", "95 % interval, from"] == repr(gold["ci_low"])
    mentor = document["mentors"]["mentors"][0]
    assert found["mentors", f"{mentor['mentor_id']}, Gold", "expected"] == repr(mentor["shrunk_rate"])


def test_csv_of_the_rates_says_of_what_and_of_when_it_speaks(document):
    rows = list(csv.DictReader(io.StringIO(rebooking_csv(document))))
    assert list(rows[0])[:3] == ["approach", "kind", "name"]
    assert {(row["environment"], row["as_of"]) for row in rows} == {("prod", document["parameters"]["as_of"])}
    assert len(rows) == 2 * (3 + 2)


def test_csv_has_the_rows_that_other_outputs_leave_out(document):
    week = document["reliability_in_time"]["weeks"][0]
    document["reliability_in_time"]["weeks"] = [week | {"week": f"{year}-01-02"} for year in range(1900, 2000)]
    content = sections(document, settings_of(document, load_settings()))
    weeks = [row["row"] for row in csv.DictReader(io.StringIO(as_csv(document, content))) if row["table"] == "weeks"]
    assert len(set(weeks)) == 100
    shown = as_terminal(content, False)
    assert "the latest 26 of 100" in shown
    assert "1973-01-02" not in shown
    assert "1974-01-02" in shown


def test_markdown_has_every_cell(document, content):
    rendered = MarkdownIt("commonmark").enable("table").parse(as_markdown("a title", content))
    cells = [
        "".join(part.content for part in rendered[place + 1].children)
        for place, token in enumerate(rendered)
        if token.type == "td_open"
    ]
    assert cells == [cell for table in tables(content) for row in table.texts() for cell in row]
    texts = [token.content for token in rendered if token.type == "inline"]
    assert any(spoken_of(document) in text.replace("\\", "") for text in texts)


def test_the_terminal_begins_with_the_answer_and_shows_what_is_essential(document, content):
    shown = as_terminal(content, False)
    assert " ".join(shown.split("\n\n")[0].split()) == headline(document)
    assert " ".join(shown.split("\n\n")[1].split()) == spoken_of(document)
    for table in tables(content):
        assert (table.heading[:70] in shown) is table.is_essential, table.name
    assert "upcoming" not in shown.split("\nDefinitions\n")[0]


def test_the_answer_fits_80_columns_whatever_the_counts(document):
    document["warnings"].append("A caveat that is far too long for a single line, as caveats are: " + "word " * 30)
    for part in document["rebooking"].values():
        for row in (*part["tiers"], *part["groups"]):
            row |= {"users": 12_345_678, "rebooked": 12_345_678, "mature_users": 12_345_678}
    for row in (*document["reliability"]["tiers"], document["reliability"]["overall"]):
        row |= {"bookings": 12_345_678, "attended": 12_345_678, "cancelled": 1_234_567, "rescheduled": 1_234_567}
    document["mentors"]["mentors"][0]["mentor_id"] = "a-mentor-of-a-very-long-name" * 5
    shown = as_terminal(sections(document, settings_of(document, load_settings())), False)
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "…" not in shown
    assert "12,345,678" in shown


def test_what_is_typed_is_written_and_exact():
    assert exact(Interval(0.1, None)) == {"from": 0.1, "to": None}
    assert exact(Share(0.5, 8)) == {"": 0.5, "out of": 8}
    assert len(CASES) > 1
