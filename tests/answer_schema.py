"""Answers held to docs/answer.schema.json."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from docs.generate.schema import FILE

SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
_VALIDATOR = Draft202012Validator(SCHEMA)


def undocumented(document: dict) -> list[str]:
    """What in an answer is otherwise than its schema says: place and reason, one line each."""
    found = _VALIDATOR.iter_errors(json.loads(json.dumps(document)))
    return [f"{error.json_path}: {error.message}" for error in found]


def assert_documented(document: dict) -> None:
    """Every field of an answer is in its schema, of the type and within the bounds that it says."""
    assert undocumented(document) == []
