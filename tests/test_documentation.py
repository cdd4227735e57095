"""The dictionary and the graph of the lineage say what the models say."""

from __future__ import annotations

import re

import duckdb
import pytest
from click.testing import CliRunner

from cli import cli
from docs.generate.dictionary import DICTIONARY, dictionary_page
from docs.generate.lineage import mermaid
from docs.generate.tables import Column, Table, tables
from ingest.raw_tables import RAW_TABLES
from tests.conftest import HOSTILE_MENTOR


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


def edges(graph: str) -> list[tuple[str, str]]:
    """The arrows of a Mermaid graph, by the names of the tables, which stand in their groups."""
    names: dict[str, str] = {}
    found = []
    for line in graph.splitlines():
        if group := re.fullmatch(r"  subgraph (\w+)\[\"(.+)\"\]", line):
            layer = group[2]
        elif box := re.fullmatch(r"    (\w+)\[\"(.+)\"\]", line):
            names[box[1]] = f"{layer}.{box[2]}"
        elif arrow := re.fullmatch(r"  (\w+) --> (\w+)", line):
            found.append((names[arrow[1]], names[arrow[2]]))
        else:
            assert line in ("flowchart LR", "  end")
    assert len(names) == len(set(names.values()))
    return found


def test_the_graph_has_an_arrow_for_everything_that_is_read(found):
    assert edges(mermaid(found)) == [(parent, table.name) for table in found for parent in table.parents]
    assert mermaid([]) == "flowchart LR\n"


def test_what_models_say_is_shown_as_text():
    column = Column("c", "TEXT", "a | b", ())
    table = Table(f"raw.{HOSTILE_MENTOR}", "view", 'One row per "row"', "", (), (column,), ())
    assert "<" not in mermaid([table])
    assert r"a \| b" in dictionary_page([table])


def test_the_lineage_is_written_by_the_command_line(tmp_path, found):
    for name, text in (("lineage.mmd", mermaid(found)), ("lineage.md", dictionary_page(found))):
        result = CliRunner().invoke(cli, ["lineage", "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        assert (tmp_path / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("name", "exit_code"), [("lineage.svg", 2), ("nowhere/lineage.md", 1)])
def test_a_file_that_cannot_be_written_is_reported(tmp_path, name, exit_code):
    result = CliRunner().invoke(cli, ["lineage", "--out", str(tmp_path / name)])
    assert result.exit_code == exit_code
    assert "Traceback" not in result.output
