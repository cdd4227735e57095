"""Every command of README is run as it stands, or is named here with the test that runs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import duckdb
import pytest

from ingest.contract import EVENTS, MENTORS, USERS
from settings import PROJECT_ROOT, SAMPLE_DATA
from tests.processes import typed
from tests.project_copy import ProjectCopy

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
CLI = ".venv/bin/python cli.py"
# What begins a command where a sentence has one.
PROGRAMS = ("python cli.py ", "make ", "pip ", "sqlmesh ", "COPY ")

# What a command prints of what README says it does; a new command has to say it, too.
PRINTS = {
    "python cli.py ingest": "booking_events.json: 842 rows read = 842 loaded",
    f"{CLI} check FOLDER": r"users_db_export.csv \(users\): 156 rows read = 150 loaded.*the folder would be loaded",
    f"{CLI} reset --yes": "is gone",
    f"{CLI} refresh --data FOLDER": "booking_events.json: 842 rows read = 842 loaded.*prod is up to date",
    f"{CLI} answer --full": "^Yes: .*How wrong could it be",
    f"{CLI} status": "prod: as of 2024-07-14T19:44:00Z.*  up to date",
    f"{CLI} rejects": "users_db_export.csv,156,invalid_user_id",
    f"{CLI} history": "refresh +done",
    f"{CLI} backup FILE": "saved .* rows to .*/saved.zip",
    f"{CLI} forget --user ID": r"^forgotten: 5 rows.*marts__fct_bookings__\d+.user_id,224,0,the user",
    ".venv/bin/sqlmesh plan dev": r"rebooking_window_days.*reports__dev.rpt_user_outcomes.*Virtual layer updated",
    f"{CLI} diff --env dev": "within 30 days.*within 60 days.*rpt_cohorts",
    ".venv/bin/sqlmesh plan": "Virtual layer updated",
    f"{CLI} transform": "prod is up to date",
    f"{CLI} rollback": "is again what was published before",
    "python cli.py report --out report.html": "wrote .*/report.html",
    "python cli.py simulate --out DIR --users 200000": "wrote 300 users and .* events to synthetic",
    "COPY marts.fct_bookings TO 'bookings.parquet'": "224",  # one person is forgotten
}
# In the order of README but for these. The first leaves the sample in the warehouse, as `make answer` does; there is
# something to go back to once a second state was published.
FIRST, LAST = "python cli.py ingest", f"{CLI} rollback"
INSTEAD_OF = {"FOLDER": "data", "FILE": "saved.zip", "ID": "2002", "DIR": "synthetic", "--users 200000": "--users 300"}

MAKE = "tests/test_readme.py::test_make_calls_what_readme_says"
# What is not run here, and the test that does it.
ELSEWHERE = {
    # They install, which takes minutes and a network.
    "make answer": MAKE,
    "make test": MAKE,
    "make app": MAKE,
    "pip install .": "tests/test_installation.py::test_an_installed_copy_refreshes_and_answers_in_an_empty_folder",
    # It deletes the environment that these tests run in.
    "make clean": MAKE,
    # A server runs until it is stopped; a browser is there to look at it.
    ".venv/bin/sqlmesh ui --mode docs": (
        "tests/browser/test_application.py::test_sqlmesh_shows_a_model_and_the_lineage_of_its_columns"
    ),
    # It takes a PostgreSQL.
    "python cli.py copy --to postgres": (
        "tests/engines/postgres/test_copy.py::test_everything_goes_on_as_if_it_had_always_been_there"
    ),
    # What it gives is compared row for row with a refresh.
    "sqlmesh run": "tests/soundness/test_every_path.py::test_ingest_and_sqlmesh_run_give_what_refresh_gives",
}


def quoted_answer() -> str:
    """The answer's sentence as README quotes it."""
    return " ".join(line.removeprefix("> ") for line in README.splitlines() if line.startswith("> "))


