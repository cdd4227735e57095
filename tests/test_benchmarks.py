"""What speeds are compared with counts what the models count, and a slower ratio is told of."""

from __future__ import annotations

import json

import duckdb
import pytest
from click.testing import CliRunner

from benchmarks import check
from benchmarks.check import complaints, ratios
from benchmarks.floor import headline
from benchmarks.processes import Timed, beside, measured, python
from settings import PROJECT_ROOT
from simulation.population import Scenario, simulate
from tests.test_answer import answer, run


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """The folder of a population with every kind of dirt, `data`, and of a `warehouse.duckdb` that has it."""
    folder = tmp_path_factory.mktemp("dirty")
    simulate(Scenario(300, dirt=0.05)).write(folder / "data", "jsonl")
    run(folder / "warehouse.duckdb", "refresh", "--data", str(folder / "data"))
    return folder


def test_both_floors_count_what_the_answer_counts(dirty):
    tiers = answer(dirty / "warehouse.duckdb")["rebooking"]["sessions"]["tiers"]
    counted = {row["tier"]: [row["users"], row["rebooked"]] for row in tiers if row["users"]}
    assert headline(dirty / "data") == counted
    assert headline(dirty / "data", dirty / "kept.duckdb") == counted


def test_what_the_floor_keeps_is_what_the_warehouse_keeps(dirty, tmp_path):
    headline(dirty / "data", tmp_path / "kept.duckdb")
    with duckdb.connect(str(tmp_path / "kept.duckdb")) as connection:
        connection.execute(f"ATTACH '{dirty / 'warehouse.duckdb'}' AS warehouse (READ_ONLY)")

        def differ(kept: str, built: str) -> list[tuple]:
            return connection.execute(
                f"(FROM ({kept}) EXCEPT ALL FROM ({built})) UNION ALL (FROM ({built}) EXCEPT ALL FROM ({kept}))"
            ).fetchall()

        for columns, kept, built in (
            ("session_id, started_at", "sessions", "fct_sessions"),
            ("booking_id, requested_at, booking_status", "bookings", "fct_bookings"),
        ):
            assert differ(f"SELECT {columns} FROM {kept}", f"SELECT {columns} FROM warehouse.marts.{built}") == []
        events = "SELECT event_id, user_id, mentor_id, occurred_at, event_type FROM"
        assert differ(f"{events} booking_events", f"{events} warehouse.raw.booking_events") == []


def test_a_ratio_that_is_worse_than_the_margin_is_told_of():
    kept = {"refresh / headline": 10.0, "answer / imports": 1.0, "plan / project": 4.0}
    found = {"refresh / headline": 16.0, "answer / imports": 1.4, "run / refresh": 1.0}
    assert complaints(found, kept) == [
        "plan / project: not measured any more",
        "refresh / headline: 16.00, 1.6 times the 10.00 of before",
        "run / refresh: 1.00, not kept yet",
    ]
    assert complaints(kept, kept) == []


def test_ratios_are_medians_of_pairs():
    def one(cpu: float) -> Timed:
        return Timed(cpu, 2 * cpu, 10**9, "")

    row = beside("refresh", "headline", [(one(4), one(2)), (one(9), one(3)), (one(50), one(1))])
    assert (row.cpu_seconds, row.floor_cpu_seconds, row.cpu_ratio, row.gigabytes) == (9, 2, 3, 1)
    assert ratios([row]) == {"refresh / headline": 3}


def test_a_process_is_measured_with_its_children():
    taken = "import time; held = b'x' * 200_000_000; time.sleep(1)"
    child = f"import subprocess, sys; {taken}; subprocess.run([sys.executable, '-c', {taken!r}])"
    row = measured("two", lambda: python("-c", child), "one", lambda: python("-c", "import time; time.sleep(0.3)"), 1)
    assert row.gigabytes > 0.38
    assert row.floor_gigabytes < 0.2
    assert row.wall_seconds > 1


def test_what_is_watched_is_compared_with_what_was_kept(monkeypatch, tmp_path):
    row = beside("refresh", "headline", [(Timed(4, 4, 0, ""), Timed(2, 2, 0, ""))])
    monkeypatch.setattr(check, "all_measured", lambda _: [row])
    monkeypatch.setattr(check, "RATIOS", tmp_path / "ratios.json")
    assert CliRunner().invoke(check.main, ["--write"]).exit_code == 0
    assert CliRunner().invoke(check.main, []).exit_code == 0
    (tmp_path / "ratios.json").write_text(json.dumps({"refresh / headline": 1.0}))
    told = CliRunner().invoke(check.main, [])
    assert told.exit_code == 1
    assert "refresh / headline: 2.00, 2.0 times the 1.00 of before" in told.output


def test_every_kept_ratio_is_one_that_is_measured():
    kept = json.loads((PROJECT_ROOT / "benchmarks" / "ratios.json").read_text(encoding="utf-8"))
    assert {f"`{command}`" for command in check.ASKED} <= {name.split(" / ")[0] for name in kept}
