"""The dictionary and the pictures of the lineage say what the models say."""

from __future__ import annotations

import dataclasses
import itertools
import re
from xml.etree import ElementTree

import duckdb
import pytest
from click.testing import CliRunner

from cli import cli
from docs.generate import lineage
from docs.generate.dictionary import DICTIONARY, dictionary_page
from docs.generate.tables import Column, Table, tables
from ingest.raw_tables import RAW_TABLES
from tests.conftest import HOSTILE_MENTOR

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def found(context) -> list[Table]:
    return tables(context)


def test_the_dictionary_is_that_of_the_models(found):
    assert DICTIONARY.read_text(encoding="utf-8") == dictionary_page(found), "run: python -m docs.generate.dictionary"


def test_every_table_and_column_is_described(found):
    undescribed = [table.name for table in found if not table.description.startswith("One row per")]
    undescribed += [
        f"{table.name}.{column.name}" for table in found for column in table.columns if not column.description
    ]
    assert undescribed == []


def test_the_raw_tables_are_those_that_loading_makes(found):
    with duckdb.connect() as connection:
        connection.execute(RAW_TABLES)
        made = connection.execute(
            "SELECT table_schema || '.' || table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'raw' ORDER BY table_name, ordinal_position"
        ).fetchall()
    names = {"TEXT": "VARCHAR", "DECIMAL(18, 4)": "DECIMAL(18,4)"}
    described = [
        (table.name, column.name, names.get(column.type, column.type))
        for table in found
        if table.layer == "raw"
        for column in table.columns
    ]
    assert described == made


def test_columns_are_traced_to_what_they_are_worked_out_from(found):
    sources = {f"{table.name}.{column.name}": column.sources for table in found for column in table.columns}
    assert sources["staging.stg_users.signup_date"] == ("raw.users.signup_date",)
    assert sources["staging.stg_events.precedence"] == ("reference.event_catalogue.precedence",)
    assert sources["reports.rpt_user_outcomes.tier"] == ("marts.dim_mentors.tier", "marts.dim_mentors.valid_from")
    assert "staging.stg_events.occurred_at" in sources["marts.fct_sessions.booking_id"]
    assert sources["marts.dim_users.recorded_to"] == ()


def boxes(picture: ElementTree.Element) -> dict[str, tuple[float, float]]:
    """Left end and top of the box of each table, by the name that stands in it."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        found[group.find(f"{SVG}text").text] = float(box.get("x")), float(box.get("y"))
    return found


def test_the_picture_has_every_table_right_of_what_it_reads(found):
    picture = ElementTree.fromstring(lineage.svg(found))
    place = boxes(picture)
    short = {table.name: table.name.split(".")[1] for table in found}
    assert set(place) == set(short.values())
    for table in found:
        for parent in table.parents:
            assert place[short[parent]][0] + lineage.BOX_WIDTH < place[short[table.name]][0]
    columns: dict[float, list[float]] = {}
    for x, y in place.values():
        columns.setdefault(x, []).append(y)
    for tops in columns.values():
        tops.sort()
        assert all(below - above >= lineage.BOX_HEIGHT for above, below in itertools.pairwise(tops))
    assert len(picture.findall(f"{SVG}path")) == sum(len(table.parents) for table in found)


def test_the_page_leads_from_every_box_to_its_columns_and_asks_no_server(found):
    page = lineage.page(found)
    ids = set(re.findall(r' id="([^"]+)"', page))
    assert ids == {table.name for table in found}
    assert set(re.findall(r' href="#([^"]+)"', page)) == ids
    assert "<script" not in page
    assert set(re.findall(r"\w+://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}


def test_what_models_say_is_shown_as_text():
    column = Column(HOSTILE_MENTOR, "TEXT", f"a | b {HOSTILE_MENTOR}", ())
    table = Table("raw.t", HOSTILE_MENTOR, f"One row per {HOSTILE_MENTOR}", "", (), (column,), ())
    page = lineage.page([table, dataclasses.replace(table, name=f"raw.{HOSTILE_MENTOR}", parents=("raw.t",))])
    assert HOSTILE_MENTOR not in page
    assert "&lt;script&gt;" in page
    assert r"a \| b" in dictionary_page([table])


def test_tables_of_a_new_layer_stand_on_the_right():
    raw, own = (Table(name, "view", "One row per row", "", (), (), ()) for name in ("raw.a", "elsewhere.b"))
    assert set(boxes(ElementTree.fromstring(lineage.svg([raw, own])))) == {"a", "b"}
    assert lineage.arrange([raw, own]).places["elsewhere.b"].x > lineage.arrange([raw, own]).places["raw.a"].x
    assert ElementTree.fromstring(lineage.svg([])) is not None


def test_the_lineage_is_written_by_the_command_line(tmp_path):
    result = CliRunner().invoke(cli, ["lineage", "--out", str(tmp_path / "lineage.svg")])
    assert result.exit_code == 0, result.output
    assert "fct_bookings" in boxes(ElementTree.parse(tmp_path / "lineage.svg").getroot())
    assert list(tmp_path.iterdir()) == [tmp_path / "lineage.svg"]


@pytest.mark.parametrize(("name", "exit_code"), [("lineage.png", 2), ("nowhere/lineage.svg", 1)])
def test_a_file_that_cannot_be_drawn_is_told(tmp_path, name, exit_code):
    result = CliRunner().invoke(cli, ["lineage", "--out", str(tmp_path / name)])
    assert result.exit_code == exit_code
    assert "Traceback" not in result.output
