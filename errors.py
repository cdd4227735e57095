"""Failures that a user can act on: each is shown as one line, never as a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MentorAnalyticsError(Exception):
    """Base of every failure that the command line reports as one line, with exit code 1 or, for options, 2."""


class SettingsError(MentorAnalyticsError):
    """A setting or option has a value that is not allowed."""


class OptionError(SettingsError):
    """An option of a command has a value that is not allowed, which is wrong usage."""


class SourceError(MentorAnalyticsError):
    """A source file cannot be read as a whole; nothing of the data folder was loaded."""


class WarehouseError(MentorAnalyticsError):
    """The warehouse is missing, locked, or not one of ours."""


class TransformError(MentorAnalyticsError):
    """A model or an audit failed."""


class ReportError(MentorAnalyticsError):
    """A report, or another file that was asked for, cannot be written there."""


class TimedOutError(MentorAnalyticsError):
    """A command took longer than its time limit; nothing was published."""


class InterruptedByUserError(MentorAnalyticsError):
    """Ctrl-C or SIGTERM ended a command; nothing was published."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write a file or a folder that was asked for.

    Raises:
        ReportError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror or error}") from None
