"""Every chart by the name of its figure: a pure function of the answer document.

Its data are within it, and it is drawn in the light colours of the palette. Where the document has nothing to show,
it says "no data".
"""

from __future__ import annotations

from collections.abc import Callable

import altair as alt

from presentation.charts.cohorts import cohorts
from presentation.charts.explanations import like_with_like, mentors, sensitivity
from presentation.charts.rebooking import intent, rebooking_bookings, rebooking_sessions
from presentation.charts.reliability import reliability_checks, reliability_in_time
from presentation.charts.time_to_rebooking import time_to_rebooking
from presentation.document import Row

CHARTS: dict[str, Callable[[Row], alt.TopLevelMixin]] = {
    chart.__name__: chart
    for chart in (
        rebooking_sessions,
        rebooking_bookings,
        intent,
        reliability_checks,
        time_to_rebooking,
        cohorts,
        like_with_like,
        mentors,
        sensitivity,
        reliability_in_time,
    )
}
