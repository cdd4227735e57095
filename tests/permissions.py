"""Doing something as a user who may not read everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def out_of_reach(path: Path) -> Iterator[None]:
    """What runs inside may not look into `path`, a file or a folder; where that is root, it is another user inside."""
    is_root = os.geteuid() == 0
    before = path.stat().st_mode
    path.chmod(0)
    for folder in path.parents if is_root else ():
        folder.chmod(folder.stat().st_mode | 0o011)  # the group may be that of root still
    try:
        if is_root:
            os.seteuid(65534)
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(before)
