"""Whether anything takes far longer than it did, as ratios to a floor of the same run.

    python -m benchmarks.check           # or: make bench-check
    python -m benchmarks.check --write

Compares ratios of processor time, which other work on a machine disturbs less than wall time, with those of
`benchmarks/ratios.json`, and fails beyond a wide margin; `--write` keeps what was measured instead, to be committed
with the reason. It takes some minutes, and is run by hand and on a schedule.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from benchmarks.answer import COMMANDS, asked
from benchmarks.processes import Measured, show
from benchmarks.run import compared_paths, planned, refreshed, warehouse_of

RATIOS = Path(__file__).with_name("ratios.json")
# Ratios of a quiet and of a busy machine differ by a third.
MARGIN = 1.5
USERS = 20_000
ASKED = ("--help", "status", "answer", "answer --full")


def all_measured(repeats: int) -> list[Measured]:
    """What is watched."""
    rows = [*refreshed(0, "duckdb", repeats), *refreshed(USERS, "duckdb", repeats)]
    rows += [*compared_paths(USERS, repeats), *planned(0, repeats)]
    with warehouse_of(USERS) as warehouse:
        rows += asked(warehouse, repeats, {command: COMMANDS[command] for command in ASKED})
    return rows


def ratios(rows: list[Measured]) -> dict[str, float]:
    """The ratio of each command to its floor, by both their names."""
    return {f"{row.command} / {row.floor}": round(row.cpu_ratio, 2) for row in rows}


def complaints(found: dict[str, float], kept: dict[str, float], margin: float = MARGIN) -> list[str]:
    """One line for each ratio that is worse by more than the margin, or that only one of both has."""
    lines = [f"{name}: not measured any more" for name in kept if name not in found]
    for name, ratio in found.items():
        if name not in kept:
            lines.append(f"{name}: {ratio:.2f}, not kept yet")
        elif ratio > kept[name] * margin:
            lines.append(f"{name}: {ratio:.2f}, {ratio / kept[name]:.1f} times the {kept[name]:.2f} of before")
    return lines


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--write", is_flag=True, help="Keep what is measured.")
def main(repeats: int, write: bool) -> None:
    """Measure what is watched, and compare it with what was kept."""
    rows = all_measured(repeats)
    show(rows, repeats=repeats)
    found = ratios(rows)
    if write:
        RATIOS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return
    lines = complaints(found, json.loads(RATIOS.read_text(encoding="utf-8")))
    if lines:
        raise click.ClickException(
            "\n".join([*lines, "mend it, or keep it with a reason: python -m benchmarks.check --write"])
        )
    click.echo(f"nothing takes more than {MARGIN} times its ratio of before")


if __name__ == "__main__":
    main()
