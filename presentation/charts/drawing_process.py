"""Drawing in a process of its own, which starts while the answer is still being worked out."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from errors import ReportError
from presentation.content import Figure
from presentation.document import Row

Draw = Callable[[Row, list[Figure]], dict[str, str]]


@contextmanager
def drawing_process() -> Iterator[Draw]:
    """Gives `drawing.draw` as a function that works in another process, started at once.

    Raises:
        ReportError: the process ended before it was done.
    """
    # Not forked: a fork of a process with threads may hang.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(_warm_up)

        def draw(document: Row, figures: list[Figure]) -> dict[str, str]:
            try:
                return pool.submit(_draw, document, figures).result()
            except BrokenProcessPool:
                raise ReportError("the charts were not drawn: their process ended") from None

        yield draw


# The library is imported in the other process alone.
def _warm_up() -> None:
    from presentation.charts.drawing import warm_up

    warm_up()


def _draw(document: Row, figures: list[Figure]) -> dict[str, str]:
    from presentation.charts.drawing import draw

    return draw(document, figures)
