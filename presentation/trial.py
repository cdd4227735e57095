"""The plan and the outcome of a trial as text, and its random list as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from errors import ReportError
from presentation.content import Section
from presentation.document import settings_of
from presentation.renderers.csv import csv_text
from presentation.sections.trial import trial_outcome, trial_plan, trial_question
from settings import Settings


def plan_text(plan: Mapping[str, Any], settings: Settings, output: str, colour: bool) -> str:
    """The plan of a trial as `table`, `json` or `markdown`.

    Args:
        plan: a `TrialPlan`.
        colour: of a table.
    """
    document = dict(plan)
    return _text(document, trial_plan(document, settings_of(document, settings)), output, colour)


def outcome_text(outcome: Mapping[str, Any], settings: Settings, output: str, colour: bool) -> str:
    """The outcome of a trial as `table`, `json` or `markdown`.

    Args:
        outcome: a `TrialOutcome`.
        colour: of a table.
    """
    document = dict(outcome)
    return _text(document, trial_outcome(document, settings_of(document, settings)), output, colour)


def write_allocation(path: Path, arms: Sequence[str], seed: int) -> None:
    """Write the arms of a random list, one a row: `seed, place, arm`, the first place being 1.

    Raises:
        ReportError: there is no arm to write, or the file cannot be written or is there already: a list that
            users are being dealt by must not be lost.
    """
    if not arms:
        raise ReportError(f"{path} was not written: this test needs no number of users that a list could have")
    rows = [("seed", "place", "arm"), *((seed, place, arm) for place, arm in enumerate(arms, start=1))]
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(csv_text(rows))
    except FileExistsError:
        raise ReportError(f"{path} is there already; name another file with --allocation") from None
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror or error}") from None


def _text(document: dict[str, Any], content: list[Section], output: str, colour: bool) -> str:
    if output == "json":
        return json.dumps(document, indent=2) + "\n"
    if output == "markdown":
        from presentation.renderers.markdown import as_markdown

        return as_markdown(trial_question(document), content)
    from presentation.renderers.terminal import as_terminal

    return as_terminal(content, colour)
