"""The next state of the warehouse is a clone of the published database, which takes its name in one statement.

Beside a database `NAME`: `NAME__NEXT`, the clone that is worked on, and `NAME__PREVIOUS`, what was published before.
That `NAME__NEXT` is there keeps other writers out: only one of them can make it. A clone copies no rows, and the names
inside it lead to itself, since none of them says its database.
"""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engines import waiting
from engines.processes import is_alive
from engines.protocol import Say
from engines.snowflake.connection import is_already_there, library, one_line, place
from engines.snowflake.dialect import literal, quoted
from errors import WarehouseError

_POLL_SECONDS = 1.0
_HOLDER = re.compile(r"mentor-analytics: process (\d+) on (\S+) since (\S+ \S+) UTC")


def next_of(published: str) -> str:
    """The name of the database that is worked on."""
    return f"{published}__NEXT"


def previous_of(published: str) -> str:
    """The name of the database that was published before."""
    return f"{published}__PREVIOUS"


@dataclass(frozen=True)
class Found:
    """A database that is there.

    Attributes:
        owner: the role that owns it.
    """

    owner: str
    comment: str


def find(cursor: Any, name: str) -> Found | None:
    """The database of that very name, if this role may see one."""
    # The pattern may find others, too: _ stands for any character.
    for row in _shown(cursor, f"SHOW DATABASES LIKE {literal(name)}"):
        if row["name"] == name:
            return Found(row["owner"] or "", row["comment"] or "")
    return None


def _shown(cursor: Any, statement: str) -> list[dict[str, Any]]:
    cursor.execute(statement)
    names = [column[0].lower() for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def lock(cursor: Any, published: str, wait_seconds: float, say: Say) -> bool:
    """Make the next database, of the published one where there is one.

    Args:
        say: called once when it waits.

    Returns:
        Whether a database is published.

    Raises:
        WarehouseError: somebody else still writes after `wait_seconds`, or another role owns the published database.
    """
    clone = find(cursor, published)
    if clone:
        _refuse_foreign_owner(cursor, published, clone.owner)
    taken = quoted(next_of(published))
    since = datetime.now(UTC)
    comment = f"mentor-analytics: process {os.getpid()} on {socket.gethostname()} since {since:%Y-%m-%d %H:%M:%S} UTC"
    source = f" CLONE {quoted(published)}" if clone else ""
    deadline = time.monotonic() + wait_seconds
    while True:
        wait_for_writer(cursor, published, max(0.0, deadline - time.monotonic()), say)
        try:
            cursor.execute(f"CREATE DATABASE {taken}{source} COMMENT = {literal(comment)}")
            return clone is not None
        except library().errors.ProgrammingError as error:
            if not is_already_there(error):
                raise
            # Somebody was faster; or it is another role's, and not to be seen.
            if time.monotonic() >= deadline:
                raise WarehouseError(f"somebody is writing the {place()}; try again when it is done") from None
            time.sleep(_POLL_SECONDS)


def wait_for_writer(cursor: Any, published: str, wait_seconds: float, say: Say) -> None:
    """Wait until nobody writes, and clear away what a process of this host has left that is gone; as `lock`."""
    following = next_of(published)

    def holder() -> str | None:
        while found := find(cursor, following):
            writer = _HOLDER.fullmatch(found.comment)
            if writer and writer[2] == socket.gethostname() and not is_alive(int(writer[1])):
                cursor.execute(f"DROP DATABASE IF EXISTS {quoted(following)}")
                continue
            who = f"process {writer[1]} on {writer[2]} since {writer[3]} UTC" if writer else "somebody"
            return f"{who} is writing the {place()}"
        return None

    advice = f"try again when it is done; if it is gone run: DROP DATABASE {following}"
    waiting.wait_for_writer(holder, wait_seconds, say, _POLL_SECONDS, advice)


def _refuse_foreign_owner(cursor: Any, published: str, owner: str) -> None:
    """Refuse a database that this role could not publish in the end: it takes the owner of both to swap them."""
    cursor.execute("SELECT CURRENT_ROLE()")
    (role,) = cursor.fetchone()
    if owner != role:
        raise WarehouseError(
            f"the {place()} is owned by the role {owner}, and only its owner may publish; set SNOWFLAKE_ROLE={owner}, "
            f"or run: GRANT OWNERSHIP ON DATABASE {published} TO ROLE {role} COPY CURRENT GRANTS"
        )


def copy_grants(cursor: Any, source: str, target: str) -> None:
    """Grant on one database what roles may do with another: a clone has granted what lies in it, and not itself."""
    for row in _shown(cursor, f"SHOW GRANTS ON DATABASE {quoted(source)}"):
        if row["privilege"] != "OWNERSHIP" and row["granted_to"] == "ROLE":
            option = " WITH GRANT OPTION" if str(row["grant_option"]).lower() == "true" else ""
            cursor.execute(
                f"GRANT {row['privilege']} ON DATABASE {quoted(target)} TO ROLE {quoted(row['grantee_name'])}{option}"
            )


def publish(cursor: Any, published: str, is_there: bool) -> None:
    """Have the next database take the name of the published one, in one statement."""
    new, name = quoted(next_of(published)), quoted(published)
    if is_there:
        cursor.execute(f"ALTER DATABASE {new} SWAP WITH {name}")
    else:
        cursor.execute(f"ALTER DATABASE {new} RENAME TO {name}")


def keep_previous(cursor: Any, published: str, say: Say) -> None:
    """After a swap the next database is the state before: keep it under the name of the previous one."""
    before, name = quoted(next_of(published)), quoted(previous_of(published))
    try:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"ALTER DATABASE {before} RENAME TO {name}")
    except library().errors.Error as error:
        # What is published stands; only the next writer would wait for nobody.
        reason = one_line(error)
        say(f"warning: published, but the state before could not be kept ({reason}); run: DROP DATABASE {before}")


def discard(cursor: Any, published: str) -> None:
    """Drop the database that was worked on, and let the next writer in."""
    cursor.execute(f"DROP DATABASE IF EXISTS {quoted(next_of(published))}")


def swap_back(cursor: Any, published: str) -> None:
    """Have what is published and what was published before change their names."""
    cursor.execute(f"ALTER DATABASE {quoted(published)} SWAP WITH {quoted(previous_of(published))}")
