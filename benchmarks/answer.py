"""What asking takes, each command beside its floor: a process that only imports.

    python -m benchmarks.answer --users 200000
    python -m benchmarks.answer --warehouse warehouse.duckdb --repeats 9

Command and floor run in turn. Prints a Markdown table and then, as one line of JSON, every figure: see
`benchmarks/processes.py`. Processor time is disturbed less by other work on the machine than wall time.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from benchmarks.processes import Measured, cli, measured, python, show
from benchmarks.run import warehouse_of

# What `answer` imports before it asks, from the reports alone and with the facts, and `report` to draw its charts.
ANSWER = "import cli, duckdb, presentation.answer, presentation.renderers.terminal, warehouse.answers"
FACTS = f"{ANSWER}, analysis.answer.facts, ibis.backends.duckdb"
FLOORS = {
    "start": "import click, duckdb",
    "answer": ANSWER,
    "facts": FACTS,
    "report": f"{FACTS}, presentation.report, presentation.charts.drawing, presentation.renderers.html",
}
COMMANDS = {
    "--help": "start",
    "history": "start",
    "rejects": "start",
    "status": "start",
    "answer": "answer",
    "answer --group-a Silver --group-b Bronze": "answer",
    "answer --full": "facts",
    "answer --window-days 14": "facts",
    "answer --tier-attribution at_session": "facts",
    "answer --as-of {moment}": "facts",
    "report --out {report}": "report",
}


def asked(warehouse: Path, repeats: int, commands: dict[str, str] = COMMANDS) -> list[Measured]:
    """Commands on one warehouse, each beside its imports."""
    newest = json.loads(cli(warehouse, "answer", "--format", "json").output)["parameters"]["as_of"]
    places = {"moment": newest, "report": str(warehouse.with_name("report.html"))}
    return [
        measured(
            f"`{command}`",
            partial(cli, warehouse, *command.format(**places).split()),
            floor,
            partial(python, "-c", FLOORS[floor]),
            repeats,
        )
        for command, floor in commands.items()
    ]


@click.command()
@click.option("--users", type=click.IntRange(min=0), default=0, show_default=True, help="Synthetic; 0: the sample.")
@click.option("--warehouse", type=click.Path(path_type=Path, exists=True), help="Measure this one instead.")
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Pairs that count.")
def main(users: int, warehouse: Path | None, repeats: int) -> None:
    """Measure what asking takes."""
    if warehouse:
        show(asked(warehouse.absolute(), repeats), users=warehouse.name, repeats=repeats, floors=FLOORS)
        return
    with warehouse_of(users) as built:
        show(asked(built, repeats), users=users or "sample", repeats=repeats, floors=FLOORS)


if __name__ == "__main__":
    main()
