"""Print docs/bad-input.md: python -m tests.bad_input > docs/bad-input.md"""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from tests.bad_input.cases import CASES
from tests.bad_input.cases.case import Case

INTRODUCTION = """\
# What becomes of bad input

Every row is accounted for: rows read = loaded + known + duplicates + rejected. A row is rejected with a
reason, which `python cli.py rejects` shows with its file, position and text. A file is refused as a whole,
with one line, where its rows cannot be told apart or loading it would do harm; the warehouse then stays
byte for byte as it was. A note says what the counts do not.

Each line of these tables is a test. Rows of the good data around them (two users, two mentors, an event)
are *known*.
"""


def _cell(text: str) -> str:
    """Text within a Markdown table, whatever it holds."""
    text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    text = text if len(text) <= 160 else f"{text[:160]}…"
    for character in "\\|`*_<>{}[]$":
        text = text.replace(character, f"\\{character}")
    return text


def outcome(case: Case) -> str:
    """What a case comes to, in a few words of Markdown."""
    if case.refused:
        return f"refused: {_cell(case.refused.replace('{folder}', 'DATA'))}"
    fates = Counter(
        fate if fate in ("loaded", "known", "duplicate") else f"rejected as `{fate}`" for fate in case.fates
    )
    parts = [f"{count} {fate}" for fate, count in fates.items()] or ["no row"]
    return "; ".join([", ".join(parts), *(f"note: {_cell(note)}" for note in case.notes)])


def page() -> str:
    """The page as it must stand in the repository."""
    parts = [INTRODUCTION]
    for group, cases in groupby(CASES, key=lambda case: case.group):
        rows = "".join(f"| {_cell(case.name)} | {outcome(case)} |\n" for case in cases)
        parts.append(f"## {group}\n\n| input | what becomes of it |\n|---|---|\n{rows}")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
