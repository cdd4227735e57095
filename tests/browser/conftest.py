"""The browser that the tests in this folder drive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from docs.generate import pictures
from errors import ReportError


def chromium() -> Path:
    """The browser's executable; a test run without one fails, so that nobody takes it for a pass."""
    try:
        return pictures.chromium()
    except ReportError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each opens a context of its own."""
    chromium()
    with pictures.browser() as browser:
        yield browser
