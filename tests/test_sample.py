"""The sample data under seeds/: made by the generator, and with the published counts."""

from __future__ import annotations

import pytest

from settings import PROJECT_ROOT
from simulation.sample import sample
from tests.test_answer import answer, run

SAMPLE = PROJECT_ROOT / "seeds" / "sample"


def test_the_files_under_seeds_come_from_the_generator(tmp_path):
    sample().write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in SAMPLE.iterdir()}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (SAMPLE / path.name).read_bytes(), path.name


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
