"""An environment that is behind says so, and what it names helps. Never weaken: each was once silent or in vain."""

from __future__ import annotations

import duckdb
import pytest

from engines.duckdb import DuckDBReader
from engines.protocol import UnknownNameError
from tests.bare_sqlmesh import ALL_GOLD, DEFAULT_SHEET, ONE_COLUMN_MORE, came_back, edited_models
from tests.conftest import event
from tests.soundness.test_every_path import START, refresh, users_of
from tests.test_answer import answer, run
from warehouse.reports import REPORTS
from warehouse.views import DIMENSIONS, FACTS, Standing, standing_to_prod


def test_a_dev_environment_that_lags_behind_prod_says_so(planned):
    """It spoke of prod's moment with facts of its own, older ones: nobody seemed to be inside the window."""
    planned.changes = {"default_session_minutes": 45}
    planned.plan("dev")
    latest = event("late", user_id=1, event_type=START, timestamp="2023-06-01T10:00:00Z")
    refresh(planned, [*came_back(range(1, 3)), latest])
    assert not planned.environment("prod").is_behind
    dev = answer(planned.file, "--env", "dev")
    assert dev["warnings"][0].startswith("dev is behind by 1 load")
    assert dev["parameters"]["settings"]["default_session_minutes"] == 45
    compared = run(planned.file, "diff", "--env", "dev")
    assert "dev is behind by 1 load" in compared.stderr
    planned.run("dev")
    assert not planned.environment("dev").is_behind
    assert planned.facts("dev") == planned.expected_facts(planned.settings)


def test_reports_that_lag_behind_facts_which_another_environment_shares_are_told_of(planned):
    """A run of dev brings forward the facts that it shares with prod, and not prod's reports."""
    planned.changes = {"rebooking_window_days": 7}
    planned.plan("dev")
    planned.ingest(came_back(range(1, 5)))
    planned.run("dev")
    assert not planned.environment("dev").is_behind
    assert planned.environment("prod").reports_are_behind
    assert "the reports of prod are behind its facts" in run(planned.file, "status", exit_code=1).stdout
    planned.run("prod")
    assert not planned.environment("prod").is_behind
    # A mentor whom nobody comes to: what a report was built from is no figure that a change of dev has made another.
    planned.ingest(came_back(range(1, 5)), sheet=[*DEFAULT_SHEET, ("M-3", "Bronze", "1", "")])
    planned.run("prod")
    assert "built_from" not in run(planned.file, "diff").stdout


def test_reports_that_were_built_between_two_facts_are_told_of(planned):
    """Bookings held the newest load and sessions did not: once these held it too, the reports passed for up to date."""
    planned.changes = {"rebooking_window_days": 7}
    planned.plan("dev")
    planned.ingest([*came_back(range(1, 5)), event("asked")])
    planned.changes = {}
    planned.plan("prod", restate_models=["marts.fct_bookings"])
    planned.changes = {"rebooking_window_days": 7}
    planned.run("dev")
    assert planned.facts() == planned.expected_facts(planned.settings)
    assert planned.query("SELECT COUNT(*) FROM reports.rpt_user_outcomes") == [(2,)]
    assert planned.environment("prod").reports_are_behind
    assert users_of(answer(planned.file), "Gold") == (4, 4)
    planned.changes = {}
    planned.run("prod")
    assert not planned.environment("prod").is_behind
    assert planned.query("SELECT COUNT(*) FROM reports.rpt_user_outcomes") == [(4,)]


def test_users_and_mentors_of_prod_reach_an_environment_that_shares_them_with_a_run_of_prod(planned):
    """SQLMesh brings them forward with prod alone: a run of dev left it behind, and said to run dev again."""
    planned.plan("dev")
    planned.ingest([*came_back(range(1, 4))], sheet=[("M-1", "Bronze", "200", ""), DEFAULT_SHEET[1]])
    assert "transform --env dev" in answer(planned.file, "--env", "dev")["warnings"][0]
    planned.run("dev")
    assert planned.environment("dev").taken_in["waiting_events"] == 0
    told = "dev is behind by 1 load with 0 events; to catch up run: python cli.py transform --env prod"
    assert answer(planned.file, "--env", "dev")["warnings"][0] == told
    transformed = run(planned.file, "transform", "--env", "dev").stderr
    assert told in transformed
    assert "up to date" not in transformed
    planned.run("prod")
    assert not planned.environment("dev").is_behind
    assert users_of(answer(planned.file, "--env", "dev"), "Bronze") == (3, 3)


