"""Ending a command early, by a time limit, Ctrl-C or SIGTERM, with nothing half done.

A signal stops the command where it is: Python raises in the main thread, and DuckDB gives up its
query as soon as Python has a signal. What does not obey within `GRACE_SECONDS`, or a second
signal, ends the process on the spot. Once publishing has begun a command goes on to its end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errors import InterruptedByUserError, MentorAnalyticsError, TimedOutError

GRACE_SECONDS = 10
_SIGNALS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)


class _Stop(BaseException):
    """Raised where the command is; no `except Exception` on the way takes it for a failure of its own."""


class _Guard:
    def __init__(self, timeout: float | None, last_words: Callable[[MentorAnalyticsError], None]) -> None:
        self.timeout = timeout
        self.last_words = last_words
        self.error: MentorAnalyticsError | None = None
        self.is_closed = False  # from publishing on, and once the block is left, signals change nothing
        self.watchdog: threading.Timer | None = None

    def on_signal(self, number: int, _frame: object) -> None:
        if self.is_closed:
            return
        if self.error:
            if number != signal.SIGALRM:
                self.end_now()
            return
        if number == signal.SIGALRM:
            self.error = TimedOutError(f"timed out after {self.timeout:g} s; nothing was published")
        else:
            name = signal.Signals(number).name
            self.error = InterruptedByUserError(f"interrupted by {name}; nothing was published")
        self.watchdog = threading.Timer(GRACE_SECONDS, self.end_now)
        self.watchdog.daemon = True
        self.watchdog.start()
        raise _Stop

    def end_now(self) -> None:
        try:
            self.last_words(self.error)
        finally:
            os._exit(1)


_guard: _Guard | None = None


@contextmanager
def interruptible(timeout: float | None, last_words: Callable[[MentorAnalyticsError], None]) -> Iterator[None]:
    """Let signals and the time limit end what runs inside, by one error.

    Args:
        timeout: seconds; None means no limit.
        last_words: called with the error where the process is ended on the spot, by a thread of its own.

    Raises:
        TimedOutError, InterruptedByUserError: it was ended; whatever else failed on the way out.
    """
    global _guard
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; its own guard holds
        return
    guard = _Guard(timeout, last_words)
    before = {number: signal.signal(number, guard.on_signal) for number in _SIGNALS}
    _guard = guard
    try:
        if timeout is not None:
            signal.setitimer(signal.ITIMER_REAL, timeout)
        yield
        guard.is_closed = True
    except BaseException:
        guard.is_closed = True
        if guard.error:
            raise guard.error from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _guard = None
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if guard.watchdog:
            guard.watchdog.cancel()


def stop_if_asked() -> None:
    """Stop here if a signal came whose effect a library has swallowed."""
    if _guard and _guard.error:
        raise _Stop


def begin_publishing() -> None:
    """From here on no signal stops the command; stop now if one came before."""
    if _guard:
        _guard.is_closed = True
    stop_if_asked()
