"""A trial on the command line: the options of `answer --plan-test` and `answer --test`, and what these do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path

import click

from commands.options import NumberRange, absolute
from settings import Settings


@dataclass(frozen=True)
class Trial:
    """What `answer` is asked of a trial.

    Attributes:
        difference: worth acting on, a fraction; of a plan.
        seed: of the random list.
        allocation: the file that the random list goes to, if to any.
        outcome: the file of a finished trial; None: a plan is asked for.
        start: when the finished trial began.
    """

    difference: float
    seed: int
    allocation: Path | None
    outcome: Path | None
    start: datetime | None


def trial_options(command: Callable) -> Callable:
    """The options of a trial; the command gets them as `trial`, None where none is asked about.

    Raises:
        UsageError: options that do not go together.
    """

    @click.option("--plan-test", is_flag=True, help="Plan a test that would settle it, and answer nothing else.")
    @click.option(
        "--difference",
        type=NumberRange(0, 100, min_open=True),
        help="With --plan-test: percentage points worth acting on [default: 10].",
    )
    @click.option(
        "--allocation", type=click.Path(path_type=Path), help="With --plan-test: CSV file for the random list of arms."
    )
    @click.option(
        "--seed", type=click.IntRange(min=0), help="With --allocation: the same seed, the same list [default: 1]."
    )
    @click.option(
        "--test",
        "outcome",
        type=click.Path(path_type=Path),
        help="Evaluate a finished test instead: a CSV file user_id,arm as dealt.",
    )
    @click.option(
        "--test-start",
        "start",
        type=click.DateTime(["%Y-%m-%d"]),
        help="With --test: its first day, UTC, as YYYY-MM-DD.",
    )
    @wraps(command)
    def with_trial(
        *arguments,
        plan_test: bool,
        difference: float | None,
        allocation: Path | None,
        seed: int | None,
        outcome: Path | None,
        start: datetime | None,
        **options,
    ) -> None:
        _check_trial(plan_test, difference, allocation, seed, outcome, start, options["output"])
        trial = None
        if plan_test or outcome:
            points = 10 if difference is None else difference
            seed = 1 if seed is None else seed
            trial = Trial(points / 100, seed, absolute(allocation), absolute(outcome), start)
        command(*arguments, trial=trial, **options)

    return with_trial


def _check_trial(
    plan_test: bool,
    difference: float | None,
    allocation: Path | None,
    seed: int | None,
    outcome: Path | None,
    start: datetime | None,
    output: str,
) -> None:
    if plan_test and outcome:
        raise click.UsageError("--plan-test and --test ask for two things; give one of them")
    if not plan_test and (difference is not None or allocation):
        raise click.UsageError("--difference and --allocation belong to --plan-test")
    if seed is not None and not allocation:
        raise click.UsageError("--seed belongs to --allocation")
    if bool(outcome) != bool(start):
        raise click.UsageError("--test and --test-start go together: the file, and the first day of the test")
    if (plan_test or outcome) and output == "csv":
        raise click.UsageError("a test is printed as table, json or markdown; CSV is what --allocation writes")


def run_trial(
    trial: Trial,
    settings: Settings,
    environment: str,
    as_of: str | None,
    asked: Collection[str],
    output: str,
    colour: bool,
) -> str:
    """The plan or the outcome of a trial, as text; the random list goes to its file.

    Args:
        settings, environment, as_of, asked: as of `warehouse.answers.answer_from_warehouse`.
        output: `table`, `json` or `markdown`.
        colour: of a table.

    Raises:
        SettingsError, SourceError, WarehouseError: as `warehouse.trial`.
        ReportError: the random list cannot be written, or there is none, since the plan has no number of users.
    """
    from presentation.sections.trial import trial_outcome, trial_plan
    from presentation.trial import trial_text, write_allocation
    from warehouse.trial import outcome_from_warehouse, plan_from_warehouse

    if trial.outcome and trial.start:
        outcome = outcome_from_warehouse(settings, environment, as_of, trial.outcome, trial.start, asked)
        return trial_text(outcome, trial_outcome, settings, output, colour)
    plan = plan_from_warehouse(settings, environment, as_of, trial.difference, asked)
    if trial.allocation:
        from analysis.answer.trial import allocation

        write_allocation(trial.allocation, allocation(plan, trial.seed), trial.seed)
        click.echo(f"wrote {trial.allocation}", err=True)
    return trial_text(plan, trial_plan, settings, output, colour)
