"""Synthetic data folders of any size, with the dirt of real ones and an effect that can be set by tier.

Every column of a block of users is drawn as a whole with one seeded NumPy generator, so that a million users take
seconds and the same seed gives the same files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from ingest.event_catalogue import EVENT_TYPES
from ingest.source_files import EVENTS_NAME, MENTORS_FILE, USERS_FILE
from simulation.data_folder import write_events
from simulation.optional_events import json_line, optional_events
from simulation.properties import PROPERTIES, Properties, json_members
from simulation.sample import HOURLY_RATE, MENTORS

FIRST_USER = 10_001
FIRST_DAY = datetime(2023, 1, 1)
HISTORY_DAYS = 365
USERS_PER_MENTOR = 200
USERS_PER_COMPANY = 40
REBOOKING_RATES = {"Gold": 0.62, "Silver": 0.39, "Bronze": 0.05}
# What the rebooking rates speak of: the next session within so many days of the first.
WINDOW_DAYS = 30

_MINUTE = 60
_DAY = 24 * 60 * _MINUTE
_NO_OUTCOME_RATE = 0.02
_CANCELLATION_RATE = 0.08
_WALK_IN_RATE = 0.01
_MISSING_CONFIRMATION_RATE = 0.01
_MISSING_END_RATE = 0.03
_UNKNOWN_USER_RATE = 0.002
_LATE_RETURN_RATE = 0.35
_FURTHER_SESSIONS = 1.6

# Events are drawn with the place of their type in the catalogue.
_EVENT_TYPES = [event.name for event in EVENT_TYPES]
REQUESTED, CONFIRMED, CANCELLED, STARTED, ENDED = map(
    _EVENT_TYPES.index,
    ("booking_requested", "booking_confirmed", "booking_cancelled", "session_started", "session_ended"),
)


@dataclass(frozen=True)
class Scenario:
    """What to simulate.

    Args:
        users: how many users the export knows.
        seed: the same seed gives the same rows.
        rebooking_rates: by tier of the first session's mentor, the probability that the user's next
            session comes within `WINDOW_DAYS`.
        dirt: the share of rows of each harmless kind of dirt (copies, double-fired webhooks, blanks,
            other spellings); rows that must be rejected are a fifth of it. 0 gives clean files.
        property_share: the share of events that carry what the tracking plan lets them carry; whatever it
            is, the seed gives the same events.
        optional_events: whether there are sign-ups, reviews and the other optional events of the tracking plan
            beside them.
    """

    users: int
    seed: int = 1
    rebooking_rates: Mapping[str, float] = field(default_factory=lambda: dict(REBOOKING_RATES))
    dirt: float = 0.01
    property_share: float = 0.2
    optional_events: bool = False


@dataclass(frozen=True)
class Population:
    """The rows of the three sources as text, each with its `fate`: loaded, duplicate or rejected.

    `users` and `mentors` have the columns of their files; `events` has `line` (one JSON object), the
    number of its `event_id` and `occurred_at` (naive UTC). Rows are in the order of the files.
    """

    users: pl.DataFrame
    mentors: pl.DataFrame
    events: pl.DataFrame

    def fates(self) -> dict[str, dict[str, int]]:
        """What loading must count, by source: read, loaded, duplicate, rejected."""
        sources = {"users": self.users, "mentors": self.mentors, "booking_events": self.events}
        return {
            name: {"read": rows.height}
            | {fate: rows.filter(pl.col("fate") == fate).height for fate in ("loaded", "duplicate", "rejected")}
            for name, rows in sources.items()
        }

    def write(
        self, folder: Path, events_format: str = "json", days: int | None = None, late_share: float = 0.01
    ) -> None:
        """Write the three files; `events_format` is `json`, `jsonl` or `jsonl.gz`.

        Args:
            days: write folders `day_001`, `day_002`, … instead, as `by_day` divides the rows.
        """
        for name, delivery in self.deliveries(days, late_share):
            (folder / name).mkdir(parents=True, exist_ok=True)
            delivery.users.drop("fate").write_csv(folder / name / USERS_FILE)
            delivery.mentors.drop("fate").write_csv(folder / name / MENTORS_FILE)
            write_events([delivery.events["line"]], folder / name / f"{EVENTS_NAME}.{events_format}")

    def deliveries(self, days: int | None, late_share: float) -> Iterator[tuple[str, Population]]:
        """What is written, by the name of its folder below the one that is written to: all in that, or a day each."""
        if days is None:
            yield "", self
            return
        for number, day in enumerate(self.by_day(days, late_share), start=1):
            yield f"day_{number:03}", day

    def by_day(self, days: int, late_share: float = 0.01) -> Iterator[Population]:
        """The same population as it arrives: the first day brings all history, each later one a day.

        Of the later days' events `late_share` come one to seven days late, if there are so many days.
        On the middle day the second mentor's tier changes; each day some users leave.
        """
        cut = FIRST_DAY + timedelta(days=HISTORY_DAYS - days + 1)
        day = (pl.col("occurred_at") - pl.lit(cut)).dt.total_seconds() // _DAY + 1
        # By id, so that a copy never comes before what it repeats.
        draw = pl.col("event_id").hash(seed=1) % 10_000
        delay = pl.when((day > 0) & (draw < round(10_000 * late_share))).then(1 + draw % 7).otherwise(0)
        arrival = (pl.max_horizontal(day, 0) + delay.cast(pl.Int64)).clip(0, days - 1)
        events = self.events.with_columns(arrival=arrival)
        is_gold = pl.col("tier").str.strip_chars().str.to_lowercase() == "gold"
        other_tier = pl.when(is_gold).then(pl.lit("Silver")).otherwise(pl.lit("Gold"))
        for number in range(days):
            moment = cut + timedelta(days=number - 1)
            is_after = number >= (days + 1) // 2
            is_changed = (pl.int_range(pl.len()) == 1) & pl.lit(is_after)
            mentors = self.mentors.with_columns(
                tier=pl.when(is_changed).then(other_tier).otherwise("tier"),
                updated_at=pl.when(is_changed).then(pl.lit(f"{cut + timedelta(days=(days + 1) // 2 - 1):%Y-%m-%d}")),
            )
            has_left = pl.col("user_id").hash(seed=2) % 1000 < number
            users = self.users.with_columns(
                status=pl.when(has_left).then(pl.lit("churned")).otherwise("status"),
                updated_at=pl.when(has_left).then(pl.lit(f"{moment:%Y-%m-%d}")),
            )
            yield Population(users, mentors, events.filter(pl.col("arrival") == number))


@dataclass(frozen=True)
class _Numbers:
    """How a block of users and their events are numbered: from which `user_id` and which number of an `event_id`.

    `strangers` is what an id has beside it that makes it one that the export does not know.
    """

    first_user: int
    first_event: int
    strangers: int


def simulate(scenario: Scenario) -> Population:
    """Draw a population: users who come back or not, their bookings and sessions, and the dirt."""
    (population,) = blocks(scenario, scenario.users)
    return population


def blocks(scenario: Scenario, size: int) -> Iterator[Population]:
    """Draw a population so many users at a time, each with the events of its own users and the sheet of all mentors."""
    random = np.random.default_rng(scenario.seed)
    sheet, tier_of_mentor = _mentors(scenario, random)
    mentors = _dirty_mentors(sheet, scenario)
    first_event = 0
    for number, first in enumerate(range(0, scenario.users, size)):
        block = replace(scenario, users=min(size, scenario.users - first))
        if number:
            seed = int(np.random.SeedSequence([scenario.seed, 3, number]).generate_state(1)[0])
            block, random = replace(block, seed=seed), np.random.default_rng(seed)
        numbers = _Numbers(FIRST_USER + first, first_event, strangers=10 * (scenario.users + FIRST_USER))
        visits = _visits(block, random, tier_of_mentor)
        events = _with_dirt(_events(block, random, visits), block, random, sheet.height, numbers)
        users = _users(block, random, numbers.first_user)
        if block.optional_events:
            events = _with_optional_events(events, block, users, visits, tier_of_mentor, numbers)
        yield Population(users, mentors, events)
        first_event = _next_event(events, numbers)


def _next_event(events: pl.DataFrame, numbers: _Numbers) -> int:
    return int(events["event_id"].max()) + 1 if events.height else numbers.first_event  # type: ignore[arg-type]


def _mentors(scenario: Scenario, random: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """The mentor sheet, and the tier of each mentor's number (from 0) as text."""
    shares = {tier: len(numbers) for tier, numbers in MENTORS.items()}
    at_least = sum(shares.values())
    pattern = np.repeat(list(shares), list(shares.values()))
    count = max(at_least, scenario.users // USERS_PER_MENTOR)
    tiers = random.permutation(np.resize(pattern, count))
    rates = [str(HOURLY_RATE[tier]) for tier in tiers]
    sheet = pl.DataFrame(
        {"mentor_id": [f"M-{number}" for number in range(1, count + 1)], "tier": tiers, "hourly_rate": rates}
    )
    return sheet, tiers


def _visits(scenario: Scenario, random: np.random.Generator, tier_of_mentor: np.ndarray) -> pl.DataFrame:
    """One row per session to be: user and mentor numbers (from 0) and start in seconds since `FIRST_DAY`."""
    users = np.arange(scenario.users)
    mentors = len(tier_of_mentor)
    # Some users have no session at all; the last ones are too new to have come back.
    users = users[random.random(users.size) < 0.95]
    first_mentor = random.integers(0, mentors, users.size)
    first_at = (random.random(users.size) * (HISTORY_DAYS - 2) * _DAY).astype(np.int64) + 2 * _DAY
    rate = np.array([scenario.rebooking_rates[tier] for tier in tier_of_mentor])[first_mentor]
    rebooks = random.random(users.size) < rate
    returns_late = ~rebooks & (random.random(users.size) < _LATE_RETURN_RATE)
    gap = np.where(
        rebooks,
        random.uniform(1, WINDOW_DAYS - 0.5, users.size),
        random.uniform(WINDOW_DAYS + 1, WINDOW_DAYS + 120, users.size),
    )
    second_at = first_at + (gap * _DAY).astype(np.int64)
    further = random.poisson(_FURTHER_SESSIONS, users.size) * (rebooks | returns_late)

    returning = rebooks | returns_late
    parts = [(users, first_mentor, first_at), (users[returning], None, second_at[returning])]
    again = np.repeat(np.flatnonzero(returning), further[returning])
    parts.append((users[again], None, second_at[again] + (random.uniform(1, 90, again.size) * _DAY).astype(np.int64)))
    stays = random.random(users.size) < 0.5
    favourite = np.zeros(scenario.users, dtype=np.int64)
    favourite[users] = np.where(stays, first_mentor, random.integers(0, mentors, users.size))
    return pl.concat(
        pl.DataFrame({"user": user, "mentor": favourite[user] if mentor is None else mentor, "started_at": started_at})
        for user, mentor, started_at in parts
    )


def _events(scenario: Scenario, random: np.random.Generator, visits: pl.DataFrame) -> pl.DataFrame:
    """The clean events of all visits, and of bookings that came to nothing: user, mentor, seconds, type, properties."""
    user, mentor, started = (visits[name].to_numpy() for name in ("user", "mentor", "started_at"))
    size = user.size
    requested = started - random.integers(2 * 60, 47 * 60, size) * _MINUTE
    confirmed = requested + random.integers(1, 119, size) * _MINUTE
    is_walk_in = random.random(size) < _WALK_IN_RATE
    lacks_confirmation = random.random(size) < _MISSING_CONFIRMATION_RATE
    lacks_end = random.random(size) < _MISSING_END_RATE
    # Before some visits a first booking is cancelled, and for half of these at the instant of the next request.
    is_second_try = ~is_walk_in & (random.random(size) < _CANCELLATION_RATE)
    at_once = random.random(size) < 0.5
    cancelled = np.where(at_once, requested, requested - random.integers(1, 600, size) * _MINUTE)
    asked_before = cancelled - random.integers(5, 24 * 60, size) * _MINUTE
    # Bookings without a session, a while after a visit: confirmed, cancelled after that, or left unanswered.
    is_left = random.random(size) < _NO_OUTCOME_RATE
    left_at = started + random.integers(2 * 24 * 60, 20 * 24 * 60, size) * _MINUTE
    answer = random.integers(0, 3, size)

    length = random.integers(15, 90, size) * _MINUTE

    properties = Properties(scenario.seed)
    request, cancellation, end = properties.request(length), properties.cancellation(size), properties.end(length)
    confirmation = properties.confirmation(started)
    # What was agreed on and came to nothing lay an hour to a few days ahead.
    left_confirmation = properties.confirmation(left_at + properties.random.integers(60, 6 * 24 * 60, size) * _MINUTE)
    parts = [
        (is_second_try, asked_before, REQUESTED, request),
        (is_second_try, cancelled, CANCELLED, cancellation),
        (~is_walk_in, requested, REQUESTED, request),
        (~is_walk_in & ~lacks_confirmation, confirmed, CONFIRMED, confirmation),
        (np.ones(size, dtype=bool), started, STARTED, {}),
        (~lacks_end, started + length, ENDED, end),
        (is_left, left_at, REQUESTED, request),
        (is_left & (answer <= 1), left_at + 30 * _MINUTE, CONFIRMED, left_confirmation),
        (is_left & (answer == 1), left_at + 40 * _MINUTE, CANCELLED, cancellation),
    ]
    events = pl.concat(
        pl.DataFrame({"user": user, "mentor": mentor, "seconds": at} | carried)
        .filter(pl.Series(mask))
        .select(
            *("user", "mentor", "seconds"),
            pl.lit(kind, dtype=pl.Int8).alias("type"),
            *((name if name in carried else pl.lit(None, dtype).alias(name)) for name, dtype in PROPERTIES.items()),
        )
        for mask, at, kind, carried in parts
    )
    # Nothing is told from beyond the end of the history.
    events = events.filter(pl.col("seconds") < HISTORY_DAYS * _DAY)
    return properties.kept_by(events, scenario.property_share)


def _with_dirt(
    events: pl.DataFrame, scenario: Scenario, random: np.random.Generator, mentors: int, numbers: _Numbers
) -> pl.DataFrame:
    """`event_id`, `line`, `occurred_at`, `fate` of every event, in the order of their times."""
    dirt, size, first = scenario.dirt, events.height, numbers.first_event
    place = events["user"].to_numpy()
    user = place + numbers.first_user
    if dirt:
        is_unknown = random.random(scenario.users) < _UNKNOWN_USER_RATE
        user = np.where(is_unknown[place], user + numbers.strangers, user)
    events = pl.DataFrame(
        {
            "event_id": np.arange(first, first + size),
            "user": user,
            "mentor": events["mentor"] + 1,
            "seconds": events["seconds"],
            "type": events["type"],
            **{name: events[name] for name in PROPERTIES},
            "fate": pl.Series(["loaded"], dtype=pl.String).new_from_index(0, size),
        }
    )

    def some(share: float) -> pl.DataFrame:
        return events[np.flatnonzero(random.random(size) < share)]

    def new_ids(rows: pl.DataFrame, start: int) -> pl.DataFrame:
        return rows.with_columns(event_id=pl.int_range(start, start + rows.height, dtype=pl.Int64))

    double_fired = new_ids(some(dirt), first + size)
    strangers = new_ids(some(dirt / 10), first + 2 * size).with_columns(mentor=pl.lit(10 * mentors, dtype=pl.Int64))
    copies = some(dirt).with_columns(fate=pl.lit("duplicate"))
    # Another mentor under a known id, and rows that lack something; both are rejected.
    conflicts = some(dirt / 5).with_columns(mentor=pl.col("mentor") + mentors, fate=pl.lit("rejected"))
    broken = new_ids(some(dirt / 5), first + 3 * size).with_columns(fate=pl.lit("rejected"))
    kinds = [events, double_fired, strangers, copies, conflicts, broken]
    rows = pl.concat(
        part.with_columns(kind=pl.lit(number, dtype=pl.Int8)) for number, part in enumerate(kinds)
    ).with_columns(spelling=pl.Series(random.integers(0, 100, sum(part.height for part in kinds)), dtype=pl.Int8))
    # A copy and a conflict must come after what they repeat: by kind at the same instant.
    rows = rows.sort("seconds", "kind", "event_id")
    is_spelt_otherwise = pl.col("spelling") < (0 if not dirt else max(1, round(100 * dirt)))
    return rows.select(
        event_id="event_id",
        line=_json_line(is_spelt_otherwise, pl.col("kind") == len(kinds) - 1, bool(dirt)),
        occurred_at=pl.lit(FIRST_DAY) + pl.duration(seconds="seconds"),
        fate="fate",
    )


def _with_optional_events(
    events: pl.DataFrame,
    scenario: Scenario,
    users: pl.DataFrame,
    visits: pl.DataFrame,
    tier_of_mentor: np.ndarray,
    numbers: _Numbers,
) -> pl.DataFrame:
    """The events with the optional ones among them, of users whom the export knows; shaped as by `_with_dirt`."""
    signup_date = users["signup_date"].head(scenario.users).str.to_datetime("%Y-%m-%d")
    signups = (signup_date - FIRST_DAY).dt.total_seconds().to_numpy()
    optional = optional_events(scenario.seed, scenario.dirt, signups, visits, tier_of_mentor)
    optional = optional.filter(pl.col("at") < HISTORY_DAYS * _DAY)
    start = _next_event(events, numbers)
    optional = optional.with_columns(event_id=pl.int_range(start, start + optional.height, dtype=pl.Int64))
    rows = optional.select(
        event_id="event_id",
        line=json_line(FIRST_DAY, numbers.first_user),
        occurred_at=pl.lit(FIRST_DAY) + pl.duration(seconds="at"),
        fate="fate",
    )
    # Each copy still comes after what it repeats.
    return pl.concat([events, rows]).sort("occurred_at", maintain_order=True)


def _json_line(is_spelt_otherwise: pl.Expr, is_broken: pl.Expr, is_mixed: bool) -> pl.Expr:
    """An event as JSON: ids as numbers and text, times in several notations, and the broken rows."""
    at = pl.lit(FIRST_DAY) + pl.duration(seconds="seconds")
    fault = pl.col("event_id") % 4
    variant = pl.col("event_id") % 10
    utc = at.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if is_mixed:
        time = (
            pl.when(variant < 7)
            .then(utc)
            .when(variant == 7)
            .then((at + pl.duration(hours=2)).dt.strftime("%Y-%m-%dT%H:%M:%S+02:00"))
            .when(variant == 8)
            .then(at.dt.strftime("%Y-%m-%d %H:%M:%S"))
            .otherwise(at.dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        )
        user = pl.when(pl.col("event_id") % 2 == 0).then(pl.col("user").cast(pl.String))
        user = user.otherwise(pl.concat_str(pl.lit('"'), pl.col("user").cast(pl.String), pl.lit('"')))
    else:
        time, user = utc, pl.col("user").cast(pl.String)
    event_type = pl.col("type").replace_strict(dict(enumerate(_EVENT_TYPES)), return_dtype=pl.String)
    mentor = pl.concat_str(pl.lit("M-"), pl.col("mentor").cast(pl.String))
    fields = {
        "event_id": pl.concat_str(pl.lit('"'), pl.format("evt-{}", pl.col("event_id")), pl.lit('"')),
        "user_id": pl.when(is_broken & (fault == 0)).then(pl.lit('"unknown"')).otherwise(user),
        "mentor_id": pl.when(is_broken & (fault == 1)).then(pl.lit("")).otherwise(_spelt(mentor, is_spelt_otherwise)),
        "timestamp": pl.when(is_broken & (fault == 2)).then(pl.lit("yesterday")).otherwise(time),
        "event_type": pl.when(is_broken & (fault == 3))
        .then(pl.lit("session_paused"))
        .otherwise(_spelt(event_type, is_spelt_otherwise, capitals=True)),
    }
    parts = []
    for number, (name, value) in enumerate(fields.items()):
        quote = "" if name in ("event_id", "user_id") else '"'
        parts += [pl.lit(f'{"{" if number == 0 else ", "}"{name}": {quote}'), value, pl.lit(quote)]
    return pl.concat_str(*parts, *json_members(FIRST_DAY), pl.lit("}"))


def _spelt(text: pl.Expr, otherwise: pl.Expr, capitals: bool = False) -> pl.Expr:
    """The same with blanks around it, and in capitals where case says nothing."""
    other = text.str.to_uppercase() if capitals else text
    return pl.when(otherwise).then(pl.concat_str(pl.lit(" "), other, pl.lit(" "))).otherwise(text)


def _users(scenario: Scenario, random: np.random.Generator, first_user: int) -> pl.DataFrame:
    """The users export: every user signed up before the history began or in its first days."""
    count, dirt = scenario.users, scenario.dirt
    companies_before = (first_user - FIRST_USER) // USERS_PER_COMPANY
    company = companies_before + random.integers(1, max(2, count // USERS_PER_COMPANY), count)
    days_before = random.integers(0, 300, count)
    rows = pl.DataFrame(
        {
            "user_id": np.arange(first_user, first_user + count),
            "company_id": company,
            "signup_date": pl.Series([FIRST_DAY]).new_from_index(0, count),
            "status": np.where(random.random(count) < 0.12, "churned", "active"),
            "days_before": days_before,
        }
    ).with_columns(signup_date=pl.col("signup_date") - pl.duration(days="days_before"))
    rows = rows.select(
        pl.col("user_id", "company_id").cast(pl.String),
        pl.col("signup_date").dt.strftime("%Y-%m-%d"),
        status=_spelt(pl.col("status"), pl.lit(pl.Series(random.random(count) < dirt)), capitals=True),
        fate=pl.lit("loaded"),
    )
    if not dirt:
        return rows
    repeats = rows[np.flatnonzero(random.random(count) < dirt)].with_columns(fate=pl.lit("duplicate"))
    broken = rows[np.flatnonzero(random.random(count) < dirt / 5)].with_columns(fate=pl.lit("rejected"))
    broken = broken.with_row_index("row").with_columns(
        user_id=pl.when(pl.col("row") % 2 == 0).then(pl.lit("n/a")).otherwise("user_id"),
        signup_date=pl.when(pl.col("row") % 2 == 0).then("signup_date").otherwise(pl.lit("31/12/2022")),
    )
    return pl.concat([rows, repeats, broken.drop("row")])


def _dirty_mentors(mentors: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """The sheet as people keep it: tiers in any case, a row twice, a row that cannot be read."""
    rows = mentors.with_columns(fate=pl.lit("loaded"))
    if not scenario.dirt:
        return rows
    every = pl.int_range(pl.len())
    tier = (
        pl.when(every % 5 == 0)
        .then(pl.col("tier").str.to_uppercase())
        .when(every % 5 == 1)
        .then(pl.concat_str(pl.lit(" "), pl.col("tier").str.to_lowercase(), pl.lit("  ")))
        .otherwise("tier")
    )
    rows = rows.with_columns(tier=tier)
    repeated = rows.head(1).with_columns(fate=pl.lit("duplicate"))
    broken = rows.head(1).with_columns(mentor_id=pl.lit(""), fate=pl.lit("rejected"))
    return pl.concat([rows, repeated, broken])
