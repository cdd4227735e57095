"""Answer documents to present: one in which every section and chart has something to show, and one of nothing."""

from __future__ import annotations

import copy

import pytest

from tests.small_answers import CASES, document_of


@pytest.fixture(scope="session")
def documents(connection) -> dict[str, dict]:
    """Those below; not to be changed."""
    return {name: document_of(connection, CASES[name]) for name in ("busy", "nothing at all")}


@pytest.fixture
def document(documents) -> dict:
    """Sixty users over five mentors and three months, with a week of cancellations; a copy that a test may change."""
    return copy.deepcopy(documents["busy"])


@pytest.fixture
def empty_document(documents) -> dict:
    """No user and no booking."""
    return copy.deepcopy(documents["nothing at all"])