def commands() -> list[str]:
    """The lines of the blocks, then the commands within sentences; each once, without its comment."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    lines = [re.split(r"\s+#", line)[0] for block in blocks for line in block.splitlines()]
    sentences = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", sentences)]
    return list(dict.fromkeys(lines + [code for code in inline if code.startswith(PROGRAMS)]))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    """A copy of the project with a folder of data: the sample, with a row that is rejected."""
    folder = tmp_path_factory.mktemp("readme")
    project = ProjectCopy(folder)
    (folder / ".venv").symlink_to(PROJECT_ROOT / ".venv")
    (folder / "data").mkdir()
    for source in (folder / "seeds" / "sample").iterdir():
        (folder / "data" / source.name).write_bytes(source.read_bytes())
    with (folder / "data" / "users_db_export.csv").open("a", encoding="utf-8") as users:
        users.write("nobody,1,2024-01-01,active\n")
    # A plan runs all unit tests first, and so does `sqlmesh test`; here one for each model is enough.
    for tests in (folder / "tests").glob("test_*.yaml"):
        first, *_ = re.findall(r"^\w+:\n(?:(?!\w).*\n)*", tests.read_text(encoding="utf-8"), re.MULTILINE)
        tests.write_text(first, encoding="utf-8")
    return project


def test_every_command_is_run_or_named_with_the_test_that_runs_it():
    assert sorted(commands()) == sorted({**PRINTS, **ELSEWHERE})
    for test in ELSEWHERE.values():
        file, name = test.split("::")
        assert f"def {name}(" in (PROJECT_ROOT / file).read_text(encoding="utf-8"), test


def test_the_commands_do_what_readme_says_one_after_the_other(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    between = [command for command in commands() if command in PRINTS and command not in (FIRST, LAST)]
    for command in [FIRST, *between, LAST]:
        line = re.sub("|".join(INSTEAD_OF), lambda found: INSTEAD_OF[found.group()], command)
        if command.endswith("sqlmesh plan dev"):
            project.edit("settings.toml", "rebooking_window_days = 30", "rebooking_window_days = 60")
        if command.startswith("COPY"):
            with duckdb.connect(str(project.warehouse), read_only=True) as connection:
                printed, exit_code = str(connection.execute(line).fetchone()), 0
        else:
            done = typed(project.folder, line, answers="y\n")
            printed, exit_code = done.stdout, done.returncode
        assert exit_code == 0, f"{line}\n{printed}"
        assert re.search(PRINTS[command], printed, re.DOTALL), f"{line}\n{printed}"
        if command.endswith("answer --full"):
            assert printed.split("\n\n")[0].replace("\n", " ") == quoted_answer()


def test_the_columns_are_those_that_a_file_must_have():
    rows = re.findall(r"^\| `(\w+)\.\w+` \| (`.+`) \|$", README, re.MULTILINE)
    assert [tuple(re.findall(r"\w+", columns)) for _, columns in rows] == [
        contract.required for contract in (USERS, MENTORS, EVENTS)
    ]
    assert {name for name, _ in rows} == {path.stem for path in SAMPLE_DATA.iterdir()}


@pytest.mark.parametrize(
    ("target", "calls"),
    [
        ("answer", ["pip install .* -r requirements.lock", "python cli.py refresh", "python cli.py answer"]),
        ("test", ["pip install .* -r requirements-dev.lock", "pre-commit run --all-files", "sqlmesh test", "pytest"]),
        # The application itself is started by tests/browser/test_application.py.
        ("app", ["pip install .* -r requirements-app.lock", "python cli.py app"]),
        ("clean", [r"rm -rf \.venv .*warehouse\.duckdb"]),
    ],
)
def test_make_calls_what_readme_says(tmp_path, target, calls):
    for lock in PROJECT_ROOT.glob("requirements*.lock"):
        (tmp_path / lock.name).touch()
    command = ["make", "--dry-run", "--file", str(PROJECT_ROOT / "Makefile"), target]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(".*".join(calls), done.stdout, re.DOTALL), done.stdout
    assert not any(Path(tmp_path).glob(".venv"))
