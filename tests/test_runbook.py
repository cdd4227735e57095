"""The runbook shows the procedures as they are; `python -m tests.runbook --check` runs them, which takes minutes."""

from __future__ import annotations

import re

from tests.runbook.__main__ import PAGE, wrapped
from tests.runbook.procedures import PROCEDURES


def test_the_page_has_every_procedure_with_its_commands_in_their_order():
    page = PAGE.read_text(encoding="utf-8")
    parts = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [part.splitlines()[0] for part in parts] == [procedure.title for procedure in PROCEDURES]
    for part, procedure in zip(parts, PROCEDURES, strict=True):
        assert re.findall(r"^\$ (.+)$", part, re.MULTILINE) == list(procedure.commands), procedure.title
        assert wrapped(procedure.before) in part, procedure.title
        assert wrapped(procedure.after) in part, procedure.title


def test_what_was_printed_holds_no_failure_but_those_that_are_meant():
    page = PAGE.read_text(encoding="utf-8")
    assert "Traceback" not in page
    assert "Usage:" not in page
    errors = {line.split(":")[0]: line for line in re.findall(r"^error: (.+)$", page, re.MULTILINE)}
    assert len(re.findall(r"^error: ", page, re.MULTILINE)) == 3, errors
    # A bad file, a failed audit, half a backup.
    assert len(re.findall(r"^exit code 1$", page, re.MULTILINE)) == 3
