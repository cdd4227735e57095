"""What the message of a whole command says: that it failed, or what it left to be reported at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from errors import InterruptedByUserError, SettingsError

# What a command that does its work may report all the same, as the message's subject says it.
FAILED_AUDITS = "audits failed that stop nothing"
STALE = "the data are stale"
# The lines of each such subject of the command that runs, while `one_message` waits for its end; None: nobody waits.
_held: dict[str, list[str]] | None = None


def hold(subject: str, lines: list[str]) -> bool:
    """Leave failed audits or stale data to the message of the whole command; False: there is none, send your own."""
    if _held is None:
        return False
    _held.setdefault(subject, []).extend(lines)
    return True


@contextmanager
def one_message(command: Callable[[], str | None], warn: Callable[[str], None]) -> Iterator[None]:
    """Report in one message that what runs inside failed, or what it left to this message with `hold`.

    Args:
        command: its name, asked at the end; None sends nothing.
        warn: takes the line of a message that could not be delivered.
    """
    global _held
    _held, failure = {}, None
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit, InterruptedByUserError):
        raise
    except Exception as error:
        failure = " ".join(str(error).split()) or type(error).__name__
        raise
    finally:
        held, _held = {subject: list(dict.fromkeys(lines)) for subject, lines in _held.items() if lines}, None
        lines = [line for subject in held for line in held[subject]]
        name = command()
        if name and failure:
            _send(f"{name} failed", [failure, *lines], warn)
        elif name and held:
            _send(f"{name}: {', '.join(held)}", lines, warn)


def _send(subject: str, lines: list[str], warn: Callable[[str], None]) -> None:
    # Imported where there is something to send: e-mail and TLS take longer than the start of most commands.
    from alerts.channels import configured_channels, deliver

    try:
        channels = configured_channels()
    except SettingsError:  # shown by the command that needs them
        return
    deliver(channels, subject, lines, warn)
