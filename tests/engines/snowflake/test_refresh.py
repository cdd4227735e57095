"""A refresh on Snowflake, with DuckDB in its place: SQLMesh builds all there, and the answer is that of DuckDB."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from click.testing import CliRunner
from sqlglot import ErrorLevel, exp
from sqlmesh import Context

from cli import cli
from config import build_config
from errors import WarehouseError
from settings import PROJECT_ROOT, load_settings
from simulation.population import Scenario, simulate
from tests.engines.comparison import assert_same_rows, comparable
from tests.engines.conftest import required
from tests.engines.snowflake.conftest import VARIABLES

# When the warehouse came to know of a row: no two runs do so at the same moment.
CLOCK = ("loaded_at", "recorded_from", "recorded_to")
QUESTION = ("answer", "--full", "--format", "json")


class Both:
    """Two days of one small population, in a warehouse file and in the account."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        from tests.engines.snowflake.account import Account

        self.warehouse = folder / "warehouse.duckdb"
        (folder / "account").mkdir()
        self.account = Account(folder / "account")
        patch.setattr("snowflake.connector.connect", self.account.connect)
        simulate(Scenario(60, 5, dirt=0.05)).write(folder / "days", "jsonl", 2, 0.3)
        for day in sorted((folder / "days").iterdir()):
            for gateway in ("snowflake", "duckdb"):
                self.run(gateway, "refresh", "--data", str(day))
        self.day = day

    def run(self, gateway: str, *arguments: str) -> Any:
        chosen = ("--gateway", gateway) + (("--warehouse", str(self.warehouse)) if gateway == "duckdb" else ())
        result = CliRunner().invoke(cli, [*chosen, *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    @cached_property
    def answer(self) -> str:
        """The whole answer in the account after both days, without what depends on the clock."""
        return comparable(self.run("snowflake", *QUESTION).stdout)

    def rows(self, table: str) -> tuple[list[tuple], list[tuple]]:
        """The rows of a table in the account and in the file, without what the clock gives."""
        query = f"SELECT * FROM {table}"
        found = self.account.databases["MENTOR_ANALYTICS"].connection.execute(query)
        columns = [f'"{column[0]}"' for column in found.description if column[0] not in CLOCK]
        query = f"SELECT {', '.join(columns)} FROM {table}"
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return self.account.query(query), connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    required("snowflake.connector")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        folder = tmp_path_factory.mktemp("both")
        patch.setattr("snowflake.connector.constants.CONNECTIONS_FILE", folder / "connections.toml")
        yield Both(folder, patch)


def test_every_table_has_the_rows_that_duckdb_has(both):
    tables = both.account.query(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables "
        "WHERE table_schema IN ('raw', 'staging', 'marts', 'reports', 'reference') ORDER BY 1"
    )
    assert len(tables) > 15
    for (table,) in tables:
        assert_same_rows(table, *both.rows(table))


def test_the_answer_is_that_of_duckdb(both):
    assert both.answer == comparable(both.run("duckdb", *QUESTION).stdout)


def test_nothing_new_is_known_as_such(both):
    assert "prod is up to date; nothing new" in both.run("snowflake", "refresh", "--data", str(both.day)).output
    assert "up to date" in both.run("snowflake", "status").output


# What sqlglot does not know; their whole form is said here instead.
NOT_PARSED = (
    r"PUT 'file://[^']+' @\S+ (PARALLEL=4 )?AUTO_COMPRESS ?= ?FALSE "
    r"(SOURCE_COMPRESSION=AUTO_DETECT )?OVERWRITE ?= ?TRUE",
    r'CREATE TEMPORARY STAGE "\w+"\."\w+"( FILE_FORMAT=\(TYPE=PARQUET COMPRESSION=auto BINARY_AS_TEXT=FALSE\))?',
    r'CREATE TEMPORARY FILE FORMAT "\w+"\."\w+" TYPE=PARQUET COMPRESSION=auto',
    r'DROP (STAGE|FILE FORMAT)( IF EXISTS)? "\w+"\."\w+"',
    r"SHOW GRANTS ON DATABASE \"\w+\"",
    r"CREATE DATABASE \"\w+\"( CLONE \"\w+\")? COMMENT = '[^']*'",
    r'ALTER DATABASE "\w+" (SWAP WITH|RENAME TO) "\w+"',
    r"ALTER SESSION SET .*",
    r'ALTER (TABLE|VIEW) "\w+"\."\w+" ALTER (COLUMN "\w+" COMMENT .*)',
)


def test_every_statement_is_sql_of_snowflake(both):
    """Of SQLMesh, of Ibis and ours: each is read by sqlglot, as Snowflake's, without a part that it does not know."""
    unread = []
    for statement in dict.fromkeys(both.account.statements):
        if any(re.fullmatch(form, statement) for form in NOT_PARSED):
            continue
        tree = sqlglot.parse_one(statement, read="snowflake", error_level=ErrorLevel.RAISE)
        if isinstance(tree, exp.Command):
            unread.append(statement)
        # Of an aggregate with a filter sqlglot makes this; see warehouse/freshness.py.
        assert not [star for star in tree.find_all(exp.Star) if isinstance(star.parent, exp.If)], statement
    assert not unread
    assert len(both.account.statements) > 500


def test_no_statement_names_a_database_but_those_of_whole_databases(both):
    """A view that did would still show the rows of before once its database was cloned and swapped."""
    named = [
        statement
        for statement in both.account.statements
        if "MENTOR_ANALYTICS" in statement
        and not re.match(r"(CREATE|USE|ALTER|DROP) DATABASE|SHOW|GRANT", statement)
        and "INFORMATION_SCHEMA" not in statement
    ]
    assert not named


def test_a_plan_of_sqlmesh_waits_for_a_refresh_and_works_in_the_published_database(both, monkeypatch):
    def plan(environment: str) -> None:
        config = build_config(load_settings())
        config.ignore_patterns = [*config.ignore_patterns, "tests/*"]
        context = Context(paths=[str(PROJECT_ROOT)], config=config, concurrent_tasks=1)
        context.plan(environment, no_prompts=True, auto_apply=True, skip_tests=True, skip_linter=True)
        context.close()

    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
    both.account.create("MENTOR_ANALYTICS__NEXT", comment="mentor-analytics: process 7 on elsewhere since now UTC")
    with pytest.raises(WarehouseError, match="is writing the Snowflake database MENTOR_ANALYTICS"):
        plan("dev")
    both.account.databases.pop("MENTOR_ANALYTICS__NEXT")
    before = both.answer
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
    plan("dev")
    monkeypatch.delenv("MENTOR_NO_SHOW_GRACE_DAYS")
    assert comparable(both.run("snowflake", *QUESTION).stdout) == before
    changed = json.loads(both.run("snowflake", *QUESTION, "--env", "dev").stdout)
    assert changed["parameters"]["environment"] == "dev"
    assert changed["rebooking"] == json.loads(before)["rebooking"]
