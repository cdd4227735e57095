"""The graph of the tables as Mermaid, which GitHub and most editors draw from the text."""

from __future__ import annotations

import re

from docs.generate.tables import Table


def mermaid(found: list[Table]) -> str:
    """A flowchart from the raw tables on the left to the reports on the right, one group a layer."""
    lines = ["flowchart LR"]
    for layer in dict.fromkeys(table.layer for table in found):
        lines.append(f"  subgraph {_identifier(layer)}[{_text(layer)}]")
        lines += [
            f"    {_identifier(table.name)}[{_text(table.name.split('.', 1)[1])}]"
            for table in found
            if table.layer == layer
        ]
        lines.append("  end")
    lines += [f"  {_identifier(parent)} --> {_identifier(table.name)}" for table in found for parent in table.parents]
    return "\n".join(lines) + "\n"


def _identifier(name: str) -> str:
    # A word of Mermaid's own, such as end, is none with an underscore before it.
    return "_" + re.sub(r"\W", "_", name)


def _text(text: str) -> str:
    """A quoted text without anything that could be markup: Mermaid's own escapes are not drawn alike everywhere."""
    return '"' + re.sub(r"[^\w .-]", "_", text) + '"'
