"""`check` says of a folder what loading it would say, and what the answer would lack, and touches no warehouse."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answer.schema.document import Answer
from cli import cli
from errors import SourceError
from ingest.check import Check, check_folder
from ingest.contract import CONTRACTS, WITHOUT_EVENTS
from ingest.event_catalogue import EVENT_TYPES
from settings import PROJECT_ROOT, load_settings
from tests.bad_input.cases import CASES
from tests.bad_input.cases.case import Case
from tests.bad_input.conftest import write_good
from tests.conftest import ATTENDED, EXAMPLES_FACTOR, MENTORS_CSV, USERS_CSV, event, ingest, write_data
from tests.renamed_exports import MAPPING, write_renamed

SAMPLE = PROJECT_ROOT / "seeds" / "sample"
COUNTS = ("rows_read", "rows_loaded", "rows_known", "rows_duplicate", "rows_rejected")


def check(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["check", *arguments])
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result


def held_against(folder: Path) -> Check:
    return check_folder(load_settings(), folder, examples=2)


def assert_says_what_loading_says(folder: Path, warehouse: Path) -> None:
    found = held_against(folder)
    failures = [file.failure for file in found.files if file.failure]
    assert found.would_load is not bool(failures)
    if failures:
        with pytest.raises(SourceError) as refusal:
            ingest(warehouse, folder)
        assert str(refusal.value) in failures
        return
    loads = ingest(warehouse, folder)
    assert len(loads) == len(found.files)
    for load, file in zip(loads, found.files, strict=True):
        assert (str(load.file), load.source) == (str(folder / file.file), file.source)
        assert [getattr(load, name) for name in COUNTS] == [getattr(file, name) for name in COUNTS]
        assert (load.notes, load.outcome, load.sentence) == (file.notes, file.outcome, file.sentence)
        assert sum(rejections.rows for rejections in file.rejections) == load.rows_rejected


ROWS = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["e1", "e2", "e3", "", 4]),
        "user_id": st.sampled_from([1, "2", 99, "x", None, 2**64]),
        "mentor_id": st.sampled_from(["M-1", " M-2 ", "M-9", "", ["M-1"]]),
        "timestamp": st.sampled_from(["2023-02-01", "2023-02-01T10:00:00Z", "soon", "1999-01-01", "2999-01-01"]),
        "event_type": st.sampled_from([*(kind.name for kind in EVENT_TYPES), "SESSION_ENDED ", "paused"]),
    },
    optional={"cancelled_by": st.sampled_from(["user", ""]), "more": st.just(1)},
)
USERS = st.lists(
    st.sampled_from([*USERS_CSV.splitlines()[1:], "x,1,2023-01-01,a", '3,"7,2023', "4,7,x,a", "1,8,2023-01-01,b"])
)
MENTORS = st.lists(st.sampled_from([*MENTORS_CSV.splitlines()[1:], "M-1,Silver,1", "M-3,Gold,x", ",Gold,1", "M-4,,1"]))


@settings(max_examples=10 * EXAMPLES_FACTOR, deadline=None)
@given(users=USERS, mentors=MENTORS, files=st.lists(st.lists(ROWS, max_size=8), min_size=1, max_size=3))
def test_any_folder_is_counted_as_loading_counts_it(users, mentors, files):
    with tempfile.TemporaryDirectory() as place:
        folder = write_data(
            Path(place) / "data",
            "\n".join([USERS_CSV.splitlines()[0], *users]),
            "\n".join([MENTORS_CSV.splitlines()[0], *mentors]),
            events=files[0],
        )
        (folder / "booking_events").mkdir()
        for number, events in enumerate(files[1:]):
            (folder / "booking_events" / f"{number}.jsonl").write_text("\n".join(map(json.dumps, events)) + "\n")
        assert_says_what_loading_says(folder, Path(place) / "warehouse.duckdb")


@settings(max_examples=10 * EXAMPLES_FACTOR, deadline=None)
@given(case=st.sampled_from([case for case in CASES if not case.interfere]))
def test_bad_input_is_counted_as_loading_counts_it(case: Case):
    with tempfile.TemporaryDirectory() as place:
        folder = write_good(Path(place) / case.folder)
        case.make(folder)
        try:
            assert_says_what_loading_says(folder, Path(place) / "warehouse.duckdb")
        finally:
            for path in folder.rglob("*") if folder.is_dir() else ():
                if not path.is_symlink() and path.is_dir():
                    path.chmod(0o755)


@pytest.mark.real_data
def test_the_real_files_would_be_loaded(real_data):
    found = held_against(real_data)
    assert found.would_load
    assert sum(file.rows_rejected or 0 for file in found.files) == 0


def test_no_warehouse_is_touched_and_no_run_is_logged(warehouse, logs, monkeypatch, tmp_path):
    monkeypatch.setenv("MENTOR_WAREHOUSE", str(warehouse))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    check(str(SAMPLE))
    assert not warehouse.exists()
    assert not logs.exists()
    assert not list(scratch.iterdir())


def test_a_folder_that_would_not_be_loaded_exits_with_1_and_says_all_that_stands_against_it(data_folder):
    folder = data_folder(mentors="mentor_id,tier\nM-1,Gold\n", events="[")
    (folder / "users_db_export.csv").rename(folder / "customers.csv")
    output = check(str(folder), exit_code=1).stdout
    assert f"  {folder}/users_db_export.csv is missing" in output
    assert "lacks the column hourly_rate (found: mentor_id, tier)" in output
    assert "booking_events.json (booking events): cannot be loaded" in output
    assert "files that are not read:\n  customers.csv" in output
    assert output.endswith("nothing of the folder would be loaded: 3 of 3 files stand against it\n")
    assert "does not exist" in check(str(folder / "none"), exit_code=1).stdout


def test_json_says_the_same(data_folder):
    folder = data_folder(events=[event("e1"), event("e2", user_id="x\u0007"), event("e3", event_type="paused")])
    found = json.loads(check(str(folder), "--format", "json", "--examples", "1").stdout)
    assert found["would_load"] is True
    events = found["files"][2]
    assert (events["file"], events["source"], events["rows_rejected"]) == ("booking_events.json", "booking_events", 2)
    by_reason = {row["reason"]: row for row in events["rejections"]}
    assert {reason: row["rows"] for reason, row in by_reason.items()} == {"invalid_user_id": 1, "unknown_event_type": 1}
    assert by_reason["invalid_user_id"]["examples"][0]["position"] == 2
    assert events["notes"] == ["event types that are not known: paused (1)"]


def test_examples_are_shown_safely_and_only_as_many_as_asked_for(data_folder):
    users = USERS_CSV + "".join(f"\u001b[31mx{n},7,2023-01-01,{'long' * 100}\n" for n in range(3))
    folder = data_folder(users=users)
    output = check(str(folder), "--examples", "2").stdout
    assert output.count("[31mx") == 2
    assert "\u001b" not in output
    assert max(map(len, output.splitlines())) < 260
    assert "x0" not in check(str(folder), "--examples", "0").stdout
    assert "rejected, invalid user id: 3" in check(str(folder), "--examples", "0").stdout


def missing(folder: Path) -> dict[str, tuple[int, int]]:
    return {each.what: (each.rows_with_it, each.rows) for each in held_against(folder).missing}


def test_what_the_files_do_not_tell_is_named_with_the_sections_that_say_less(data_folder):
    mentors = "mentor_id,tier,hourly_rate,updated_at\nM-1,Gold,x,2023-01-01\nM-2,Platinum,100,\n"
    events = [*ATTENDED, event("e3", event_type="booking_cancelled", user_id=9, timestamp="2023-02-04")]
    found = missing(data_folder(mentors=mentors, events=events))
    assert found["mentors.hourly_rate"] == (1, 2)
    assert found["mentors.updated_at"] == (1, 2)
    assert found["users.updated_at"] == (0, 2)
    assert found["booking_events.cancelled_by"] == (0, 1)
    assert found["booking_events.requested_duration_minutes"] == (0, 1)
    assert found["events of type booking_confirmed"] == (0, 3)
    assert found["events whose user_id is in users"] == (2, 3)
    assert found["mentors of a known tier"] == (1, 2)
    assert found["mentors of group_b"] == (0, 2)
    assert not {"users.company_id", "events of type booking_requested", "mentors.tier", "mentors of group_a"} & set(
        found
    )
    assert "booking_events.duration_seconds" not in found  # of no event that could have it


def test_every_section_named_is_one_of_the_answer_and_everything_optional_names_one():
    sections = set(Answer.__annotations__)
    for contract in CONTRACTS.values():
        for field in contract.fields:
            assert set(field.sections) <= sections, field.name
            assert bool(field.sections) == bool(field.without_it), field.name
            assert field.sections or field.is_filled or "counted nowhere yet" in field.description, field.name
            assert replace(field, description="") != field, field.name
    assert set(WITHOUT_EVENTS) == {kind.name for kind in EVENT_TYPES}
    assert {section for named, _ in WITHOUT_EVENTS.values() for section in named} <= sections
    assert all(bool(named) == bool(consequence) for named, consequence in WITHOUT_EVENTS.values())


def test_three_exports_under_other_names_come_to_the_same_answer_in_four_commands(tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"
    write_renamed(SAMPLE, theirs, {"users": "csv", "mentors": "parquet", "booking_events": "jsonl"})
    first = check(str(theirs), exit_code=1).stdout
    for name in ("crm/customers.csv", "coaches.parquet", "tool/stream.jsonl"):
        assert f"  {name}\n" in first
    (tmp_path / "sources.toml").write_text(MAPPING, encoding="utf-8")
    monkeypatch.setenv("MENTOR_SOURCES", str(tmp_path / "sources.toml"))
    assert "not loaded" not in check(str(theirs)).stdout

    def answer(data: Path) -> dict:
        warehouse = tmp_path / data.name / "warehouse.duckdb"
        for command in (["refresh", "--data", str(data)], ["answer", "--format", "json"]):
            done = CliRunner().invoke(cli, ["--warehouse", str(warehouse), *command])
            assert done.exit_code == 0, done.output
        document = json.loads(done.stdout)
        del document["parameters"]["answered_at"], document["freshness"]
        return document

    found = answer(theirs)
    monkeypatch.delenv("MENTOR_SOURCES")
    assert found == answer(Path(shutil.copytree(SAMPLE, tmp_path / "ours")))
    assert found["rebooking"]["sessions"]["tiers"][0]["users"] == 42
