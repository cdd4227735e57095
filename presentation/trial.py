"""The plan and the outcome of a trial as text, and its random list as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from errors import ReportError, writing
from presentation.content import Section
from presentation.document import Row, settings_of
from presentation.renderers import as_text
from presentation.renderers.csv import csv_text
from presentation.sections.trial import trial_question
from settings import Settings


def trial_text(
    document: Mapping[str, Any],
    sections: Callable[[Row, Settings], list[Section]],
    settings: Settings,
    output: str,
    colour: bool,
) -> str:
    """The plan or the outcome of a trial as `table`, `json` or `markdown`.

    Args:
        document: a `TrialPlan` or a `TrialOutcome`.
        sections: what is said of it, of `presentation.sections.trial`.
        colour: of a table.
    """
    row = dict(document)
    if output == "json":
        return json.dumps(row, indent=2) + "\n"
    return as_text(trial_question(row), sections(row, settings_of(row, settings)), output, colour)


def write_allocation(path: Path, arms: Sequence[str], seed: int) -> None:
    """Write the arms of a random list, one a row: `seed, place, arm`, the first place being 1.

    Raises:
        ReportError: there is no arm to write, or the file cannot be written or is there already: a list that
            users are being dealt by must not be lost.
    """
    if not arms:
        raise ReportError(f"{path} was not written: this test needs no number of users that a list could have")
    rows = [("seed", "place", "arm"), *((seed, place, arm) for place, arm in enumerate(arms, start=1))]
    with writing(path):
        if path.exists():
            raise ReportError(f"{path} is there already; name another file with --allocation")
        with path.open("x", encoding="utf-8", newline="") as file:
            try:
                file.write(csv_text(rows))
                file.flush()
            except OSError:
                path.unlink()  # a list cut short must not be dealt by
                raise
