"""Run every procedure and write docs/runbook.md: python -m tests.runbook; with --check compare it instead."""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from pathlib import Path

from settings import PROJECT_ROOT
from tests.processes import typed
from tests.project_copy import ProjectCopy
from tests.runbook.procedures import PROCEDURES

PAGE = PROJECT_ROOT / "docs" / "runbook.md"
FOUND = PROJECT_ROOT / ".cache" / "runbook.md"
HEAD = """# Runbook

What to do when. The commands were run as they stand, one procedure after the other in one folder, and printed what is
shown: `python -m tests.runbook` runs them and writes this page, `--check` compares. What is different in
every run, such as times, is written as `…`. [operation.md](operation.md) says why things are so.
"""
# What is different in every run.
CHANGING = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z|\+00:00)?(?= |,|$)", "…"),
    (r"[\d,.]+ hours old", "… hours old"),
    (r"^(…  \w+ +[a-z]+) +[\d.]+(?= +\d+ +\d+)", r"\1  …"),  # the seconds of `history`
    (r"\b[\d,]+ (seconds?|minutes?|hours?|days?) ago", "… ago"),
    (r"\b\d+(\.\d+)? s\b", "… s"),
    (r"\b[\d,]+ tables and views with [\d,]+ rows", "… tables and views with … rows"),
)


def transcript(folder: Path, command: str) -> list[str]:
    """A command as it was typed, and what it printed."""
    text = typed(folder, command).stdout.replace(f"{folder}/", "")
    for pattern, shown in CHANGING:
        text = re.sub(pattern, shown, text, flags=re.MULTILINE)
    return [f"$ {command}", *(line.rstrip() for line in text.splitlines())]


def wrapped(text: str) -> str:
    """Sentences as lines of a page."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def page() -> str:
    """Run everything in a copy of the project; the page as Markdown."""
    lines = [HEAD]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "mentor-analytics"
        folder.mkdir()
        ProjectCopy(folder)
        for procedure in PROCEDURES:
            print(procedure.title, file=sys.stderr)
            lines += [f"## {procedure.title}", ""]
            lines += [wrapped(procedure.before), ""] if procedure.before else []
            lines.append("```console")
            for command in procedure.commands:
                lines += transcript(folder, command)
            lines += ["```", "", *([wrapped(procedure.after), ""] if procedure.after else [])]
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> None:
    """Write the page, or compare it."""
    found = page()
    if "--check" not in sys.argv:
        PAGE.write_text(found, encoding="utf-8")
    elif found != PAGE.read_text(encoding="utf-8"):
        FOUND.parent.mkdir(exist_ok=True)
        FOUND.write_text(found, encoding="utf-8")
        sys.exit("docs/runbook.md is not what the commands print now; compare it with .cache/runbook.md")


if __name__ == "__main__":
    main()
