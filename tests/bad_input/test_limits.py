"""Bad surroundings: no room, no permission, little memory; and the command line on bad input."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from engines import duckdb as duckdb_engine
from errors import ReportError, SourceError, WarehouseError
from ingest.mapping import read_mapping
from ingest.sources import find_sources
from presentation.trial import write_allocation
from settings import PROJECT_ROOT, load_settings
from tests.bad_input.conftest import write_good
from tests.conftest import event, ingest
from tests.permissions import out_of_reach
from tests.test_answer import run
from warehouse.loads import rejected_rows

# The command line in a process that cannot write a file beyond so many bytes.
WITH_LIMIT = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from cli import cli
cli()
"""


@pytest.mark.parametrize("room", [0, 40_000, 400_000], ids=lambda room: f"{room} bytes left")
def test_a_full_disk_is_one_line_and_changes_nothing(good_warehouse: Path, tmp_path: Path, room: int) -> None:
    warehouse = Path(shutil.copy(good_warehouse, tmp_path))
    before = warehouse.read_bytes()
    folder = write_good(tmp_path / "data")
    many = [
        event(str(uuid.UUID(int=number * 2**90 + number**7)), mentor_id=f"M-{number**5}") for number in range(40_000)
    ]
    (folder / "booking_events.json").write_text(json.dumps(many))
    done = subprocess.run(
        [
            *(sys.executable, "-c", WITH_LIMIT, str(len(before) + room)),
            *("--warehouse", str(warehouse), "ingest", "--data", str(folder)),
        ],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not line.endswith("rejected")]
    assert line.startswith("error: the warehouse ")
    assert warehouse.read_bytes() == before


def test_too_little_memory_is_one_line_and_changes_nothing(
    good_warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(path: Path, read_only: bool = False):
        connection = real_connect(path, read_only)
        connection.execute("SET memory_limit = '20MB'; SET temp_directory = ''")
        return connection

    real_connect = duckdb_engine.connect
    monkeypatch.setattr(duckdb_engine, "connect", connect)
    warehouse = Path(shutil.copy(good_warehouse, tmp_path))
    before = warehouse.read_bytes()
    folder = write_good(tmp_path / "data")
    (folder / "booking_events.json").write_text(json.dumps([event("a", cancellation_reason="x" * 30_000_000)]))
    with pytest.raises(WarehouseError, match="memory"):
        ingest(warehouse, folder)
    assert warehouse.read_bytes() == before


@pytest.mark.parametrize("what", ["data", "data/booking_events.json", "data/booking_events"])
def test_no_permission_is_one_line_and_changes_nothing(good_warehouse: Path, tmp_path: Path, what: str) -> None:
    folder = write_good(tmp_path / "data")
    (folder / "booking_events").mkdir()
    before = good_warehouse.read_bytes()
    path = tmp_path / what
    with out_of_reach(path), pytest.raises(SourceError, match=f"{path} cannot be read: Permission denied"):
        ingest(good_warehouse, folder)
    assert good_warehouse.read_bytes() == before


def test_a_pattern_passes_over_no_folder_that_cannot_be_read(tmp_path: Path) -> None:
    folder = write_good(tmp_path / "data")
    closed = folder / "2023"
    closed.mkdir()
    (closed / "mentors.csv").touch()
    mapping = tmp_path / "sources.toml"
    mapping.write_text("[mentors]\nfiles = '**/mentor*.csv'\n")
    with out_of_reach(closed), pytest.raises(SourceError, match=f"{closed} cannot be read: Permission denied"):
        find_sources(folder, read_mapping(mapping))


def command(*words: str, output: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "cli.py", *words],
        cwd=PROJECT_ROOT,
        env=os.environ | environment,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_an_answer_that_cannot_be_written_is_one_line(refreshed: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = command("--warehouse", str(refreshed), "answer", output=full.fileno())
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "error: No space left on device")
    assert "Traceback" not in done.stderr


def test_an_answer_is_shown_where_there_are_fewer_characters(refreshed: Path) -> None:
    done = command("--warehouse", str(refreshed), "answer", "--format", "markdown", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "## The answer" in done.stdout


def test_a_list_of_arms_that_is_cut_short_is_not_kept(tmp_path: Path) -> None:
    """The next try was refused then, since it was there already."""
    arms = tmp_path / "arms.csv"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        with pytest.raises(ReportError, match=f"{arms} cannot be written: File too large"):
            write_allocation(arms, ["a", "b"] * 10, seed=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not arms.exists()


@pytest.mark.parametrize(
    ("name", "line"), [("a" * 300, "File name too long"), ("w/\udcff", "there is no warehouse at ")]
)
def test_a_warehouse_of_an_impossible_name_is_one_line(tmp_path: Path, name: str, line: str) -> None:
    failed = run(tmp_path / name, "status", exit_code=1)
    assert failed.stderr.startswith("error: ")
    assert line in failed.stderr
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("refresh", "--data"), ("restore",)])
def test_a_path_that_is_not_utf_8_is_told_and_logged(warehouse: Path, tmp_path: Path, logs: Path, words: tuple) -> None:
    failed = run(warehouse, *words, f"{tmp_path}/M\udce4rz", exit_code=1)
    assert failed.stderr.startswith("error: ")
    assert failed.stderr.count("\n") == 1
    (log,) = logs.glob("*/*/*.jsonl")
    assert json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["outcome"] == "failed"


@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "--timeout", "inf"),
        ("ingest", "--timeout", "nan"),
        ("simulate", "--users", "5", "--out", "x", "--dirt", "nan"),
        ("answer", "--plan-test", "--difference", "nan"),
    ],
)
def test_what_is_no_number_of_the_range_is_wrong_usage(warehouse: Path, words: tuple) -> None:
    run(warehouse, *words, exit_code=2)


