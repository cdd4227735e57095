"""The page of data quality has every check there is."""

from __future__ import annotations

import re

import pytest

from docs.generate import quality
from docs.generate.quality import PAGE, quality_page, reasons
from errors import MentorAnalyticsError
from ingest.sources import EVENTS, MENTORS, USERS
from settings import PROJECT_ROOT


def test_the_page_is_that_of_the_checks(context):
    assert PAGE.read_text(encoding="utf-8") == quality_page(context), "run: python -m docs.generate.quality"


def test_every_audit_of_every_model_has_a_row(context):
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\w+) \| `(\w+)", page, re.MULTILINE)
    audits = [
        (model.fully_qualified_table.db, model.fully_qualified_table.name, audit.name.removesuffix("_non_blocking"))
        for model in context.models.values()
        for audit, _ in model.audits_with_args
    ]
    assert sorted(rows) == sorted(audits)
    assert context.standalone_audits == {}


def test_an_audit_without_a_description_is_refused(context, monkeypatch):
    monkeypatch.delitem(quality._BUILT_IN, "accepted_values")
    with pytest.raises(MentorAnalyticsError, match=r"accepted_values is not described; add a line to quality\.py"):
        quality_page(context)


def test_every_reason_of_a_rejection_is_on_the_page():
    found = {reason for source in (USERS, MENTORS, EVENTS) for reason in reasons(source)}
    assert found == set(quality._REASONS)
    cases = (PROJECT_ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
    assert set(re.findall(r"rejected as `(\w+)`", cases)) <= found


def test_severity_is_that_of_the_audit():
    page = PAGE.read_text(encoding="utf-8")
    warns = set(re.findall(r"^\| \w+ \| \w+ \| `(\w+)[^|]*\|[^|]*\| warns \|", page, re.MULTILINE))
    assert warns >= {"assert_durations_usual", "assert_mentors_of_sessions_known", "assert_orphan_rate_under_threshold"}
    assert "assert_tiers_known" not in warns
