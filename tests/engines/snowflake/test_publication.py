"""What is published at once or not at all: the statements in their order, and what a failure at each of them leaves."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from engines import engine_of
from errors import WarehouseError
from settings import load_settings
from tests.conftest import ATTENDED, MENTORS_CSV, write_data
from tests.engines.snowflake.account import Account, lost, refusal

PUBLISHED, NEXT, PREVIOUS = "MENTOR_ANALYTICS", "MENTOR_ANALYTICS__NEXT", "MENTOR_ANALYTICS__PREVIOUS"


@pytest.fixture
def published(account, run, tmp_path) -> Account:
    """An account whose administrator made the database, with a first load published in it."""
    account.create(PUBLISHED)
    account.databases[PUBLISHED].grants.append(("USAGE", "READER"))
    run("ingest", "--data", str(write_data(tmp_path / "first", events=ATTENDED[:1])))
    account.statements.clear()
    return account


@pytest.fixture
def news(tmp_path) -> Path:
    """A folder that says more than the database knows."""
    return write_data(tmp_path / "news", mentors=MENTORS_CSV.replace("M-2,Silver", "M-2,Gold"), events=ATTENDED)


def steps(statements: list[str]) -> list[str]:
    """What was done to databases, in order."""
    return [text for text in statements if "DATABASE" in text and not text.startswith(("SELECT", "SHOW"))]


def test_the_clone_is_worked_on_and_swapped(run, published, news):
    run("ingest", "--data", str(news))
    done = [re.sub(r" COMMENT = .*", "", text) for text in steps(published.statements)]
    assert done == [
        f'CREATE DATABASE "{NEXT}" CLONE "{PUBLISHED}"',
        f'USE DATABASE "{NEXT}"',
        f'GRANT USAGE ON DATABASE "{NEXT}" TO ROLE "READER"',
        f'USE DATABASE "{PUBLISHED}"',
        f'ALTER DATABASE "{NEXT}" SWAP WITH "{PUBLISHED}"',
        f'DROP DATABASE IF EXISTS "{PREVIOUS}"',
        f'ALTER DATABASE "{NEXT}" RENAME TO "{PREVIOUS}"',
    ]
    assert published.databases[PUBLISHED].grants == [("USAGE", "READER")]
    assert set(published.databases) == {PUBLISHED, PREVIOUS}
    assert all(session.is_closed for session in published.sessions)


def test_a_first_database_takes_its_name(run, account, news):
    run("ingest", "--data", str(news))
    done = [re.sub(r" COMMENT = .*", "", text) for text in steps(account.statements)]
    assert done == [
        f'CREATE DATABASE "{NEXT}"',
        f'USE DATABASE "{NEXT}"',
        f'ALTER DATABASE "{NEXT}" RENAME TO "{PUBLISHED}"',
    ]


def test_a_failure_at_any_step_publishes_nothing(run, published, news):
    """Each step of a refresh fails once, until the swap is reached that publishes it."""
    before = published.rows()
    failed = []
    while not failed or "SWAP" not in failed[-1]:
        made = len(failed)
        seen: list[str] = []

        def fail(statement: str, number: int = made, seen: list[str] = seen) -> None:
            if seen or statement.startswith("CREATE DATABASE"):
                seen.append(statement)
                if len(seen) == number + 1:
                    raise refusal(f"made to fail: {statement[:20]}")

        published.before = fail
        (error,) = [
            line
            for line in run("ingest", "--data", str(news), exit_code=1).output.splitlines()
            if line.startswith("error: ")
        ]
        assert "made to fail" in error
        published.before = lambda _: None
        failed.append(seen[made])
        assert published.rows() == before, failed[-1]
        assert NEXT not in published.databases, failed[-1]
    assert len(failed) > 25
    assert "prod" not in run("ingest", "--data", str(news)).output
    assert published.rows() != before


def lost_from(account: Account, start: str) -> None:
    """The connection is lost with the first statement that begins so."""
    is_lost = False

    def lose(statement: str) -> None:
        nonlocal is_lost
        is_lost = is_lost or statement.startswith(start)
        if is_lost:
            raise lost()

    account.before = lose


def test_a_lost_connection_publishes_nothing_and_the_next_writer_clears_up(run, published, news, monkeypatch):
    before = published.rows()
    lost_from(published, "COPY INTO")
    error = run("ingest", "--data", str(news), exit_code=1).output
    assert "was lost; nothing was published; run it again" in error
    assert published.rows() == before
    assert NEXT in published.databases
    published.before = lambda _: None
    # The process that made it is this one, and not gone.
    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
    error = run("ingest", "--data", str(news), exit_code=1).output
    assert f"is writing the Snowflake database {PUBLISHED}" in error
    assert f"if it is gone run: DROP DATABASE {NEXT}" in error
    monkeypatch.setattr("engines.snowflake.databases.is_alive", lambda process: False)
    run("ingest", "--data", str(news))
    assert published.rows() != before
    assert set(published.databases) == {PUBLISHED, PREVIOUS}


def test_a_connection_that_is_lost_while_publishing(run, published, news):
    lost_from(published, "ALTER DATABASE")
    error = run("ingest", "--data", str(news), exit_code=1).output
    assert f"it may have been publishing: {PUBLISHED} is whole, as it was before or as it was to be" in error


def test_the_state_before_that_cannot_be_kept_is_a_warning(run, published, news):
    before = published.rows()
    lost_from(published, "DROP DATABASE")
    output = run("ingest", "--data", str(news)).output
    warning = "warning: published, but the state before could not be kept (Connection reset by peer); run: "
    assert f'{warning}DROP DATABASE "{NEXT}"' in output
    assert published.rows() != before


def test_what_was_changed_meanwhile_is_not_overwritten(run, published, news):
    def change(statement: str) -> None:
        if statement.startswith("COPY INTO") and not published.query("SELECT 1 FROM raw.loads WHERE load_id = 9"):
            published.query("INSERT INTO raw.loads SELECT * REPLACE (9 AS load_id) FROM raw.loads LIMIT 1")

    published.before = change
    error = run("ingest", "--data", str(news), exit_code=1).output
    assert "was changed meanwhile, by SQLMesh or by hand; nothing was published; run it again" in error
    assert published.query("SELECT COUNT(*) FROM raw.loads WHERE load_id = 9") == [(1,)]
    assert NEXT not in published.databases


def test_a_second_writer_waits_for_the_first(run, published, news, monkeypatch):
    published.create(NEXT, comment="mentor-analytics: process 7 on elsewhere since 2026-01-01 06:00:00 UTC")
    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
    error = run("ingest", "--data", str(news), exit_code=1).output
    assert "process 7 on elsewhere since 2026-01-01 06:00:00 UTC is writing the Snowflake database" in error
    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "60")
    monkeypatch.setattr("engines.snowflake.databases._POLL_SECONDS", 0.05)
    threading.Timer(0.5, lambda: published.databases.pop(NEXT)).start()
    output = run("ingest", "--data", str(news)).output
    assert output.count("waiting up to 60 s") == 1
    assert "1 loaded" in output


def test_one_that_is_not_to_be_seen_keeps_others_out_as_well(run, published, news, monkeypatch):
    def taken(statement: str) -> None:
        if statement.startswith("CREATE DATABASE"):
            raise refusal(f"Object '{NEXT}' already exists.", 2002)

    published.before = taken
    monkeypatch.setenv("MENTOR_LOCK_WAIT_SECONDS", "0")
    assert "error: somebody is writing the Snowflake database" in run("ingest", "--data", str(news), exit_code=1).output


def test_only_the_owner_publishes_and_is_told_so_at_once(run, published, news):
    published.databases[PUBLISHED].owner = "SYSADMIN"
    error = run("ingest", "--data", str(news), exit_code=1).output
    assert "is owned by the role SYSADMIN, and only its owner may publish; set SNOWFLAKE_ROLE=SYSADMIN" in error
    assert f"GRANT OWNERSHIP ON DATABASE {PUBLISHED} TO ROLE LOADER COPY CURRENT GRANTS" in error
    assert NEXT not in published.databases


def test_rollback_swaps_and_swaps_again(run, published, news):
    assert "there is no earlier state" not in run("rollback").output  # the database that the administrator made
    run("rollback")
    before = published.rows()
    run("ingest", "--data", str(news))
    after = published.rows()
    published.databases[PUBLISHED].grants.append(("USAGE", "ANALYST"))
    for state in (before, after):
        run("rollback")
        assert published.rows() == state
        assert ("USAGE", "ANALYST") in published.databases[PUBLISHED].grants
    assert set(published.databases) == {PUBLISHED, PREVIOUS}


def test_there_is_nothing_to_go_back_to(run, account, news):
    assert "there is no earlier state" in run("rollback", exit_code=1).output
    run("ingest", "--data", str(news))
    assert "there is no earlier state" in run("rollback", exit_code=1).output
    assert set(account.databases) == {PUBLISHED}


def test_reset_takes_what_is_ours_and_can_be_taken_back(run, published):
    published.query("CREATE SCHEMA mine; CREATE TABLE mine.kept AS SELECT 1 AS n")
    before = published.rows()
    assert "is gone" in run("reset", "--yes").output
    assert published.rows() == {"mine.kept": [(1,)]}
    assert "nothing to reset" in run("reset", "--yes", exit_code=1).output
    run("rollback")
    assert published.rows() == before


def test_a_reader_is_told_when_another_state_is_published_meanwhile(run, published, news):
    settings = load_settings()
    engine = engine_of(settings)
    before = engine.version(settings)
    assert engine.version(settings) == before
    with (
        pytest.raises(WarehouseError, match="was published anew while it was read; run it again"),
        engine.reading(settings),
    ):
        run("ingest", "--data", str(news))
    assert engine.version(settings).key != before.key
    assert engine.version(settings).written > before.written
    with engine.reading(settings) as reader:
        assert reader.rows("SELECT COUNT(*) FROM raw.loads") == [(5,)]


def test_a_reader_of_nothing(run, account):
    settings = load_settings()
    assert engine_of(settings).version(settings) is None
    assert (
        "there is no Snowflake database MENTOR_ANALYTICS of account acme-eu1 yet" in run("answer", exit_code=1).output
    )


@pytest.mark.parametrize("command", [("backup", "saved.zip"), ("forget", "--user", "1")])
def test_what_is_not_built_is_refused_in_one_line_and_changes_nothing(run, published, tmp_path, command):
    there = set(published.databases)
    told = run(*(str(tmp_path / word) if word.endswith(".zip") else word for word in command), exit_code=1).output
    assert "is not built for Snowflake" in told
    assert set(published.databases) == there
    assert not list(tmp_path.glob("*.zip"))
