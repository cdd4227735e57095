"""The next set of a warehouse, and a session at work on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engines.protocol import Say
from engines.spark import catalog, sets
from engines.spark.reader import spark_errors
from engines.spark.session import answers, close, forget_jvm, lost, require_pyspark, session_of
from settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def writing(settings: Settings, say: Say, begin_publishing: Callable[[], None]) -> Iterator[tuple[Path, SparkSession]]:
    """The folder of the next set and a session that has its tables; published when the block is left without an error.

    Args:
        say, begin_publishing: as of `Engine.writing`.

    Raises:
        SettingsError, WarehouseError: as `sets.next_set` and `session_of`.
    """
    require_pyspark()
    root = sets.root_of(settings)
    with sets.next_set(root, settings.lock_wait_seconds, say, begin_publishing) as folder:
        try:
            with session_of(folder, settings) as session:
                try:
                    yield folder, session
                except Exception:
                    if not answers(session):  # whatever came of it
                        forget_jvm()
                        raise lost() from None
                    raise
                with spark_errors():
                    catalog.save(session, folder)
        except BaseException:
            close()
            raise
