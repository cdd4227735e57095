"""What events say of bookings besides what they must: against plain Python, and on the screen."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.answer.booking_details import booking_details_section
from analysis.answer.facts import fetched
from analysis.metrics.marts import latest_marts, schema_of
from analysis.metrics.reliability import cancellation_origins, notice_counts, requested_duration_quantiles
from presentation.document import settings_of
from presentation.renderers.csv import as_csv
from presentation.renderers.terminal import as_terminal
from presentation.sections import sections
from presentation.sections.booking_details import booking_details
from settings import load_settings
from tests import reference, small_marts
from tests.conftest import EXAMPLES_FACTOR
from tests.small_answers import booking, day, document_of, filled, session

AS_OF = datetime(2023, 3, 1)
TICK = timedelta(microseconds=1)
# On either side of the agreed start, and of what divides one class from the next.
NOTICES = [timedelta(hours=hours) + tick for hours in (-1, 0, 1, 24, 72) for tick in (-TICK, 0 * TICK, TICK)]
CLOCKS = ("booking_cancelled", "booking_requested", "session_ended", "session_started")


@st.composite
def marts(draw) -> dict[str, list[dict]]:
    bookings, sessions = [], []
    for number in range(draw(st.sampled_from([0, 1, 4, 12]))):
        row = {"booking_id": f"b{number:02}", "user_id": number, "mentor_id": "M-1", "requested_at": day(number)}
        row["requested_duration_minutes"] = draw(st.sampled_from([None, 30, 45, 60]))
        row["booking_status"] = draw(st.sampled_from(["attended", "cancelled", "confirmed"]))
        row["is_rescheduled"] = False
        if row["booking_status"] == "cancelled":
            notice = draw(st.sampled_from([None, *NOTICES]))
            row |= {
                "cancelled_at": day(number + 9),
                "agreed_start_at": None if notice is None else day(number + 9) + notice,
                "cancelled_by": draw(st.sampled_from([None, "mentor", "user"])),
                "cancellation_reason": draw(st.sampled_from([None, "ill", "late", "zzz"])),
                "is_rescheduled": draw(st.booleans()),
            }
        elif row["booking_status"] == "attended":
            sessions.append(
                {"session_id": f"s{number:02}", "booking_id": row["booking_id"], "started_at": day(number + 1)}
                | {"duration_minutes": draw(st.sampled_from([20, 30, 60]))}
                | {"is_duration_estimated": draw(st.booleans())}
            )
        bookings.append(row)
    return {"fct_bookings": bookings, "fct_sessions": sessions}


@settings(max_examples=40 * EXAMPLES_FACTOR, deadline=None)
@given(tables=marts(), coarse=st.sets(st.sampled_from(CLOCKS)))
def test_the_section_equals_plain_counting(connection, tables, coarse):
    small_marts.fill(connection.con, tables)
    found = latest_marts(lambda name: connection.table(name, database=schema_of(name)), AS_OF)
    section = booking_details_section(
        fetched(cancellation_origins(found.bookings)),
        fetched(notice_counts(found.bookings)),
        *fetched(requested_duration_quantiles(found.bookings, found.sessions)),
        [{"event_type": name, "events": 9, "at_midnight": 9, "is_coarse": name in coarse} for name in CLOCKS],
    )
    cancelled = [row for row in tables["fct_bookings"] if row["booking_status"] == "cancelled"]

    for key, name in (("cancelled_by", "canceller"), ("cancellation_reason", "reason")):
        rows = section[f"cancellations_by_{name}"]
        values = Counter(row[key] for row in cancelled)
        moved = Counter(row[key] for row in cancelled if row["is_rescheduled"])
        if any(row[key] is not None for row in cancelled):
            assert {row[key]: (row["cancelled"], row["rescheduled"]) for row in rows} == {
                value: (n, moved[value]) for value, n in values.items()
            }
            assert len(rows) == len(values)
            said = [(-row["cancelled"], row[key]) for row in rows if row[key] is not None]
            assert said == sorted(said)
            assert None not in [row[key] for row in rows[:-1]]
        else:
            assert rows == []

    agreed = [(reference.notice(row), row["is_rescheduled"]) for row in cancelled if row["agreed_start_at"] is not None]
    names = ["after the agreed start", "under 1 hour", "1 to 24 hours", "1 to 3 days", "over 3 days"]
    assert section["cancellations_by_notice"] == [
        {"notice": name, "cancelled": agreed.count((name, True)) + agreed.count((name, False))}
        | {"rescheduled": agreed.count((name, True))}
        for name in (names if agreed and "booking_cancelled" not in coarse else [])
    ]

    asked = {row["booking_id"]: row["requested_duration_minutes"] for row in tables["fct_bookings"]}
    both = [
        (asked[row["booking_id"]], row["duration_minutes"])
        for row in tables["fct_sessions"]
        if not row["is_duration_estimated"] and asked[row["booking_id"]] is not None
    ]
    is_timed = not coarse & {"session_started", "session_ended"}
    assert section["durations"] == {
        "sessions": len(both),
        "requested_median": median(wanted for wanted, _ in both) if both else None,
        "actual_median": median(took for _, took in both) if both and is_timed else None,
        "overruns": sum(took > wanted for wanted, took in both) if is_timed else None,
    }


def cancelled(number: int, **properties) -> dict:
    return booking(number, 1, day(number), "cancelled", cancelled_at=day(number + 1), **properties)


def carrying(bookings: list[dict] = (), minutes: tuple[int, ...] = ()) -> dict:
    """Marts of these bookings, and of sessions of so many minutes for which 30 were requested."""
    asked = [booking(900 + n, 1, day(n), "attended", requested_duration_minutes=30) for n in range(len(minutes))]
    held = [
        session(row["user_id"], 1, day(n)) | {"booking_id": row["booking_id"], "duration_minutes": took}
        for n, (row, took) in enumerate(zip(asked, minutes, strict=True))
    ]
    return filled(held, [*bookings, *asked])


def text_of(document: dict) -> str:
    section = booking_details(document, settings_of(document, load_settings()))
    return as_terminal([section], colour=False)


def test_what_events_say_is_shown_with_how_many_say_it(connection):
    bookings = [
        cancelled(1, cancelled_by="mentor", cancellation_reason="ill", agreed_start_at=day(2.5), is_rescheduled=True),
        cancelled(2, cancelled_by="user", agreed_start_at=day(2.5)),
        cancelled(3, cancelled_by="user"),
        cancelled(4),
    ]
    document = document_of(connection, carrying(bookings, minutes=(20, 40, 31)))
    shown = [line.split() for line in text_of(document).splitlines()]
    for line in (
        ["user", "2", "0"],
        ["mentor", "1", "1"],
        ["ill", "1", "1"],
        ["not", "said", "3", "0"],
        ["1", "to", "24", "hours", "1", "1"],
        ["after", "the", "agreed", "start", "1", "0"],
        ["requested", "30.0"],
        ["actual", "31.0"],
    ):
        assert line in shown, line
    text = " ".join(word for line in shown for word in line)
    assert "Of 4 cancelled bookings 3 say who cancelled and 1 why" in text
    assert "of 7 bookings 2 have an agreed start and 3 a requested length." in text
    assert "Of these, 2 (66.7 %) took longer than requested." in text
    # And in its place among all sections.
    everything = as_terminal(sections(document, settings_of(document, load_settings())), colour=False)
    assert text_of(document) in everything


def test_where_no_event_says_anything_there_is_one_line(connection):
    text = text_of(document_of(connection, carrying([cancelled(1)])))
    assert " ".join(text.split()) == (
        "No event says who cancelled or why, which start was agreed, or which length was requested."
    )


def test_what_a_coarse_clock_cannot_say_is_left_out_and_the_clock_named(connection):
    tables = carrying([cancelled(1, agreed_start_at=day(3))], minutes=(20,))
    midnight = {"event_id": "m", "user_id": 1, "mentor_id": "M-1", "load_id": 1, "occurred_at": datetime(2023, 2, 1)}
    for kinds in (("booking_cancelled",), ("session_ended",)):
        document = document_of(
            connection, tables | {"stg_events": [*tables["stg_events"], *(midnight | {"event_type": k} for k in kinds)]}
        )
        text = " ".join(text_of(document).split())
        assert ("before the agreed start" in text) is ("booking_cancelled" not in kinds)
        assert ("took longer" in text) is ("session_ended" not in kinds)
        assert f"measure hours from them: {', '.join(kinds)}." in text


@pytest.mark.parametrize("key", ["cancelled_by", "cancellation_reason"])
def test_of_very_many_reasons_the_most_frequent_are_shown_and_all_are_in_csv(connection, key):
    bookings = [cancelled(n, **{key: f"reason {n // 2:02}" if n < 40 else "usual"}) for n in range(60)]
    document = document_of(connection, carrying([*bookings, cancelled(99)]))
    text = text_of(document)
    assert "the most frequent 11 of 22" in text
    assert "usual" in text
    assert "not said" in text
    assert "reason 09" not in text
    section = booking_details(document, settings_of(document, load_settings()))
    rows = {row["row"] for row in csv.DictReader(io.StringIO(as_csv(document, [section])))}
    assert {f"reason {n:02}" for n in range(20)} | {"usual", "not said"} <= rows
