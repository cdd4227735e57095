"""The statistics know neither tables nor engines, and cost little to import."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import analysis.statistics
from settings import PROJECT_ROOT

MODULES = sorted(module.name for module in pkgutil.iter_modules(analysis.statistics.__path__))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_an_engine_or_what_is_slow(module):
    code = f"import sys, analysis.statistics.{module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert f"analysis.statistics.{module}" in loaded
    assert not loaded & {"ibis", "duckdb", "sqlmesh", "pandas", "scipy.stats", "scipy.optimize"}