def test_a_check_that_is_ended_says_so(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It left the rows it had read in a folder for temporary files."""

    def ended(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr("ingest.check.ingest_sources", ended)
    failed = run(warehouse, "check", exit_code=1)
    assert failed.stderr == "error: interrupted by SIGTERM; nothing was published\n"


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("booking_events.json", "[{]", "cannot be read: Malformed JSON at byte 2 in record 1: unexpected character."),
        ("mentor_tiers.csv", "mentor_id\n", "lacks the column tier, hourly_rate (found: mentor_id)"),
        ("users_db_export.csv", "\0", "lacks the column user_id, company_id, signup_date, status (found: \ufffd)"),
    ],
)
def test_the_command_line_says_one_line(
    good_warehouse: Path, tmp_path: Path, name: str, content: str, line: str
) -> None:
    folder = write_good(tmp_path / "it's [data]*")
    (folder / name).write_text(content)
    before = good_warehouse.read_bytes()
    result = run(good_warehouse, "ingest", "--data", str(folder), exit_code=1)
    assert result.stdout == ""
    assert result.stderr == f"error: {folder / name} {line}\n"
    assert good_warehouse.read_bytes() == before


def test_notes_reach_the_command_line(good_warehouse: Path, tmp_path: Path) -> None:
    warehouse = Path(shutil.copy(good_warehouse, tmp_path))
    folder = write_good(tmp_path / "data")
    (folder / "booking_events.json").write_text(json.dumps([event("e1"), event("a", device="ios")]))
    result = run(warehouse, "ingest", "--data", str(folder))
    assert "booking_events.json: columns that are not loaded: device" in result.stderr.splitlines()


@pytest.mark.parametrize("name", ["booking_events.json", "booking_events.jsonl"])
def test_rows_of_a_large_file_keep_their_places(tmp_path: Path, name: str) -> None:
    """Large enough that the reader takes it in parts: the first of a repeated row stays, and each reject is placed."""
    rows = [event(f"e{number}", cancellation_reason="x" * 3000) for number in range(20_000)]
    for number in range(50, 20_000, 97):
        rows[number] |= {"user_id": f"no {number}"}
    rows[19_999] = rows[0] | {"mentor_id": "M-2"}
    texts = map(json.dumps, rows)
    folder = write_good(tmp_path / "data")
    (folder / "booking_events.json").unlink()
    (folder / name).write_text("[\n" + ",\n".join(texts) + "\n]" if name.endswith(".json") else "\n".join(texts))
    ingest(tmp_path / "warehouse.duckdb", folder)
    found = rejected_rows(load_settings(warehouse=tmp_path / "warehouse.duckdb"))
    assert [(position, json.loads(text)) for _, _, position, _, text, *_ in found] == [
        (number + 1, row) for number, row in enumerate(rows) if row["user_id"] != 1 or number == 19_999
    ]
