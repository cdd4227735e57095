"""What several modules return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class TestResult:
    """A test of one null hypothesis.

    Attributes:
        statistic: the value of the test's statistic; its function says which.
        p_value: two-sided; None, as the statistic, where the data cannot tell anything.
        method: the name of the test, for the reader of a report.
    """

    # The name begins like a test, but pytest has nothing to collect here.
    __test__: ClassVar[bool] = False

    statistic: float | None
    p_value: float | None
    method: str
