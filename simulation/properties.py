"""The optional properties of the tracking plan, drawn so that they agree with what the simulation lets happen.

Times are in seconds since the first day of the simulation.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

PROPERTIES = {
    "confirmed_start_time": pl.Int64,
    "cancelled_by": pl.String,
    "cancellation_reason": pl.String,
    "requested_duration_minutes": pl.Int64,
    "duration_seconds": pl.Int64,
}
REASONS = {"user": ["no longer needed", "another time suits better"], "mentor": ["ill", "double booked"]}

_USER_CANCELS = 0.7
_REASON_GIVEN = 0.6
_BOOKABLE_MINUTES = 15


class Properties:
    """Draws properties with a generator of its own: whether any are written changes nothing else."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng([seed, 1])

    def request(self, lengths: np.ndarray) -> dict[str, pl.Series]:
        """A length is asked for in whole quarters of an hour, and the session keeps to it or is a little shorter."""
        block = 60 * _BOOKABLE_MINUTES
        return {"requested_duration_minutes": pl.Series(-(-lengths // block) * _BOOKABLE_MINUTES)}

    def confirmation(self, starts: np.ndarray) -> dict[str, pl.Series]:
        """Sessions start at the agreed time or up to four minutes late."""
        return {"confirmed_start_time": pl.Series(starts - 60 * self.random.integers(0, 5, starts.size))}

    def cancellation(self, size: int) -> dict[str, pl.Series]:
        """Who cancels, and for some of them one of that side's reasons."""
        by_user = self.random.random(size) < _USER_CANCELS
        which = self.random.integers(0, 2, size)
        reasons = pl.Series(np.where(by_user, np.array(REASONS["user"])[which], np.array(REASONS["mentor"])[which]))
        is_given = pl.Series(self.random.random(size) < _REASON_GIVEN)
        return {
            "cancelled_by": pl.Series(np.where(by_user, "user", "mentor")),
            "cancellation_reason": reasons.zip_with(is_given, pl.Series([None], dtype=pl.String)),
        }

    def end(self, lengths: np.ndarray) -> dict[str, pl.Series]:
        """The measured length is the true one."""
        return {"duration_seconds": pl.Series(lengths)}

    def kept_by(self, events: pl.DataFrame, share: float) -> pl.DataFrame:
        """`events` of which only so many, by chance, carry their properties."""
        carries = pl.lit(pl.Series(self.random.random(events.height) < share, dtype=pl.Boolean))
        return events.with_columns(pl.when(carries).then(pl.col(name)).alias(name) for name in PROPERTIES)


def json_members(first_day: datetime) -> list[pl.Expr]:
    """The text of each property within a JSON object, after other members; empty where an event has none."""
    moment = pl.lit(first_day) + pl.duration(seconds="confirmed_start_time")
    values = {name: pl.format('"{}"' if kind == pl.String else "{}", pl.col(name)) for name, kind in PROPERTIES.items()}
    values["confirmed_start_time"] = moment.dt.strftime('"%Y-%m-%dT%H:%M:%SZ"')
    return [pl.format(', "{}": {}', pl.lit(name), value).fill_null("") for name, value in values.items()]
