"""The sample data under seeds/: made by the generator, and with the published counts."""

from __future__ import annotations

import json
import shutil

import pytest

from settings import SAMPLE_DATA
from simulation.sample import sample
from tests.conftest import event, ingest, write_data
from tests.test_answer import answer, run


def test_the_files_under_seeds_come_from_the_generator(tmp_path):
    sample().write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in SAMPLE_DATA.iterdir()}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (SAMPLE_DATA / path.name).read_bytes(), path.name


@pytest.mark.parametrize("seed", [1, 2])
def test_the_sample_gives_the_published_counts(tmp_path, warehouse, seed):
    sample(seed).write(tmp_path / "data")
    run(warehouse, "refresh", "--data", str(tmp_path / "data"))
    document = answer(warehouse)
    fields = ("users", "rebooked", "mature_users", "mature_rebooked")
    rows = document["rebooking"]["sessions"]["tiers"]
    assert [tuple(row[f] for f in fields) for row in rows] == [(42, 26, 39, 24), (57, 22, 54, 21), (33, 0, 29, 0)]
    rows = document["rebooking"]["bookings"]["tiers"]
    assert [(row["users"], row["rebooked"]) for row in rows] == [(42, 26), (57, 22), (33, 0)]
    fields = ("with_intent", "attended", "lost")
    rows = document["intent"]["tiers"]
    assert [tuple(row[f] for f in fields) for row in rows] == [(26, 26, 0), (25, 22, 3), (0, 0, 0)]
    fields = ("bookings", "attended", "cancelled", "rescheduled", "orphan")
    rows = document["reliability"]["tiers"]
    assert [tuple(row[f] for f in fields) for row in rows] == [(99, 91, 7, 5, 1), (90, 79, 11, 5, 0), (36, 33, 3, 0, 0)]
    overall = document["reliability"]["overall"]
    assert (overall["sessions"], overall["estimated_ends"], overall["unknown_user_events"]) == (203, 13, 1)


def test_it_is_never_counted_with_other_events_in_silence(tmp_path, warehouse, data_folder):
    """Whoever tried the sample first, or forgets to name a folder, would have two marketplaces in one answer."""
    own = data_folder()
    assert ingest(warehouse, SAMPLE_DATA)[-1].notes == ()
    assert ingest(warehouse, own)[-1].notes == (
        "the sample data are counted with these; to be without them: python cli.py reset --yes, then refresh",
    )
    assert ingest(warehouse, own)[-1].notes == ()
    warehouse.unlink()
    assert ingest(warehouse, own)[-1].notes == ()
    assert ingest(warehouse, write_data(own, events=[event("e1"), event("e2")]))[-1].notes == ()
    assert ingest(warehouse, SAMPLE_DATA)[-1].notes == (
        "these are the sample data, counted with what was loaded before; to undo it: python cli.py rollback",
    )


def test_files_that_come_on_top_of_it_in_its_own_folder_are_no_others(tmp_path, warehouse):
    folder = tmp_path / "data"
    shutil.copytree(SAMPLE_DATA, folder)
    ingest(warehouse, folder)
    (folder / "booking_events").mkdir()
    (folder / "booking_events" / "monday.jsonl").write_text(json.dumps(event("monday")), encoding="utf-8")
    loads = ingest(warehouse, folder)
    assert [(load.outcome, load.notes) for load in loads if load.source == "booking_events"] == [
        ("unchanged", ()),
        ("loaded", ()),
    ]
