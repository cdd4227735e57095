"""The metric catalogue, docs/metrics.md, from the docstrings: `python -m docs.generate.metrics` writes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from analysis.metrics.definitions import METRICS
from settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "metrics.md"
INTRODUCTION = """\
# Metrics

What `answer --full` and `answer --format json` tell, and how each figure comes about. Counts are worked out in the
engine; sections of the answer are put together from counts by statistics that know no table. What each field of the
JSON means, its unit and when it is null is in [answer.schema.json](answer.schema.json), which `answer --schema` prints.

This page is written from the docstrings by `python -m docs.generate.metrics`; change those instead.
"""


def catalogue() -> str:
    """The page as Markdown: every public function of the metrics, the sections of the answer and the statistics."""
    analysis = PROJECT_ROOT / "analysis"
    parts = {
        "Sections of the answer": _modules(analysis / "answer"),
        "Counts, in the engine": [analysis / "metrics" / f"{name}.py" for name in METRICS],
        "Statistics": _modules(analysis / "statistics"),
    }
    lines = [INTRODUCTION]
    for title, modules in parts.items():
        lines.append(f"## {title}\n")
        for path in modules:
            lines += _described(path)
    return "\n".join(lines)


def _modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if path.stem != "__init__")


def _described(path: Path) -> Iterator[str]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    if not functions:
        return
    yield f"### {path.relative_to(PROJECT_ROOT)}\n"
    yield f"{_docstring(module, path.name)}\n"
    for function in functions:
        arguments = [argument.arg for argument in function.args.args]
        arguments += [f"*{function.args.vararg.arg}"] if function.args.vararg else []
        yield f"#### `{function.name}({', '.join(arguments)})`\n"
        yield f"{_docstring(function, function.name)}\n"


def _docstring(node: ast.Module | ast.FunctionDef, name: str) -> str:
    """The docstring as Markdown: doctests as code, the entries of `Args:` and the like as a list."""
    text = ast.get_docstring(node)
    if not text:
        raise ValueError(f"{name} has no docstring")
    blocks = []
    for block in text.split("\n\n"):
        heading, _, body = block.partition("\n")
        if block.startswith(">>>"):
            blocks.append(f"```python\n{block}\n```")
        elif re.fullmatch(r"\w+:", heading):
            blocks.append(f"{heading}\n\n{_entries(body)}")
        else:
            blocks.append(block)
    return "\n\n".join(blocks)


def _entries(body: str) -> str:
    """Lines indented by four spaces, each an entry; deeper ones go on with it."""
    lines = [line.removeprefix("    ") for line in body.splitlines()]
    is_list = any(re.match(r"[\w, ]+:( |$)", line) for line in lines)
    return "\n".join(f"- {line}" if is_list and not line.startswith(" ") else line for line in lines)


if __name__ == "__main__":
    PAGE.write_text(catalogue(), encoding="utf-8")
