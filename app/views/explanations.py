"""The pages of what else could explain the answer, and how firm it is: a section or two of it each."""

from __future__ import annotations

from collections.abc import Callable

from app.content import show_sections
from app.sentences import page
from presentation import sections

# Of each page: its place in the address, its title, and what it shows.
CONTENT = {
    "time_to_rebooking": ("Time to rebooking", (sections.time_to_rebooking,)),
    "cohorts": ("Cohorts", (sections.cohorts,)),
    "like_with_like": ("Like with like", (sections.like_with_like,)),
    "mentors": ("Mentors", (sections.mentors,)),
    "sensitivity": ("Sensitivity", (sections.sensitivity, sections.pairs)),
    "robustness": ("How wrong could it be", (sections.robustness,)),
}


def show(name: str) -> Callable[[], None]:
    """The page of that name."""
    title, shown = CONTENT[name]
    return page(lambda: show_sections(title, *shown))
