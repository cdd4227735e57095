"""Which definitions of the metrics are in force: a checksum of each module of them.

The model `reference.definitions` keeps those that an environment was built with.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

# The modules that say what is counted; the others bring counts home and put the answer together.
METRICS = (
    "balance",
    "classes",
    "cohorts",
    "confounding",
    "intent",
    "marts",
    "mentors",
    "optional_events",
    "rebooking",
    "reliability",
    "sensitivity",
    "time_to_rebooking",
    "trial",
)


def checksums() -> dict[str, str]:
    """SHA-256 of each module of metrics of this working tree, by its name; what only explains does not count."""
    return {name: _checksum(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")) for name in METRICS}


def _checksum(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
