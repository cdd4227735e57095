"""Everything the answer says, written once: a module a subject, from the answer document into a section."""

from __future__ import annotations

from collections.abc import Callable

from presentation.content import Section
from presentation.document import Row, is_full
from presentation.sections.answer import answer, caveats
from presentation.sections.booking_details import booking_details
from presentation.sections.cohorts import cohorts
from presentation.sections.definitions import definitions
from presentation.sections.intent import intent
from presentation.sections.like_with_like import like_with_like
from presentation.sections.mentors import mentors
from presentation.sections.optional_events import optional_events
from presentation.sections.pairs import pairs
from presentation.sections.rebooking import rebooking
from presentation.sections.reliability import reliability, reliability_in_time
from presentation.sections.robustness import robustness
from presentation.sections.sensitivity import sensitivity
from presentation.sections.time_to_rebooking import time_to_rebooking
from settings import Settings

Sections = tuple[Callable[[Row, Settings], Section], ...]
FIRST: Sections = (answer, rebooking, intent, reliability, caveats)
# What else could explain the answer, and how firm it is: of a document with every section.
FURTHER: Sections = (
    time_to_rebooking,
    cohorts,
    like_with_like,
    mentors,
    pairs,
    sensitivity,
    robustness,
    reliability_in_time,
    booking_details,
)


def sections(document: Row, settings: Settings) -> list[Section]:
    """What the answer says, in order; of a full document all of it.

    Args:
        settings: those the document was made with; see `document.settings_of`.
    """
    first = FIRST
    if "optional_events" in document:
        first = (*FIRST[:-1], optional_events, FIRST[-1])
    found = [section(document, settings) for section in first]
    if is_full(document):
        found += [section(document, settings) for section in FURTHER]
        found.append(definitions(settings))
    return found
