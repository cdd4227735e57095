"""Whether two engines hold the same rows."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any


def is_same(one: Any, other: Any) -> bool:
    """Equal; floating-point numbers but for their last digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other and (type(one) is type(other) or isinstance(one, Decimal))


def assert_same_rows(name: str, found: list[tuple], expected: list[tuple]) -> None:
    """The same rows in any order."""
    found, expected = (sorted(rows, key=lambda row: [(v is None, str(v)) for v in row]) for rows in (found, expected))
    assert len(found) == len(expected), name
    for one, other in zip(found, expected, strict=True):
        assert len(one) == len(other)
        assert all(map(is_same, one, other)), (name, one, other)


def comparable(text: str) -> str:
    """An answer, or the plan of a test, as JSON, without the gateway's name and what depends on the clock."""
    document = json.loads(text)
    document["parameters"].pop("gateway")
    document["parameters"].pop("answered_at")
    if freshness := document.get("freshness"):
        freshness.pop("age_hours")
        for file in freshness["files"]:
            file.pop("last_new_row")
    return json.dumps(document, indent=2)
