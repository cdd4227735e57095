"""Options of the command line: those that several commands share, and how values are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from errors import OptionError
from settings import Settings, known_tiers, load_settings, tier_name


def absolute(path: Path | None) -> Path | None:
    """A path given on the command line starts where the user is, not at the project."""
    return path.absolute() if path else None


class NumberRange(click.FloatRange):
    """A number of a range; `nan`, which no comparison keeps out, is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


def environment_name(_context: click.Context, option: click.Parameter, name: str) -> str:
    """The name as SQLMesh keeps it: it becomes part of the names of schemas.

    Raises:
        OptionError: it has other characters than a to z, 0 to 9 and _.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise OptionError(f"{option.opts[0]} {name!r} is no name of an environment; use a to z, 0 to 9 and _")
    return name


def tier_rates(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """`TIER=RATE` options as a dict.

    Raises:
        BadParameter: no known tier, or no rate from 0 to 1.
    """
    rates = {}
    for value in values:
        tier, _, rate = value.partition("=")
        tier = tier_name(tier)
        if tier not in known_tiers():
            raise click.BadParameter(f"unknown tier in {value!r} (known tiers: {', '.join(known_tiers())})")
        try:
            rates[tier] = float(rate)
        except ValueError:
            rates[tier] = -1
        if not 0 <= rates[tier] <= 1:
            raise click.BadParameter(f"{value!r} is not TIER=RATE with a rate from 0 to 1")
    return rates


# A year; a timer of the system takes no arbitrary number.
LONGEST_SECONDS = 31_536_000

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the three sources [default: the sample data]."
)
environment_option = click.option(
    "--env", "environment", default="prod", show_default=True, callback=environment_name, help="The environment."
)
timeout_option = click.option(
    "--timeout",
    type=NumberRange(0, LONGEST_SECONDS, min_open=True),
    help="Seconds after which the command is ended, and nothing published [default: no limit].",
)
_QUESTION = ("rebooking_window_days", "group_a", "group_b", "tier_attribution")


def question_options(command: Callable) -> Callable:
    """What is asked, of which environment; the command gets the settings with it as `settings`.

    `asked` names those of them that an environment was built with, and that are asked for all the same.
    """

    @environment_option
    @click.option("--window-days", "rebooking_window_days", help="Rebooking window in days, or none for no limit.")
    @click.option("--group-a", help="Tiers of the first group, separated by commas.")
    @click.option("--group-b", help="Tiers of the second group, separated by commas.")
    @click.option("--tier-attribution", help="current, or at_session: the tier that held at the first session.")
    @click.option("--as-of", help="ISO-8601 time, UTC unless it says otherwise [default: the latest event].")
    @click.pass_obj
    @wraps(command)
    def with_settings(settings: Settings, **options) -> None:
        question = {name: options.pop(name) for name in _QUESTION}
        asked = () if question["rebooking_window_days"] is None else ("rebooking_window_days",)
        settings = load_settings(warehouse=settings.warehouse, gateway=settings.gateway, **question)
        command(settings, asked=asked, **options)

    return with_settings
