"""Content in, text out: one module a format, each of which escapes what its format takes for its own."""

from __future__ import annotations

from presentation.content import Section


def as_text(title: str, content: list[Section], output: str, colour: bool) -> str:
    """Content as `table`, for a terminal, or as `markdown`; what the other needs is not loaded.

    Args:
        title: of Markdown.
        colour: of a table.
    """
    if output == "markdown":
        from presentation.renderers.markdown import as_markdown

        return as_markdown(title, content)
    from presentation.renderers.terminal import as_terminal

    return as_terminal(content, colour)
