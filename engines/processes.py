"""The processes of this host."""

from __future__ import annotations

import os


def is_alive(process: int) -> bool:
    """Whether a process of this host has that number."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # somebody else's
    except (OSError, OverflowError):
        return False
    return True