def test_an_environment_whose_own_tables_were_promoted_says_that_it_has_to_be_made_anew(planned, tmp_path):
    """SQLMesh evaluates prod's table from then on and leaves the copy that dev shows: dev said to run dev, for ever."""
    # Facts read the mentors, whose kind is forward-only: what depends on them gets a copy in dev.
    planned.root = edited_models(tmp_path / "edited", ALL_GOLD)
    planned.changes = {"default_session_minutes": 45}
    planned.plan("dev")
    planned.plan("prod")
    assert not planned.environment("dev").is_behind
    refresh(planned, came_back(range(1, 5)))
    told = "dev is behind by 1 load with 4 events; to catch up run: sqlmesh invalidate dev, then sqlmesh plan dev"
    assert answer(planned.file, "--env", "dev")["warnings"][0] == told
    transformed = run(planned.file, "transform", "--env", "dev").stderr
    assert told in transformed
    assert "up to date" not in transformed
    planned.invalidate("dev")
    planned.plan("dev")
    assert not planned.environment("dev").is_behind
    assert users_of(answer(planned.file, "--env", "dev"), "Gold") == (4, 4)
    planned.ingest(came_back(range(1, 7)))
    planned.run("dev")
    assert planned.environment("dev").taken_in["waiting_events"] == 0


@pytest.mark.parametrize("is_taken_back", [False, True])
def test_an_environment_whose_mentors_prod_has_changed_says_that_it_has_to_be_made_anew(
    planned, tmp_path, is_taken_back
):
    """Its run writes copies of its reports that it does not show: it was behind, and said to run it, for ever."""
    planned.plan("dev")
    root, planned.root = planned.root, edited_models(tmp_path / "edited", ALL_GOLD)
    planned.plan("prod")
    if is_taken_back:
        # The models are those of dev again, and SQLMesh's version of them is another one.
        planned.root = root
        planned.plan("prod")
    assert not planned.environment("dev").is_behind
    planned.ingest(came_back(range(1, 5)))
    environment = planned.environment("dev")
    assert environment.is_behind
    anew = "to catch up run: sqlmesh invalidate dev, then sqlmesh plan dev"
    if not is_taken_back:
        assert anew in answer(planned.file, "--env", "dev")["warnings"][0]
    transformed = run(planned.file, "transform", "--env", "dev").stderr
    assert anew in transformed
    assert "up to date" not in transformed
    assert anew in answer(planned.file, "--env", "dev")["warnings"][0]
    planned.invalidate("dev")
    planned.plan("dev")
    planned.run("prod")
    assert not planned.environment("dev").is_behind
    planned.ingest(came_back(range(1, 7)))
    assert anew not in answer(planned.file, "--env", "dev")["warnings"][0]
    planned.run("dev")
    assert not planned.environment("dev").is_behind
    assert users_of(answer(planned.file, "--env", "dev"), "Gold") == (6, 6)


def test_an_environment_with_facts_and_mentors_of_its_own_says_that_it_has_to_be_made_anew(planned, tmp_path):
    """A plan builds its facts in a copy, and runs bring forward another table: it said to run it, for ever."""
    planned.root = edited_models(tmp_path / "edited", ONE_COLUMN_MORE, ALL_GOLD)
    planned.plan("dev")
    environment = planned.environment("dev")
    assert not environment.is_behind
    planned.ingest(came_back(range(1, 5)))
    planned.run("dev")
    document = answer(planned.file, "--env", "dev")
    assert "to catch up run: sqlmesh invalidate dev, then sqlmesh plan dev" in document["warnings"][0]
    # The reports have been brought forward, and the facts that are shown have not.
    assert users_of(document, "Gold") == (2, 2)
    planned.invalidate("dev")
    planned.plan("dev")
    assert not planned.environment("dev").is_behind
    planned.ingest(came_back(range(1, 7)))
    planned.run("dev")
    assert not planned.environment("dev").is_behind
    assert users_of(answer(planned.file, "--env", "dev"), "Gold") == (6, 6)
    assert planned.facts("dev") == planned.expected_facts(planned.settings)


@pytest.fixture
def bare_of_copy(bare, tmp_path):
    """Two users who came back to M-1, planned from a copy of the models, so that edited copies are beside the same."""
    bare.root = edited_models(tmp_path / "plain")
    bare.ingest(came_back(range(1, 3)))
    bare.plan()
    return bare


def test_an_environment_made_anew_beside_a_prod_of_other_mentors_is_brought_up_to_date_by_its_run(
    bare_of_copy, tmp_path
):
    """A plan takes copies of reports that a former dev left for as new as prod, and the copies passed for ones that no
    run brings forward: it said to make it anew, for ever."""
    bare, plain = bare_of_copy, bare_of_copy.root
    bare.root, bare.changes = edited_models(tmp_path / "edited", ALL_GOLD), {"reschedule_hours": 3}
    bare.plan("dev")
    bare.ingest(came_back(range(1, 4)))
    bare.run()
    bare.plan()
    bare.root, bare.changes = plain, {"rebooking_window_days": 7}
    bare.ingest(came_back(range(1, 6)))
    bare.run("dev")
    bare.invalidate("dev")
    bare.plan("dev")
    told = "the reports of dev are behind its facts, which another environment shares; to catch up run: "
    assert answer(bare.file, "--env", "dev")["warnings"][0] == f"{told}python cli.py transform --env dev"
    bare.run("dev")
    assert not bare.environment("dev").is_behind
    assert users_of(answer(bare.file, "--env", "dev"), "Gold") == (5, 0)


