"""An engine that is missing is skipped, and in continuous integration it is a failure."""

from __future__ import annotations

import pytest

from tests.engines.conftest import required


def test_a_missing_engine_is_skipped_with_its_reason(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no_such_engine cannot be imported"):
        required("no_such_engine")


def test_continuous_integration_needs_every_engine(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no_such_engine cannot be imported"):
        required("no_such_engine")
