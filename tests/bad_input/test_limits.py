"""Bad surroundings: no room, no permission, little memory; and the command line on bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from engines import duckdb as duckdb_engine
from errors import SourceError, WarehouseError
from settings import PROJECT_ROOT, load_settings
from tests.bad_input.conftest import write_good
from tests.conftest import event, ingest
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
    """As another user where the tests run as root, who may read everything."""
    folder = write_good(tmp_path / "data")
    (folder / "booking_events").mkdir()
    path = tmp_path / what
    path.chmod(0)
    before = good_warehouse.read_bytes()
    is_root = os.geteuid() == 0
    for parent in tmp_path.parents if is_root else ():
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o001)
    tmp_path.chmod(0o711)
    try:
        if is_root:
            os.seteuid(65534)
        with pytest.raises(SourceError, match=f"{folder}.* cannot be read: Permission denied"):
            ingest(good_warehouse, folder)
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(0o700)
    assert good_warehouse.read_bytes() == before


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