def test_users_of_prod_reach_an_environment_with_mentors_of_its_own_with_a_run_of_prod(bare_of_copy, tmp_path):
    """It said to run dev, which brings forward its mentors alone, for ever."""
    bare = bare_of_copy
    bare.root = edited_models(tmp_path / "edited", ALL_GOLD)
    bare.plan("dev")
    sheet = [("M-1", "Bronze", "200", ""), DEFAULT_SHEET[1]]
    bare.ingest(came_back(range(1, 4)), sheet=sheet, export=[(1, "8", "2023-01-01", "churned", "")])
    bare.run("dev")
    told = "dev is behind by 1 load with 0 events; to catch up run: python cli.py transform --env prod"
    assert answer(bare.file, "--env", "dev")["warnings"][0] == told
    bare.run("prod")
    bare.run("dev")
    assert not bare.environment("dev").is_behind
    assert users_of(answer(bare.file, "--env", "dev"), "Bronze") == (3, 3)


def test_a_report_of_prod_that_dev_brings_forward_as_a_copy_waits_for_a_run_of_prod(bare_of_copy, tmp_path):
    """A change that breaks no report leaves dev with prod's, and its run with a copy: making it anew was in vain."""
    bare = bare_of_copy
    bare.root = edited_models(tmp_path / "edited", ONE_COLUMN_MORE)
    bare.plan("dev")
    bare.ingest(came_back(range(1, 4)))
    bare.run("dev")
    told = "the reports of dev are behind its facts, which another environment shares; to catch up run: "
    assert answer(bare.file, "--env", "dev")["warnings"][0] == f"{told}python cli.py transform --env prod"
    bare.run("prod")
    bare.run("dev")
    assert not bare.environment("dev").is_behind
    assert users_of(answer(bare.file, "--env", "dev"), "Gold") == (3, 3)


def test_an_environment_that_took_its_own_mentors_back_says_that_it_has_to_be_made_anew(bare_of_copy, tmp_path):
    """Its reports stay the copies that they were, and runs bring forward the tables: it said to run it, for ever."""
    bare = bare_of_copy
    for name, edits in (("both", (ONE_COLUMN_MORE, ALL_GOLD)), ("column", (ONE_COLUMN_MORE,))):
        bare.root = edited_models(tmp_path / name, *edits)
        bare.plan("dev")
    bare.ingest(came_back(range(1, 4)))
    bare.run("dev")
    told = answer(bare.file, "--env", "dev")["warnings"][0]
    assert told.endswith("to catch up run: sqlmesh invalidate dev, then sqlmesh plan dev")
    bare.invalidate("dev")
    bare.plan("dev")
    assert not bare.environment("dev").is_behind
    assert users_of(answer(bare.file, "--env", "dev"), "Gold") == (3, 3)


def test_a_copy_that_lacks_what_is_read_of_it_is_no_lack_of_rights():
    """Any failure passed for one of rights, and the environment for one that no copy has overtaken."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA reference; CREATE TABLE reference.definitions (module TEXT, checksum TEXT)")
        connection.execute("CREATE SCHEMA store")
        for folder, names in (("marts", (*FACTS, *DIMENSIONS)), ("reports", REPORTS)):
            connection.execute(f"CREATE SCHEMA {folder}; CREATE SCHEMA {folder}__dev")
            for name in names:
                connection.execute(f"CREATE TABLE store.{name} (built_from TEXT)")
                for schema in (folder, f"{folder}__dev"):
                    connection.execute(f"CREATE VIEW {schema}.{name} AS SELECT * FROM store.{name}")
        connection.execute("CREATE TABLE store.rpt_cohorts__dev (built_from TEXT)")
        reader = DuckDBReader(connection, "warehouse.duckdb")
        shared = frozenset(DIMENSIONS)
        assert standing_to_prod(reader, "dev", {}) == Standing(shared)
        connection.execute("INSERT INTO store.rpt_cohorts__dev VALUES ('1/1/1/1')")
        assert standing_to_prod(reader, "dev", {}) == Standing(shared, shares_left_reports=True)
        connection.execute("ALTER TABLE store.rpt_cohorts__dev RENAME built_from TO load_id")
        with pytest.raises(UnknownNameError, match="built_from"):
            standing_to_prod(reader, "dev", {})
