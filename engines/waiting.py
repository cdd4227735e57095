"""Waiting for another writer, the same on every engine."""

from __future__ import annotations

import time
from collections.abc import Callable

from engines.protocol import Say
from errors import WarehouseError


def wait_for_writer(
    holder: Callable[[], str | None],
    wait_seconds: float,
    say: Say,
    poll_seconds: float = 0.2,
    advice: str = "try again when it is done, or end it",
) -> None:
    """Ask again and again until nobody else writes.

    Args:
        holder: who is writing what, in words; None once the way is free.
        say: called once when it waits.
        advice: what to do about one who writes for too long.

    Raises:
        WarehouseError: somebody else still writes after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    is_first_try = True
    while found := holder():
        if time.monotonic() >= deadline:
            raise WarehouseError(f"{found}; {advice}")
        if is_first_try:
            say(f"{found}; waiting up to {wait_seconds:g} s")
            is_first_try = False
        time.sleep(min(poll_seconds, max(0.0, deadline - time.monotonic())))
