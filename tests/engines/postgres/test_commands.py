"""Every command and page says of a PostgreSQL warehouse what it says of a DuckDB one with the same files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from app.jobs import jobs
from app.views import explanations
from cli import cli
from settings import PROJECT_ROOT
from tests import test_answer
from tests.conftest import write_data
from tests.engines.postgres.conftest import Server
from tests.engines.postgres.test_refresh import comparable, in_duckdb
from tests.test_application import texts

pytestmark = pytest.mark.postgres

SAMPLE = PROJECT_ROOT / "seeds" / "sample"
FULL = ("answer", "--full", "--format", "json")


@pytest.fixture(scope="session")
def sample_in_duckdb(tmp_path_factory) -> Path:
    """A DuckDB warehouse of the sample; read it only."""
    file = tmp_path_factory.mktemp("sample") / "warehouse.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MENTOR_GATEWAY", "duckdb")
        test_answer.run(file, "refresh", "--data", str(SAMPLE))
    return file


@pytest.fixture(scope="session")
def sample_database(server) -> str:
    """The name of a database of the sample."""
    server.replace_database("template0")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PGHOST": server.host, "PGUSER": "postgres", "MENTOR_GATEWAY": "postgres"}.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(cli, ["refresh", "--data", str(SAMPLE)])
    assert result.exit_code == 0, result.output
    server.query("ALTER DATABASE warehouse RENAME TO sample", "postgres")
    return "sample"


@pytest.fixture
def sample(gateway, sample_database) -> Server:
    """The database `warehouse` is that of the sample."""
    gateway.replace_database(sample_database)
    return gateway


@pytest.mark.parametrize(
    "command",
    [
        FULL,
        (*FULL, "--as-of", "2024-03-01", "--tier-attribution", "at_session", "--window-days", "none"),
        ("answer", "--plan-test", "--format", "json"),
        ("answer", "--test", "DEALT", "--test-start", "2024-02-01", "--format", "json"),
    ],
    ids=["full", "asked otherwise", "plan of a test", "finished test"],
)
def test_the_documents_are_those_of_duckdb(run, sample, sample_in_duckdb, monkeypatch, tmp_path, command):
    dealt = tmp_path / "dealt.csv"
    users = [user for (user,) in sample.query("SELECT user_id FROM raw.users ORDER BY user_id")]
    rows = "".join(f"{user},{'ab'[number % 2]}\n" for number, user in enumerate(users))
    dealt.write_text(f"user_id,arm\n{rows}", encoding="utf-8")
    command = tuple(str(dealt) if word == "DEALT" else word for word in command)
    found, expected = run(*command).stdout, in_duckdb(monkeypatch, sample_in_duckdb, *command)
    assert comparable(found) == comparable(expected)


def test_what_is_printed_is_that_of_duckdb(run, sample, sample_in_duckdb, monkeypatch, tmp_path):
    for command in (("answer",), ("answer", "--full", "--format", "csv"), ("rejects",), ("diff", "--env", "prod")):
        assert run(*command).stdout == in_duckdb(monkeypatch, sample_in_duckdb, *command)
    assert "prod" in run("status").stdout
    assert "is up to date; nothing new" in run("refresh", "--data", str(SAMPLE)).output
    assert "unchanged" in run("history", "--limit", "1").stdout
    for output in ("md", "html"):
        file = tmp_path / f"report.{output}"
        run("report", "--out", str(file), "--format", output)
        assert "Silver" in file.read_text(encoding="utf-8")


PAGES = ["rebooking", *explanations.CONTENT, "reliability", "pipeline", "history"]


def opened(name: str) -> AppTest:
    page = f"explanations.show({name!r})()" if name in explanations.CONTENT else f"{name}.show()"
    at = AppTest.from_string(f"from app.views import {page.split('.')[0]}\n{page}", default_timeout=60)
    return at.run()


@pytest.fixture
def main_module(monkeypatch) -> None:
    """Streamlit puts the page in its place, and processes that are started later would import that."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def test_every_page_opens(sample, main_module):
    for name in PAGES:
        at = opened(name)
        assert not at.exception, name
        assert not at.error, (name, texts(at))
    assert "PostgreSQL database warehouse at " in texts(opened("pipeline"))


def test_the_application_refreshes_and_shows_what_is_new(sample, main_module, tmp_path):
    jobs.clear()
    at = opened("pipeline")
    at.text_input[0].set_value(str(write_data(tmp_path / "data")))
    at.button[1].click().run()
    job = jobs().latest
    job.wait(timeout=60)
    assert job.succeeded, job.log()
    at.run()
    assert "ingest" in at.success[0].value
    assert "prod is behind by" in texts(opened("rebooking"))
    jobs.clear()


def test_without_a_warehouse_a_page_says_what_to_run(gateway, main_module):
    assert "refresh on the page Pipeline" in texts(opened("rebooking"))
