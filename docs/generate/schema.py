"""The JSON Schema of the answer, docs/answer.schema.json, from types: `python -m docs.generate.schema` writes it."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import TypedDictSchema
from typing_extensions import get_original_bases, is_typeddict

from analysis.answer.schema.document import Answer
from settings import PROJECT_ROOT

FILE = PROJECT_ROOT / "docs" / "answer.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABBREVIATIONS = {"ci": "CI", "id": "ID", "sd": "SD"}


def schema(document: type = Answer) -> str:
    """The JSON Schema of a TypedDict, as text: every field described by the text below it, any other forbidden.

    Raises:
        ValueError: a field has no text below it.
    """
    found = {"$schema": DIALECT} | TypeAdapter(document).json_schema(schema_generator=_Described)
    return json.dumps(found, indent=2) + "\n"


class _Described(GenerateJsonSchema):
    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        found = super().typed_dict_schema(schema)
        descriptions = _descriptions(schema["cls"])
        for name, field in found["properties"].items():
            if name not in descriptions:
                raise ValueError(f"{schema['cls'].__name__}.{name} has no text below it that describes it")
            field["description"] = descriptions[name]
        return found | {"additionalProperties": False}

    def get_title_from_name(self, name: str) -> str:
        title = " ".join(_ABBREVIATIONS.get(word, word) for word in name.split("_"))
        return title[0].upper() + title[1:]


def _descriptions(typed_dict: type) -> dict[str, str]:
    """The text below each field of a TypedDict and of those that it is made from, by the field's name."""
    found: dict[str, str] = {}
    for base in get_original_bases(typed_dict):
        if is_typeddict(base):
            found |= _descriptions(base)
    body: list[Any] = ast.parse(inspect.getsource(typed_dict)).body[0].body
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            found[field.target.id] = " ".join(text.value.value.split())
    return found


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")
