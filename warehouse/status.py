"""What `status` says: how every environment stands, what needs a hand and what is only worth a look."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engines.protocol import Reader
from settings import Settings
from warehouse.environments import read_environments
from warehouse.freshness import read_freshness, stale_remarks, volume_remarks


def read_status(reader: Reader, settings: Settings, definitions: dict[str, str], now: datetime) -> list[dict[str, Any]]:
    """How every environment stands, prod first.

    Args:
        definitions: the checksums of the metrics of the working tree, by module.
        now: the moment that ages are measured at, with a time zone.

    Returns:
        For each environment its name, `as_of` (UTC), what it has taken in, what differs from how it was built, its
        freshness, `remarks` on what needs a hand and `notices` of what is worth a look, one line each.

    Raises:
        WarehouseError: other models built an environment.
    """
    found = []
    for environment in read_environments(reader):
        changed, redefined = environment.changed_settings(settings), environment.changed_definitions(definitions)
        reports_say_now = environment.reports_say_now and not redefined
        freshness = read_freshness(reader, environment, settings, now, reports_say_now)
        found.append(
            {
                "environment": environment.name,
                "as_of": freshness["newest_event"],
                "taken_in": environment.taken_in,
                "changed_settings": {name: {"built": built, "here": here} for name, (built, here) in changed.items()},
                "changed_definitions": redefined,
                "freshness": freshness,
                "remarks": environment.remarks(settings, definitions) + stale_remarks(environment, settings, now),
                "notices": volume_remarks(environment.name, freshness["week"]),
            }
        )
    return found
