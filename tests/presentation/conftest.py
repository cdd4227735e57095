"""Answer documents to present: one in which every section and chart has something to show, and one of nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import ibis
import pytest

from tests import small_marts
from tests.small_answers import CASES, document_of


@pytest.fixture(scope="session")
def documents() -> Iterator[dict[str, dict]]:
    """Those below; not to be changed."""
    connection = ibis.duckdb.connect()
    small_marts.create(connection.con)
    yield {name: document_of(connection, CASES[name]) for name in ("busy", "nothing at all")}
    connection.disconnect()


@pytest.fixture
def document(documents) -> dict:
    """Sixty users over five mentors and three months, with a week of cancellations; a copy that a test may change."""
    return copy.deepcopy(documents["busy"])


@pytest.fixture
def empty_document(documents) -> dict:
    """No user and no booking."""
    return copy.deepcopy(documents["nothing at all"])
