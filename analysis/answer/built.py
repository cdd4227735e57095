"""How the environment stands whose answer is given."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.answer.schema.document import Parameters, TakenIn
from analysis.answer.schema.freshness import Freshness
from analysis.answer.tiers import Row
from settings import Settings


@dataclass(frozen=True)
class Built:
    """How the environment stands whose answer it is.

    Attributes:
        environment: its name.
        as_of: the latest event that its facts were built from, naive UTC; None without facts.
        newest_load: the newest load whose events count.
        taken_in: loads and events that it holds, and that wait.
        settings: what its facts and reports were built with, by name.
        changed_definitions: the modules of metrics that say something else here than it was built with.
        freshness: reads how fresh its data are at `answered_at`, for a document that says so.
        answered_at: when the answer is given, UTC, in whole seconds.
        report: reads a report of it by name; None where its reports may say something else than its facts do now.
    """

    environment: str
    as_of: datetime.datetime | None
    newest_load: int
    taken_in: TakenIn
    settings: dict[str, Any]
    changed_definitions: list[str]
    freshness: Callable[[], Freshness]
    answered_at: datetime.datetime
    report: Callable[[str], list[Row]] | None = None


def parameters(settings: Settings, built: Built, as_of: datetime.datetime | None) -> Parameters:
    """What is asked, of which environment, and as of when; arguments as of `document.answer`."""
    moment = as_of or built.as_of
    return {
        "environment": built.environment,
        "gateway": settings.gateway,
        "window_days": settings.rebooking_window_days,
        "group_a": settings.group_a,
        "group_b": settings.group_b,
        "tier_attribution": settings.tier_attribution,
        "as_of": moment.isoformat() + "Z" if moment else None,
        "answered_at": built.answered_at.isoformat().replace("+00:00", "Z"),
        "taken_in": built.taken_in,
        "settings": built.settings,
        "changed_definitions": built.changed_definitions,
    }
