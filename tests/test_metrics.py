"""Every metric against the brute-force reference, on small random marts full of ties and limits."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.expr.types import Table

from analysis.metrics.classes import COMPANY_SIZES, UNKNOWN, WINDOWS
from analysis.metrics.marts import latest_marts, mart
from tests import reference, small_marts
from tests.conftest import EXAMPLES_FACTOR
from tests.user_metrics import (
    AS_OF,
    GROUP_A,
    GROUP_B,
    NO_SHOW_DAYS,
    ORPHAN_DAYS,
    START,
    TRIAL_START,
    WINDOW,
    metrics_of,
)

TICK = timedelta(microseconds=1)
OPEN = datetime(9999, 12, 31)
# Instants that meet, and that lie on either side of a day, a week, a month, a window and the moment of the answer.
BASES = [timedelta(0), timedelta(days=14, hours=11, minutes=59, seconds=59, milliseconds=500)]
STEPS = [timedelta(0)] * 6 + [
    *(timedelta(days=days) + tick for days in (1, 30, 75) for tick in (-TICK, 0 * TICK, TICK))
]
MOMENTS = st.builds(lambda base, step: START + base + step, st.sampled_from(BASES), st.sampled_from(STEPS))
# Agreed starts on either side of the day on which a booking becomes a no-show.
AGREED_STARTS = st.sampled_from(
    [None, *(AS_OF - timedelta(days=NO_SHOW_DAYS) + tick for tick in (-TICK, 0 * TICK, TICK))]
)
WAITS = st.sampled_from([timedelta(hours=hours) + tick for hours in (1, 24, 72) for tick in (0 * TICK, TICK)])
MENTOR_IDS = ["M-1", "M-2", "M-3", "M-9"]
MENTORS = [
    {"mentor_id": "M-1", "tier": "Gold", "valid_from": datetime(1970, 1, 1), "valid_to": START + timedelta(days=14)},
    {"mentor_id": "M-1", "tier": "Silver", "valid_from": START + timedelta(days=14), "valid_to": OPEN},
    {"mentor_id": "M-2", "tier": "Gold", "valid_from": datetime(1970, 1, 1), "valid_to": OPEN},
    # Known late, and gone since.
    {"mentor_id": "M-3", "tier": "Bronze", "valid_from": START + TICK, "valid_to": START + timedelta(days=45)},
    # Not yet.
    {"mentor_id": "M-2", "tier": "Silver", "valid_from": AS_OF + TICK, "valid_to": OPEN},
]
BEGUN = MENTORS[:-1]
# Hypothesis likes short lists, in which little meets.
SIZES = st.sampled_from([0, 1, 8])
COMPANIES = st.sampled_from(["c1", "c2", UNKNOWN])
STATUSES = st.sampled_from(["active", "churned", UNKNOWN])


@st.composite
def marts(draw) -> dict[str, list[dict]]:
    users = []
    for user_id in (1, 2):  # user 3 is not in the export
        for valid_from, valid_to in ((datetime(2022, 1, 1), START), (START, OPEN)):
            version = {"user_id": user_id, "company_id": draw(COMPANIES), "status": draw(STATUSES)}
            users.append(version | {"valid_from": valid_from, "valid_to": valid_to})
    pairs = st.tuples(st.integers(1, 3), st.sampled_from(MENTOR_IDS), MOMENTS)
    sessions = [
        {"session_id": name, "user_id": user_id, "mentor_id": mentor_id, "started_at": moment}
        | {"is_duration_estimated": draw(st.booleans())}
        for name, (user_id, mentor_id, moment) in _named(
            draw, "s", draw(st.lists(pairs, min_size=draw(SIZES), max_size=12, unique=True))
        )
    ]
    bookings = []
    for name, (user_id, mentor_id, moment) in _named(
        draw, "b", draw(st.lists(pairs, min_size=draw(SIZES), max_size=12, unique=True))
    ):
        status = draw(st.sampled_from(["attended", "cancelled", "confirmed", "pending"]))
        is_confirmed = status == "confirmed" or (status != "pending" and draw(st.booleans()))
        bookings.append(
            {
                "booking_id": name,
                "user_id": user_id,
                "mentor_id": mentor_id,
                "requested_at": moment,
                "booking_status": status,
                "confirmed_at": moment + draw(WAITS) if is_confirmed else None,
                "agreed_start_at": draw(st.one_of(AGREED_STARTS, WAITS.map(moment.__add__))) if is_confirmed else None,
                "cancelled_at": moment + draw(WAITS) if status == "cancelled" else None,
                "cancelled_by": draw(st.sampled_from([None, "user", "mentor"])) if status == "cancelled" else None,
                "cancellation_reason": draw(st.sampled_from([None, "ill"])) if status == "cancelled" else None,
                "session_started_at": moment + draw(WAITS) if status == "attended" else None,
                "is_confirmation_missing": status == "attended" and not is_confirmed,
                "is_rescheduled": status == "cancelled" and draw(st.booleans()),
            }
        )
    return {"dim_users": users, "dim_mentors": MENTORS, "fct_sessions": sessions, "fct_bookings": bookings}


def _named(draw, letter: str, rows: list) -> zip:
    """Rows with their ids, in an order that is not that of the ids."""
    return zip(draw(st.permutations([f"{letter}{number:02}" for number in range(len(rows))])), rows, strict=True)


@pytest.fixture(scope="module")
def expressions() -> dict[str, Table]:
    """Every metric of unbound marts."""
    return metrics_of(latest_marts(mart, AS_OF))


@pytest.fixture(scope="module")
def queries(expressions) -> dict[str, str]:
    """The SQL that Ibis makes of each."""
    return {name: str(ibis.to_sql(expression, dialect="duckdb")) for name, expression in expressions.items()}


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        small_marts.create(connection)
        yield connection


def rows(engine, query: str) -> list[dict]:
    result = engine.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def keyed(found: list[dict], *keys: str) -> dict[tuple, dict]:
    """Rows by their keys, each key once."""
    by_key = {tuple(row[key] for key in keys): row for row in found}
    assert len(by_key) == len(found)
    return by_key


COUNTS = ("users", "rebooked", "mature_users", "mature_rebooked", "may_yet_rebook")


def counts_of(found: list[dict], *keys: str) -> dict[tuple, tuple]:
    return {key: tuple(row[name] for name in COUNTS) for key, row in keyed(found, *keys).items()}


@settings(max_examples=60 * EXAMPLES_FACTOR, deadline=None)
@given(tables=marts())
def test_metrics_of_users_equal_the_reference(engine, queries, tables):
    small_marts.fill(engine, tables)
    found = {name: rows(engine, query) for name, query in queries.items()}
    sessions, bookings, users = (tables[name] for name in ("fct_sessions", "fct_bookings", "dim_users"))
    visits = reference.session_visits(sessions)
    outcomes = reference.outcomes(visits, BEGUN, WINDOW, AS_OF)

    same = ("user_id", "mentor_id", "first_at", "next_at", "is_rebooked", "is_mature")
    assert {tuple(row[name] for name in (*same, "tier", "other_tier")) for row in found["outcomes"]} == {
        tuple(row[name] for name in (*same, "current", "at_session")) for row in outcomes
    }
    assert len(found["outcomes"]) == len(outcomes)

    def by_tier(visits, window_days):
        users = reference.outcomes(visits, BEGUN, window_days, AS_OF)
        return reference.counts(users, lambda user: (user["current"],))

    assert counts_of(found["without a limit"], "tier") == by_tier(visits, None)
    assert counts_of(found["without a limit after all"], "tier") == by_tier(visits, None)

    approaches = {
        "bookings": reference.booking_visits(bookings, users),
        "first requests": reference.booking_visits(bookings, users, with_replacements=False),
        "recorded sessions": reference.session_visits([row for row in sessions if not row["is_duration_estimated"]]),
    }
    assert {row["approach"] for row in found["by approach"]} <= approaches.keys()
    for name, counted in approaches.items():
        of_approach = [row for row in found["by approach"] if row["approach"] == name and row["tier"]]
        tiers = {row["tier"] for row in of_approach}
        assert by_tier(counted, WINDOW) == {
            (tier,): tuple(sum(row[count] for row in of_approach if row["tier"] == tier) for count in COUNTS)
            for tier in tiers
        }
    followed = {row["tier"]: row for row in found["follow-ups"]}
    assert {tier: [row[name] for name in ("with_intent", "attended", "lost")] for tier, row in followed.items()} == {
        row["tier"]: [row[name] for name in ("with_intent", "attended", "lost")] for row in found["intent"]
    }
    same = {row["tier"]: (row["returned"], row["same_mentor"]) for row in found["same mentor"]}
    assert {tier: (row["returned"], row["same_mentor"]) for tier, row in followed.items()} == {
        tier: same.get(tier, (0, 0)) for tier in followed
    }

    returns = {
        key: [row["returned"], row["censored"]]
        for key, row in keyed(found["returns"], "tier", "first_at", "seen_until").items()
    }
    assert returns == reference.returns(outcomes, "current", AS_OF)

    weeks = Counter(user["first_at"].date() - timedelta(days=user["first_at"].weekday()) for user in outcomes)
    this_week = AS_OF.date() - timedelta(days=AS_OF.weekday())
    assert {row["week"]: row["new_users"] for row in found["new users"]} == {
        week: number for week, number in weeks.items() if week < this_week
    }
    since = reference.outcomes([visit for visit in visits if visit[1] >= TRIAL_START], BEGUN, WINDOW, AS_OF)
    of_user = {user["user_id"]: user for user in since}
    nothing = {"mentor_id": None, "first_at": None, "is_rebooked": False, "is_mature": False}
    assert keyed(found["dealt"], "user_id") == {
        (user,): {name: of_user.get(user, nothing)[name] for name in nothing}
        | {
            "user_id": user,
            "arm": arm,
            "was_seen_before": any(visit[0] == user and visit[1] < TRIAL_START for visit in visits),
        }
        for user, arm in ((1, "a"), (2, "b"))
    }

    def month(user):
        return user["first_at"].date().replace(day=1)

    expected = reference.counts(outcomes, lambda user: (month(user), user["current"]))
    for name, window_days in (("cohorts", WINDOW), ("cohorts without a limit", None)):
        assert {row["month"]: row["is_mature"] for row in found[name]} == {
            first: reference.is_mature_month(first, window_days, AS_OF) for first, _ in expected
        }
    assert counts_of(found["cohorts"], "month", "tier") == expected
    assert counts_of(found["mentors"], "mentor_id", "tier") == reference.counts(
        outcomes, lambda user: (user["mentor_id"], user["current"])
    )

    current = {row["user_id"]: row for row in users if row["valid_to"] == OPEN}
    company = {user_id: row["company_id"] for user_id, row in current.items() if row["company_id"] != UNKNOWN}
    members = Counter(company.values())

    def size(user):
        name = company.get(user["user_id"])
        return name and next(label for label, smallest in COMPANY_SIZES if members[name] >= smallest)

    for name, key in (("company", lambda user: company.get(user["user_id"])), ("company_size", size), ("month", month)):
        strata = reference.strata(outcomes, key, GROUP_A, GROUP_B)
        counted = keyed(found[name], "events_a", "n_a", "events_b", "n_b")
        assert {pattern: row["strata"] for pattern, row in counted.items()} == Counter(strata.values())

    assert counts_of(found["cohorts by mentor"], "month", "tier", "mentor_id") == reference.counts(
        outcomes, lambda user: (month(user), user["current"], user["mentor_id"])
    )
    for key, row in keyed(found["variants"], "mentor_id", "tier", "other_tier").items():
        own = [user for user in outcomes if (user["mentor_id"], user["current"], user["at_session"]) == key]
        kept = [user for user in own if current.get(user["user_id"], {}).get("status") != "churned"]
        assert (row["users"], row["kept_users"]) == (len(own), len(kept))
        assert row["may_yet_rebook"] == sum(not user["is_mature"] and not user["is_rebooked"] for user in own)
        assert row["kept_rebooked"] == sum(user["is_rebooked"] for user in kept)
        for window_days in WINDOWS:
            within = [reference.is_within(user["next_at"], user["first_at"], window_days) for user in own]
            assert row[f"rebooked_within_{window_days}"] == sum(within)
    assert sum(row["users"] for row in found["variants"]) == len(outcomes)

    returned = [user for user in outcomes if user["next_at"] is not None and user["current"] is not None]
    met = {(row["user_id"], row["mentor_id"], row["started_at"]) for row in sessions}
    loyal = keyed(found["same mentor"], "tier")
    assert {tier: (row["returned"], row["same_mentor"]) for (tier,), row in loyal.items()} == {
        tier: (len(own), sum((user["user_id"], user["mentor_id"], user["next_at"]) in met for user in own))
        for tier in {user["current"] for user in returned}
        for own in [[user for user in returned if user["current"] == tier]]
    }

    for (tier,), row in keyed(found["intent"], "tier").items():
        requests = [
            [
                booking["booking_status"]
                for booking in bookings
                if booking["user_id"] == user["user_id"]
                and user["first_at"] < booking["requested_at"]
                and reference.is_within(booking["requested_at"], user["first_at"], WINDOW)
            ]
            for user in outcomes
            if user["current"] == tier
        ]
        assert (row["users"], row["with_intent"]) == (len(requests), sum(map(bool, requests)))
        assert row["attended"] == sum("attended" in statuses for statuses in requests)
        assert row["lost"] == sum(set(statuses) == {"cancelled"} for statuses in requests)


@settings(max_examples=60 * EXAMPLES_FACTOR, deadline=None)
@given(tables=marts())
def test_metrics_of_bookings_equal_the_reference(engine, queries, tables):
    small_marts.fill(engine, tables)
    names = ("reliability", "weeks", "delays", "cancellations", "notices", "origins")
    found = {name: rows(engine, queries[name]) for name in names}
    bookings = [
        row
        | {
            "tier": reference.tier_of(BEGUN, row["mentor_id"], None),
            "week": row["requested_at"].date() - timedelta(days=row["requested_at"].weekday()),
            "outcome": reference.booking_outcome(row, AS_OF, NO_SHOW_DAYS, ORPHAN_DAYS),
        }
        for row in tables["fct_bookings"]
    ]
    for name, key in (("reliability", "tier"), ("weeks", "week")):
        counted = keyed(found[name], key)
        assert set(counted) == {(row[key],) for row in bookings}
        for (value,), row in counted.items():
            own = [booking for booking in bookings if booking[key] == value]
            outcomes = Counter(booking["outcome"] for booking in own)
            names = ("attended", "cancelled", "no_show", "upcoming", "orphan", "open")
            assert {name: row[name] for name in names} == {name: outcomes[name] for name in names}
            assert row["bookings"] == len(own)
            assert row["rescheduled"] == sum(booking["is_rescheduled"] for booking in own)
            assert row["missing_confirmations"] == sum(booking["is_confirmation_missing"] for booking in own)
            if name == "weeks":
                expected = reference.ripe(own, value, AS_OF, NO_SHOW_DAYS, ORPHAN_DAYS)
                assert {flag: row[flag] for flag in expected} == expected

    delays = keyed(found["delays"], "tier")
    assert set(delays) == {(None,), *((row["tier"],) for row in bookings)}
    for (tier,), row in delays.items():
        own = [booking for booking in bookings if tier in (None, booking["tier"])]
        for name, column in (("confirmation", "confirmed_at"), ("session", "session_started_at")):
            hours = [(b[column] - b["requested_at"]) / timedelta(hours=1) for b in own if b[column] is not None]
            assert row[f"{name}_n"] == len(hours)
            for statistic, share in (("median", 0.5), ("p90", 0.9)):
                expected = reference.quantile(hours, share)
                assert row[f"{name}_{statistic}"] == (
                    expected if expected is None else pytest.approx(expected, abs=1e-3)
                )

    cancelled = [row for row in bookings if row["booking_status"] == "cancelled"]

    def cancellations(key):
        by_key = Counter(key(row) for row in cancelled)
        return {
            value: (n, sum(row["is_rescheduled"] for row in cancelled if key(row) == value))
            for value, n in by_key.items()
        }

    def counted(name, *keys):
        return {key: (row["cancelled"], row["rescheduled"]) for key, row in keyed(found[name], *keys).items()}

    assert counted("cancellations", "lead_time") == cancellations(
        lambda row: (reference.span(row["requested_at"], row["cancelled_at"]),)
    )
    notices = cancellations(lambda row: (reference.notice(row),))
    notices.pop((None,), None)
    assert counted("notices", "notice") == notices
    assert counted("origins", "cancelled_by", "cancellation_reason") == cancellations(
        lambda row: (row["cancelled_by"], row["cancellation_reason"])
    )


def test_every_metric_is_also_sql_for_postgresql_and_spark(expressions):
    """Nothing that only DuckDB has, as far as Ibis can tell without these engines."""
    for name, expression in expressions.items():
        assert ibis.to_sql(expression, dialect="postgres")
        if name != "delays":  # Ibis writes fractions for Spark only where pyspark is installed
            assert ibis.to_sql(expression, dialect="pyspark")
