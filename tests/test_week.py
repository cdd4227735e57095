"""A week of deliveries, with late events, a changed tier and a promoted change, and a rebuild from nothing."""

from __future__ import annotations

from benchmarks.kill import content
from settings import load_settings
from simulation.population import Scenario, simulate
from tests.conftest import ingest
from tests.project_copy import ProjectCopy
from warehouse.answers import answer_from_warehouse

DAYS = 7
CHANGE = (
    "models/marts/fct_sessions.sql",
    "@default_session_minutes, MINUTE)",
    "@default_session_minutes + 1, MINUTE)",
)


def answered(project: ProjectCopy, environment: str = "prod") -> dict:
    document = answer_from_warehouse(load_settings(warehouse=project.warehouse), environment, None)
    for name in ("environment", "answered_at"):
        document["parameters"].pop(name)
    document.pop("freshness")
    return document


def test_a_week_of_refreshes_gives_what_a_rebuild_from_nothing_gives(tmp_path):
    folders = []
    for number, day in enumerate(simulate(Scenario(300, dirt=0)).by_day(DAYS, late_share=0.3), start=1):
        folders.append(tmp_path / f"day_{number}")
        day.write(folders[-1])
    project = ProjectCopy(tmp_path / "project")
    sessions, users_of_gold = [], []
    for number, folder in enumerate(folders, start=1):
        project.cli("refresh", "--data", str(folder))
        if number == DAYS - 1:
            before = answered(project)
            project.edit(*CHANGE)
            project.plan("dev")
            assert answered(project) == before
            lengths = "SELECT COUNT(*) FROM marts{}.fct_sessions WHERE duration_minutes = 31 AND is_duration_estimated"
            assert project.query(lengths.format(""))[0][0] == 0
            assert project.query(lengths.format("__dev"))[0][0] > 0
        if number == DAYS:
            project.plan()
            # A plan in the same minute as the run before finds nothing to run.
            project.run("sqlmesh", "run", "--ignore-cron")
            assert project.query(lengths.format(""))[0][0] > 0
        document = answered(project)
        sessions.append(document["reliability"]["overall"]["sessions"])
        users_of_gold.append(document["rebooking"]["sessions"]["tiers"][0]["users"])
    assert sessions == sorted(sessions)
    assert sessions[0] < sessions[-1]
    # On the middle day a mentor's tier changes, and with it the users of the mentor.
    assert len(set(users_of_gold)) > 1

    rebuilt = ProjectCopy(tmp_path / "rebuilt")
    rebuilt.edit(*CHANGE)
    for folder in folders:
        ingest(rebuilt.warehouse, folder)
    rebuilt.cli("transform")
    assert content(rebuilt.warehouse) == content(project.warehouse)
    assert answered(rebuilt) == answered(project)
