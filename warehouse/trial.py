"""A trial planned and evaluated from a warehouse, and the file that says who was dealt to which arm."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.answer.built import Built
from analysis.answer.schema.rows import GroupName
from analysis.answer.schema.trial import ARMS, TrialOutcome, TrialPlan
from analysis.answer.trial import trial_outcome, trial_plan
from engines import engine_of
from errors import SettingsError, SourceError
from settings import Settings
from warehouse.answers import parse_as_of, read_document
from warehouse.environments import read_environment

if TYPE_CHECKING:
    from ibis.expr.types import Table

_COLUMNS = ("user_id", "arm")
# Users have 64-bit integers for names.
_GREATEST_USER = 2**63 - 1


def plan_from_warehouse(
    settings: Settings, environment: str, as_of: str | None, difference: float, asked: Collection[str] = ()
) -> TrialPlan:
    """The plan of a trial, from one environment of the warehouse.

    Args:
        difference: worth acting on, a minus b, a fraction.
        settings, environment, as_of, asked: as of `answer_from_warehouse`.

    Raises:
        SettingsError, WarehouseError: as `answer_from_warehouse`.
    """
    moment = parse_as_of(as_of)

    def work(table: Callable[[str], Table], question: Settings, built: Built) -> TrialPlan:
        return trial_plan(table, question, built, moment, difference)

    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        return read_document(reader, settings, read_environment(reader, environment), moment, asked, work)


def outcome_from_warehouse(
    settings: Settings,
    environment: str,
    as_of: str | None,
    file: Path,
    start: datetime,
    asked: Collection[str] = (),
) -> TrialOutcome:
    """What came of a trial, from one environment of the warehouse.

    Args:
        file: as of `read_dealt`.
        start: when the trial began, naive UTC.
        settings, environment, as_of, asked: as of `answer_from_warehouse`.

    Raises:
        SettingsError: as `answer_from_warehouse`, and where the trial began after the moment asked about.
        SourceError: as `read_dealt`.
        WarehouseError: as `answer_from_warehouse`.
    """
    moment = parse_as_of(as_of)
    dealt = read_dealt(file)

    def work(table: Callable[[str], Table], question: Settings, built: Built) -> TrialOutcome:
        return trial_outcome(table, question, built, moment, dealt, start)

    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        found = read_environment(reader, environment)
        seen_until = moment or found.as_of
        if seen_until is None or start > seen_until:
            until = f"there are events until {seen_until:%Y-%m-%d} only" if seen_until else "there is no event yet"
            raise SettingsError(f"--test-start {start:%Y-%m-%d} lies after what the answer speaks of; {until}")
        return read_document(reader, settings, found, moment, asked, work)


def read_dealt(file: Path) -> dict[int, GroupName]:
    """The arm of each user, from a CSV file with the columns `user_id` and `arm`; other columns do not count.

    An arm is `a` or `b`, or `group_a` or `group_b`, in any case.

    Raises:
        SourceError: the file cannot be read, a column is missing, or a row has no user, an unknown arm, or a
            user of an earlier row; names the file and the row, the header being row 1.
    """
    dealt: dict[int, GroupName] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines)
            header = [name.strip().lower() for name in next(rows, [])]
            if missing := [name for name in _COLUMNS if name not in header]:
                raise SourceError(f"{file}, row 1: there is no column {' and no column '.join(missing)}")
            places = [header.index(name) for name in _COLUMNS]
            for number, row in enumerate(rows, start=2):
                if not any(cell.strip() for cell in row):
                    continue
                user, arm = (row[place].strip() if place < len(row) else "" for place in places)
                where = f"{file}, row {number}"
                if not re.fullmatch(r"[0-9]{1,19}", user) or int(user) > _GREATEST_USER:
                    raise SourceError(f"{where}: user_id {user!r} is no whole number")
                if arm.lower() not in ARMS:
                    raise SourceError(f"{where}: arm {arm!r} is unknown; use a or b")
                if int(user) in dealt:
                    raise SourceError(f"{where}: user {int(user)} is dealt a second time; name each user once")
                dealt[int(user)] = ARMS[arm.lower()]
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{file} cannot be read: it is not UTF-8 text") from None
    except csv.Error as error:
        raise SourceError(f"{file} cannot be read as CSV: {error}") from None
    if not dealt:
        raise SourceError(f"{file} names no user; it needs a row a user below the header user_id,arm")
    return dealt
