"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

# Property tests draw so many times their usual number of cases: for long runs by hand.
EXAMPLES_FACTOR = int(os.environ.get("MENTOR_TEST_EXAMPLES_FACTOR", "1"))

# A name that a page must show as text.
SCRIPT = "<script>alert(1)</script>"
USERS_CSV = "user_id,company_id,signup_date,status\n1,7,2023-01-01,active\n2,7,2023-01-02,churned\n"
MENTORS_CSV = "mentor_id,tier,hourly_rate\nM-1,Gold,200\nM-2,Silver,100\n"


def event(event_id: str, **changes) -> dict:
    """A valid booking event; `changes` replace single fields."""
    fields = {
        "event_id": event_id,
        "user_id": 1,
        "mentor_id": "M-1",
        "timestamp": "2023-02-01T10:00:00Z",
        "event_type": "booking_requested",
    }
    return fields | changes


@pytest.fixture(autouse=True)
def _nobody_is_notified(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A developer's own channels, of the environment or of .env, hear nothing of failures made by tests."""
    for name in (
        "SLACK_WEBHOOK_URL",
        *(f"SMTP_{part}" for part in ("HOST", "USER", "PASSWORD", "SENDER", "RECIPIENTS")),
    ):
        monkeypatch.setenv(f"MENTOR_{name}", "")
    no_file = tmp_path_factory.getbasetemp() / "no.env"
    no_file.touch()
    monkeypatch.setenv("SQLMESH_DOTENV_PATH", str(no_file))


@pytest.fixture
def data_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a data folder: users and mentors as CSV text, events as a list or as raw text."""

    def write(users: str = USERS_CSV, mentors: str = MENTORS_CSV, events: list | str | None = None) -> Path:
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        (folder / "users_db_export.csv").write_text(users, encoding="utf-8")
        (folder / "mentor_tiers.csv").write_text(mentors, encoding="utf-8")
        events = [event("e1")] if events is None else events
        text = events if isinstance(events, str) else json.dumps(events)
        (folder / "booking_events.json").write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Where a test's warehouse goes; nothing is there yet."""
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def real_data() -> Path:
    """The folder of real files; tests that use it are marked `real_data`."""
    folder = os.environ.get("MENTOR_REAL_DATA")
    if not folder:
        pytest.skip("MENTOR_REAL_DATA is unset")
    return Path(folder)


@pytest.fixture(scope="session")
def context(tmp_path_factory):
    """The project's models, loaded once; its warehouse is empty and stays so."""
    from sqlmesh import Context

    from config import build_config
    from settings import PROJECT_ROOT, load_settings

    warehouse = tmp_path_factory.mktemp("models") / "warehouse.duckdb"
    context = Context(paths=[str(PROJECT_ROOT)], config=build_config(load_settings(warehouse=warehouse)))
    yield context
    context.close()


@pytest.fixture(scope="session")
def application_warehouse(tmp_path_factory) -> Path:
    """A warehouse of the sample data and of one rejected event, whose mentor has a name that is a script."""
    from click.testing import CliRunner

    from cli import cli
    from settings import PROJECT_ROOT

    folder = tmp_path_factory.mktemp("application")
    data, warehouse = folder / "data", folder / "warehouse.duckdb"
    shutil.copytree(PROJECT_ROOT / "seeds" / "sample", data)
    events = json.loads((data / "booking_events.json").read_text(encoding="utf-8"))
    events.append(event("script", mentor_id=SCRIPT, timestamp="yesterday"))
    (data / "booking_events.json").write_text(json.dumps(events), encoding="utf-8")
    command = ["--warehouse", str(warehouse), "refresh", "--data", str(data)]
    result = CliRunner().invoke(cli, command, env={"MENTOR_LOGS": str(folder / "logs")})
    assert result.exit_code == 0, result.output
    return warehouse
