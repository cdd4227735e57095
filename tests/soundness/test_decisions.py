"""What a decision of docs/adr says of figures, counted on the sample."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

from settings import PROJECT_ROOT
from tests import reference

OUTCOMES = {"booking_cancelled": "cancelled", "session_started": "attended"}
SAMPLE = PROJECT_ROOT / "seeds" / "sample"


def events() -> list[dict]:
    """The events of the sample as `tests.reference` takes them."""
    return [
        {
            "event_id": row["event_id"],
            "user_id": int(row["user_id"]),
            "mentor_id": row["mentor_id"],
            "at": reference.utc_time(row["timestamp"]),
            "type": row["event_type"],
        }
        for row in json.loads((SAMPLE / "booking_events.json").read_text(encoding="utf-8"))
    ]


def test_a_strict_rule_loses_ten_cancellations():
    """0009: with an outcome strictly before the next request ten cancellations become unanswered requests."""
    found = events()
    assert Counter(row[3] for row in reference.bookings(found, 24)) == {"attended": 203, "cancelled": 21, "pending": 1}
    strict: Counter = Counter()
    pairs: dict[tuple, list[dict]] = {}
    for row in found:
        pairs.setdefault((row["user_id"], row["mentor_id"]), []).append(row)
    for rows in pairs.values():
        requests = sorted({row["at"] for row in rows if row["type"] == "booking_requested"})
        for at, following in zip(requests, [*requests[1:], datetime.max], strict=True):
            between = sorted((row["at"], row["type"]) for row in rows if at < row["at"] < following)
            kinds = [kind for _, kind in between]
            outcome = next((kind for kind in kinds if kind in OUTCOMES), None)
            unsettled = "confirmed" if "booking_confirmed" in kinds else "pending"
            strict[OUTCOMES[outcome] if outcome else unsettled] += 1
    assert strict == {"attended": 203, "cancelled": 11, "pending": 11}
