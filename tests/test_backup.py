"""A backup gives back the state that was saved, verified, or changes nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from engines import engine_of
from errors import ReportError
from pipeline.backup import back_up
from settings import load_settings
from tests.conftest import ATTENDED, event, write_data
from tests.test_answer import answer, run
from tests.test_publication import digest, leftovers

MORE = [*ATTENDED, event("e3", event_type="session_started", timestamp="2023-02-03T10:00:00Z")]


def contents(warehouse: Path) -> dict:
    settings = load_settings(warehouse=warehouse)
    with engine_of(settings).reading(settings) as reader:
        return reader.contents()


def rewritten(file: Path, **changes) -> Path:
    """A copy of a backup with another list."""
    other = file.with_name("other.zip")
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(other, "w") as anew:
        anew.writestr("manifest.json", json.dumps(json.loads(archive.read("manifest.json")) | changes))
        anew.writestr("warehouse", archive.read("warehouse"))
    return other


def test_a_deleted_warehouse_is_restored_and_answers_as_before(published, tmp_path):
    before, held = answer(published), contents(published)
    saved = run(published, "backup", str(tmp_path / "monday.zip"))
    rows = sum(count for count, _ in held.values())
    assert saved.stderr == f"saved {len(held)} tables and views with {rows:,} rows to {tmp_path / 'monday.zip'}\n"
    assert (tmp_path / "monday.zip").stat().st_mode & 0o777 == 0o600
    published.unlink()
    restored = run(published, "restore", str(tmp_path / "monday.zip"))
    assert f"restored {len(held)} tables and views with {rows:,} rows" in restored.stderr
    assert (answer(published), contents(published)) == (before, held)
    # And it goes on from there.
    run(published, "refresh", "--data", str(write_data(tmp_path / "data", events=MORE)))
    assert answer(published) != before


def test_a_restored_state_takes_the_place_of_the_one_there_and_rollback_undoes_it(published, tmp_path):
    first = contents(published)
    run(published, "backup", str(tmp_path / "b.zip"))
    run(published, "ingest", "--data", str(write_data(tmp_path / "data", events=MORE)))
    second = contents(published)
    assert first["raw.booking_events"] != second["raw.booking_events"]
    run(published, "restore", str(tmp_path / "b.zip"))
    assert contents(published) == first
    run(published, "rollback")
    assert contents(published) == second


def test_contents_tell_one_value_from_another(published):
    import duckdb

    before = contents(published)
    with duckdb.connect(str(published)) as connection:
        connection.execute("UPDATE raw.users SET status = 'Active' WHERE user_id = 1")
    after = contents(published)
    assert [name for name in before if before[name] != after[name]] == ["raw.users"]


def test_a_backup_is_never_overwritten_and_nothing_is_left_of_one_that_failed(published, warehouse, tmp_path):
    file = tmp_path / "b.zip"
    file.write_text("kept")
    failed = run(published, "backup", str(file), exit_code=1)
    assert failed.stderr == f"error: {file} is there already; name another file\n"
    assert file.read_text() == "kept"
    failed = run(published, "backup", str(tmp_path / "nowhere" / "b.zip"), exit_code=1)
    assert failed.stderr.endswith("b.zip cannot be written: No such file or directory\n")
    failed = run(published, "backup", str(file / "b.zip"), exit_code=1)
    assert failed.stderr == f"error: {file / 'b.zip'} cannot be written: Not a directory\n"
    warehouse.unlink()
    failed = run(warehouse, "backup", str(tmp_path / "c.zip"), exit_code=1)
    assert failed.stderr == f"error: there is no warehouse at {warehouse} yet; nothing to save\n"
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"b.zip"}
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".backup")] == []


def test_two_backups_at_once_to_one_file_are_not_mixed(published, tmp_path, monkeypatch):
    """Both wrote one file on its way; the later one said that it had saved what the earlier one had taken away."""
    file, other = tmp_path / "b.zip", []
    settings = load_settings(warehouse=published)

    def meanwhile() -> str:
        if not other:
            other.append("runs")
            back_up(settings, file, print)
            other.append(file.read_bytes())
        return "1"

    monkeypatch.setattr("pipeline.backup.project_version", meanwhile)
    with pytest.raises(ReportError, match="is there already; name another file"):
        back_up(settings, file, print)
    assert file.read_bytes() == other[1]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".backup", "b.zip."))] == []


def test_what_is_no_whole_backup_is_refused_and_changes_nothing(published, tmp_path):
    file = tmp_path / "b.zip"
    run(published, "backup", str(file))
    before = digest(published)
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    digests = json.loads(zipfile.ZipFile(file).read("manifest.json"))["contents"]
    rows, _ = digests["raw.users"]
    cases = {
        "missing": None,
        "is not a whole backup": whole[: len(whole) // 2],
        "Bad CRC-32": bytes(damaged),
        "is no backup of ours": _zip_of_another(tmp_path),
        "is not a whole backup; use another one": _without_the_state(file),
        "is of postgres; restore it with --gateway postgres": rewritten(file, gateway="postgres").read_bytes(),
        "is of a warehouse named other": rewritten(file, name="other").read_bytes(),
        "was saved by another version": rewritten(file, format=2).read_bytes(),
        "does not give what was saved: raw.users; nothing": rewritten(
            file, contents=digests | {"raw.users": [rows, "1"]}
        ).read_bytes(),
    }
    for message, content in cases.items():
        bad = tmp_path / "bad.zip"
        bad.unlink(missing_ok=True)
        if content is not None:
            bad.write_bytes(content)
        failed = run(published, "restore", str(bad), exit_code=1)
        assert message in failed.stderr or (message == "Bad CRC-32" and "not a whole backup" in failed.stderr), message
        assert failed.stderr.count("\n") == 1
        assert digest(published) == before, message
        assert leftovers(published) == {"b.zip", "other.zip", "another.zip"} | (
            {"bad.zip"} if content is not None else set()
        )


def _without_the_state(file: Path) -> bytes:
    other = file.with_name("other.zip")
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(other, "w") as anew:
        anew.writestr("manifest.json", archive.read("manifest.json"))
    return other.read_bytes()


def _zip_of_another(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "another.zip", "w") as archive:
        archive.writestr("letter.txt", "Dear reader")
    return (folder / "another.zip").read_bytes()


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_backups_are_in_the_run_log(published, tmp_path, logs, command):
    for name in dict.fromkeys(["backup", command]):
        run(published, name, str(tmp_path / "b.zip"))
    newest = json.loads(run(published, "history", "--limit", "1", "--format", "json").stdout)[0]
    assert (newest["command"], newest["outcome"]) == (command, "done")
