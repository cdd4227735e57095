"""What one process spills to disk, no other process reads. Never weaken: DuckDB's default is one folder a database,

where two readers that spill at once overwrite each other's blocks; a query then fails or counts other rows.
"""

from __future__ import annotations

import subprocess
import sys

from engines.duckdb.connection import connect
from engines.duckdb.publication import next_state
from settings import PROJECT_ROOT
from tests.conftest import ingest

SPILLING = """
import sys
from pathlib import Path
from engines.duckdb.connection import connect
with connect(Path(sys.argv[1]), read_only=True) as connection:
    connection.execute("SET enable_progress_bar = false")
    print(connection.execute("SELECT current_setting('temp_directory')").fetchone()[0], flush=True)
    sys.stdin.readline()
    print(connection.execute(sys.argv[2]).fetchone()[0])
"""
# About 30 MB to sort.
QUERY = "SELECT SUM(place * (n % 7)) FROM (SELECT n, ROW_NUMBER() OVER (ORDER BY HASH(n)) AS place FROM numbers)"


def test_readers_that_spill_at_once_count_the_same(warehouse, monkeypatch):
    with connect(warehouse) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(1000000)")
        expected = str(connection.execute(QUERY).fetchone()[0])
    monkeypatch.setenv("MENTOR_MEMORY_LIMIT", "16MB")
    monkeypatch.setenv("MENTOR_THREADS", "1")
    command = [sys.executable, "-c", SPILLING, str(warehouse), QUERY]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    readers = [subprocess.Popen(command, cwd=PROJECT_ROOT, **pipes) for _ in range(3)]
    folders = [reader.stdout.readline() for reader in readers]
    assert len(set(folders)) == 3
    for reader in readers:
        reader.stdin.write("\n")
        reader.stdin.flush()
    found = [reader.communicate() for reader in readers]
    assert found == [(f"{expected}\n", "")] * 3
    assert [path.name for path in warehouse.parent.iterdir()] == [warehouse.name]


def test_what_a_killed_process_has_spilled_is_removed_and_what_lives_stays(data_folder, warehouse):
    ingest(warehouse, data_folder())
    with connect(warehouse, read_only=True) as connection:
        (own,) = connection.execute("SELECT current_setting('temp_directory')").fetchone()
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    alive = warehouse.with_name(own.rsplit("/", 1)[1])
    dead = warehouse.with_name(alive.name.rsplit("-", 2)[0] + f"-{gone.stdout.strip()}-reading")
    for folder in (alive, dead):
        folder.mkdir()
    with next_state(warehouse):
        pass
    assert (alive.exists(), dead.exists()) == (True, False)
