"""Figures by tier and by group, from rows of counts by tier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from settings import Settings, known_tiers

Row = dict[str, Any]
GROUPS = ("group_a", "group_b")


def tiers_of(settings: Settings, group: str) -> list[str]:
    """The tiers of `group_a` or `group_b`."""
    return getattr(settings, group)


def total(rows: Iterable[Row], tiers: list[str], names: Iterable[str]) -> dict[str, int]:
    """The sum of each named count over the rows of these tiers."""
    chosen = [row for row in rows if row["tier"] in tiers]
    return {name: sum(row[name] for row in chosen) for name in names}


def by_tier(figures: Callable[[list[str]], Row]) -> list[Row]:
    """One row per known tier, best first: `tier` and the figures of that tier alone."""
    return [{"tier": tier} | figures([tier]) for tier in known_tiers()]


def by_group(settings: Settings, figures: Callable[[list[str]], Row]) -> list[Row]:
    """One row for each of the two groups compared: `group, tiers` and the figures of its tiers together."""
    return [
        {"group": group, "tiers": tiers_of(settings, group)} | figures(tiers_of(settings, group)) for group in GROUPS
    ]
