"""What a person sees while a command works: on stderr, and only where that is a terminal, unless asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def live_progress(plain: bool = False) -> Iterator[Callable[[str], None]]:
    """Gives a function that shows what is being done now, with the time since the start; it is gone at the end.

    Args:
        plain: a line a step that stays, terminal or not: for a log that somebody follows.
    """
    if plain:
        started = time.monotonic()
        yield lambda step: print(f"[{time.monotonic() - started:5.1f} s] {step}", file=sys.stderr, flush=True)
        return
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda step: progress.update(task, description=escape(step))
