"""Fixtures shared by all tests."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engines.duckdb import DuckDBState
from ingest.load import Load, ingest_sources
from ingest.sources import find_sources
from settings import load_settings

# SQLMesh would fork a process a core to render the models, in each of the tests that run at once on these cores.
os.environ.setdefault("MAX_FORK_WORKERS", "1")

# As the command line does: looking for garbage at the usual pace takes a seventh of the time.
gc.set_threshold(100_000, 20, 20)

# Folders whose tests share servers: databases and a JVM, a browser and the application.
SERVERS = ("tests/engines/", "tests/browser/")

# Property tests draw so many times their usual number of cases: for long runs by hand.
EXAMPLES_FACTOR = int(os.environ.get("MENTOR_TEST_EXAMPLES_FACTOR", "1"))

USERS_CSV = "user_id,company_id,signup_date,status\n1,7,2023-01-01,active\n2,7,2023-01-02,churned\n"
# A name that a page must show as text.
HOSTILE_MENTOR = "<script>alert(1)</script>"
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


def write_data(
    folder: Path, users: str = USERS_CSV, mentors: str = MENTORS_CSV, events: list | str | None = None
) -> Path:
    """Write a data folder: users and mentors as CSV text, events as a list or as raw text."""
    folder.mkdir(exist_ok=True)
    (folder / "users_db_export.csv").write_text(users, encoding="utf-8")
    (folder / "mentor_tiers.csv").write_text(mentors, encoding="utf-8")
    events = [event("e1")] if events is None else events
    text = events if isinstance(events, str) else json.dumps(events)
    (folder / "booking_events.json").write_text(text, encoding="utf-8")
    return folder


def ingest(warehouse: Path, data: Path) -> list[Load]:
    """Load what is new in a data folder, without publishing."""
    return ingest_sources(DuckDBState(load_settings(warehouse=warehouse)), find_sources(data))


ATTENDED = [event("e1"), event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z")]


@pytest.fixture(autouse=True)
def _nobody_is_notified(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A developer's own channels, of the environment or of .env, hear nothing of failures made by tests."""
    for name in (
        "SLACK_WEBHOOK_URL",
        "NOTIFY_URLS",
        *(f"SMTP_{part}" for part in ("HOST", "USER", "PASSWORD", "SENDER", "RECIPIENTS")),
    ):
        monkeypatch.setenv(f"MENTOR_{name}", "")
    no_file = tmp_path_factory.getbasetemp() / "no.env"
    no_file.touch()
    monkeypatch.setenv("SQLMESH_DOTENV_PATH", str(no_file))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests that share a server, or what their module builds for all of them, go to one worker; others to any."""
    from xdist.scheduler import LoadScopeScheduling

    class OneWorkerForWhatIsShared(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            own = file if _builds_for_all(config.rootpath / file) else nodeid
            return next((folder for folder in SERVERS if nodeid.startswith(folder)), own)

    return OneWorkerForWhatIsShared(config, log)


@cache
def _builds_for_all(file: Path) -> bool:
    return 'scope="module"' in file.read_text(encoding="utf-8")


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A copy of a folder that the first worker to ask for it has built.

    Args:
        name: of the folder, one of its own for each build.
        build: fills an empty folder.
    """
    run = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    original, begun = run / f"{name}-built", run / f"{name}-begun"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir()
            build(begun)
            begun.rename(original)
    return shutil.copytree(original, factory.mktemp(name), dirs_exist_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _runs_are_logged_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The runs of tests are not logged in the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MENTOR_LOGS", str(tmp_path_factory.getbasetemp() / "logs"))
        yield


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run log of the test's own."""
    folder = tmp_path / "logs"
    monkeypatch.setenv("MENTOR_LOGS", str(folder))
    return folder


@pytest.fixture
def data_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a data folder of the test; see `write_data`."""

    def write(**sources) -> Path:
        return write_data(tmp_path / "data", **sources)

    return write


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Where a test's warehouse goes; nothing is there yet."""
    return tmp_path / "warehouse.duckdb"


def _refresh(folder: Path, data: Path) -> None:
    from click.testing import CliRunner

    from cli import cli

    command = ["--warehouse", str(folder / "warehouse.duckdb"), "refresh", "--data", str(data)]
    done = CliRunner().invoke(cli, command, env={"MENTOR_LOGS": str(folder / "logs")})
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="session")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse refreshed from one booking and its session, not to be changed."""

    def build(folder: Path) -> None:
        _refresh(folder, write_data(folder / "data", events=ATTENDED))

    return built_once(tmp_path_factory, "refreshed", build) / "warehouse.duckdb"


@pytest.fixture
def published(refreshed: Path, warehouse: Path) -> Path:
    """A copy of `refreshed` that a test may change."""
    shutil.copyfile(refreshed, warehouse)
    return warehouse


@pytest.fixture(scope="session")
def connection() -> Iterator:
    """An engine that holds `small_marts`, which `small_answers.document_of` fills anew for each document."""
    import ibis

    from tests import small_marts

    connection = ibis.duckdb.connect()
    small_marts.create(connection.con)
    yield connection
    connection.disconnect()


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
def hostile_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, built, with HTML for the names of a mentor and a company, and in a rejected row; read it only."""
    from settings import PROJECT_ROOT

    def build(folder: Path) -> None:
        for source in (PROJECT_ROOT / "seeds" / "sample").iterdir():
            text = source.read_text(encoding="utf-8")
            text = re.sub(r'^M-1,|"M-1"', lambda found: found.group().replace("M-1", HOSTILE_MENTOR), text, flags=re.M)
            text = re.sub(r"^(\d+),23,", r"\1,</script>,", text, flags=re.M)
            if source.name == "users_db_export.csv":
                text += "<img src=x onerror=alert(1)>,1,2024-01-01,active\n"
            (folder / source.name).write_text(text, encoding="utf-8")
        _refresh(folder, folder)

    return built_once(tmp_path_factory, "hostile", build) / "warehouse.duckdb"


@pytest.fixture(scope="session")
def application_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of the sample data and of one rejected event, whose mentor has a name that is a script."""
    from settings import PROJECT_ROOT

    def build(folder: Path) -> None:
        data = shutil.copytree(PROJECT_ROOT / "seeds" / "sample", folder / "data")
        events = json.loads((data / "booking_events.json").read_text(encoding="utf-8"))
        events.append(event("script", mentor_id=HOSTILE_MENTOR, timestamp="yesterday"))
        (data / "booking_events.json").write_text(json.dumps(events), encoding="utf-8")
        _refresh(folder, data)

    return built_once(tmp_path_factory, "application", build) / "warehouse.duckdb"
