"""Who cancels bookings, why and how late, and how long sessions take: as far as the events say so."""

from __future__ import annotations

from presentation.content import Block, Column, Section, Table, written
from presentation.document import SHOWN_REASONS, Row
from presentation.sections.reliability import cancellations, untimed
from presentation.wording import count_of
from settings import Settings

NOT_SAID = "not said"


def booking_details(document: Row, _: Settings) -> Section:
    """What the optional properties of the tracking plan say, and for how many bookings they say it."""
    part, reliability = document["booking_details"], document["reliability"]
    by_notice = part["cancellations_by_notice"]
    return Section(
        "booking_details",
        "Who cancels and why, and how long sessions take",
        [
            _carried(reliability["tracking_plan"], reliability["overall"]),
            *_untimed(reliability),
            *_by_name(part, "cancelled_by", "cancellations_by_canceller", "Cancellations by who cancelled"),
            *_by_name(part, "cancellation_reason", "cancellations_by_reason", "Cancellations by reason"),
            *cancellations(
                "cancellations_by_notice", "Cancellations by time before the agreed start", "notice", by_notice
            ),
            *_durations(part["durations"]),
        ],
    )


def _carried(properties: Row, overall: Row) -> str:
    """For how many bookings the events say what they need not say."""
    named, explained = properties["named_cancellers"], properties["cancellation_reasons"]
    agreed, requested = properties["agreed_starts"], properties["requested_durations"]
    if not named + explained + agreed + requested:
        return "No event says who cancelled or why, which start was agreed, or which length was requested."
    return (
        f"Of {count_of(overall['cancelled'], 'cancelled booking')} {named:,} say who cancelled and {explained:,} why; "
        f"of {count_of(overall['bookings'], 'booking')} {agreed:,} have an agreed start and {requested:,} "
        "a requested length."
    )


def _untimed(reliability: Row) -> list[Block]:
    """The coarse clocks for which a figure is left out that the properties would give."""
    properties = reliability["tracking_plan"]
    needed = {"booking_cancelled"} if properties["agreed_starts"] else set()
    needed |= {"session_started", "session_ended"} if properties["requested_durations"] else set()
    return untimed([row for row in reliability["clock"] if row["event_type"] in needed])


def _by_name(part: Row, key: str, name: str, caption: str) -> list[Block]:
    """Cancellations by a text of the events; where there are many, only CSV has more than the most frequent."""
    said = [row for row in part[name] if row[key] is not None]
    rest = [{**row, key: NOT_SAID} for row in part[name] if row[key] is None]
    return cancellations(name, caption, key, said[:SHOWN_REASONS] + rest, said[SHOWN_REASONS:])


def _durations(durations: Row) -> list[Block]:
    """The requested length beside the actual one, and how many sessions took longer."""
    sessions, overruns = durations["sessions"], durations["overruns"]
    if not sessions:
        return []
    rows = [[name, durations[f"{name}_median"]] for name in ("requested", "actual")]
    table = Table(
        "durations",
        f"Minutes of the {count_of(sessions, 'session')} with a requested length and a recorded end",
        [Column("length"), Column("median", "minutes")],
        rows,
    )
    if overruns is None:
        return [table]
    share = written("rate", overruns / sessions)
    return [table, f"Of these, {overruns:,} ({share}) took longer than requested."]
