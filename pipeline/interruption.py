"""Ending a command early, by a time limit, Ctrl-C or SIGTERM, with nothing half done.

A signal stops the command where it is: Python raises in the main thread, and DuckDB gives up its
query when it next looks for a signal. What does not obey within `GRACE_SECONDS`, or a second
signal, ends the process on the spot. Once publishing has begun a command goes on to its end.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from errors import InterruptedByUserError, MentorAnalyticsError, TimedOutError

GRACE_SECONDS = 10
_SIGNALS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)


class _Stop(BaseException):
    """Raised where the command is; no `except Exception` on the way takes it for a failure of its own."""


class _Guard:
    """What is known of the signals of one block.

    Python's handlers wait for the main thread, which may be deep in the engine for long: a thread of
    its own sees every signal at once and keeps the time.
    """

    def __init__(self, timeout: float | None, last_words: Callable[[MentorAnalyticsError], None]) -> None:
        self.timeout = timeout
        self.last_words = last_words
        self.error: MentorAnalyticsError | None = None
        self.is_closed = False  # from publishing on, and once the block is left, signals change nothing
        self.is_stopping = False
        self.lock = threading.RLock()  # a handler may run while its own thread holds it

    def note(self, number: int) -> bool:
        """Take up a signal; False when it comes too late to change anything."""
        with self.lock:
            if self.is_closed:
                return False
            if not self.error and number == signal.SIGALRM and self.timeout is not None:
                self.error = TimedOutError(f"timed out after {self.timeout:g} s; nothing was published")
            elif not self.error:
                name = signal.Signals(number).name
                self.error = InterruptedByUserError(f"interrupted by {name}; nothing was published")
            return True

    def close(self) -> None:
        with self.lock:
            self.is_closed = True

    def on_signal(self, number: int, _frame: object) -> None:
        if self.note(number) and not self.is_stopping:
            self.is_stopping = True
            raise _Stop

    def watch(self, signals: int) -> None:
        """End the process when it does not obey a signal in time, or gets a second one.

        Args:
            signals: file descriptor from which the numbers of signals are read, a byte each, until its end.
        """
        deadline = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([signals], [], [], left)
            numbers = os.read(signals, 1) if ready else b""
            if ready and not numbers:
                return  # the block is left
            if not ready or (deadline is not None and numbers[0] in (signal.SIGINT, signal.SIGTERM)):
                self.end_now()
            elif numbers[0] in _SIGNALS and self.note(numbers[0]) and deadline is None:
                deadline = time.monotonic() + GRACE_SECONDS

    def end_now(self) -> None:
        try:
            if self.error:
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
    signals, writes = os.pipe()
    os.set_blocking(writes, False)
    watcher = threading.Thread(target=guard.watch, args=(signals,), daemon=True)
    watcher.start()
    before_fd = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    before = {number: signal.signal(number, guard.on_signal) for number in _SIGNALS}
    _guard = guard
    try:
        if timeout is not None:
            signal.setitimer(signal.ITIMER_REAL, timeout)
        yield
        guard.close()
        if guard.error:  # the watcher was faster than the handler
            raise _Stop
    except BaseException:
        guard.close()
        if guard.error:
            raise guard.error from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _guard = None
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(before_fd)
        os.close(writes)
        watcher.join()
        os.close(signals)


def stop_if_asked() -> None:
    """Stop here if a signal came whose effect a library has swallowed."""
    if _guard and _guard.error:
        raise _Stop


def begin_publishing() -> None:
    """From here on no signal stops the command; stop now if one came before."""
    if _guard:
        _guard.close()
    stop_if_asked()
