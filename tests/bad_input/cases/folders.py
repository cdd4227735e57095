"""Files and folders that are missing, strange, or change while they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ingest.source_files import MENTORS_FILE, USERS_FILE
from tests.bad_input.cases.case import EVENTS_FILE, ONE, TWO, Case, refused, write
from tests.conftest import MENTORS_CSV


def _as_events(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """The events file replaced by whatever `make` puts at its path."""

    def change(folder: Path) -> None:
        (folder / EVENTS_FILE).unlink()
        make(folder / EVENTS_FILE)

    return change


def _linked(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text(f"[{ONE}]")
    path.symlink_to(target)


def _parts(*names: str, beside: bool = False) -> Callable[[Path], None]:
    """A folder of event files, the new event in the first of them."""

    def make(folder: Path) -> None:
        if not beside:
            (folder / EVENTS_FILE).unlink()
        (folder / "booking_events").mkdir()
        for number, name in enumerate(names):
            (folder / "booking_events" / name).write_text(TWO if number else ONE)

    return make


def _as_folder(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return make


def _gone(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _touched(folder: Path) -> None:
    os.utime(folder / EVENTS_FILE, ns=(0, 0))


FOLDER_NAMES = (
    "🧑‍🏫",
    "it's",
    'a "b"',
    "two  words",
    "größe",
    "数据",
    "100%20",
    "[ab]",
    "a*b",
    "a?b",
    "**",
    "user_id=5",
    "~",
    "$HOME",
    "#1;",
    "{a,b}",
    "back\\slash",
)
NO_EVENTS = (
    "no booking events in {folder}: expected booking_events.json, .jsonl, .ndjson, "
    "gzip of one of them, or a folder booking_events/ of such files"
)
FILES = [
    *(
        Case(
            "Files and folders",
            f"a data folder named `{name}`",
            EVENTS_FILE,
            write(EVENTS_FILE, f"[{ONE}]"),
            fates=("loaded",),
            folder=name,
        )
        for name in FOLDER_NAMES
    ),
    Case(
        "Files and folders",
        "a data folder with a backslash and a bracket in its name",
        EVENTS_FILE,
        write(EVENTS_FILE, f"[{ONE}]"),
        folder="a\\[b",
        refused=refused(EVENTS_FILE, "has a name with a backslash and one of * ? [; rename it"),
    ),
    Case(
        "Files and folders",
        "a data folder with a line end in its name",
        EVENTS_FILE,
        lambda _: None,
        folder="a\nb",
        refused="the name '{folder}' holds control characters or is not UTF-8; rename it",
    ),
    Case(
        "Files and folders",
        "a data folder that is not there",
        EVENTS_FILE,
        _gone,
        refused="the data folder {folder} does not exist",
    ),
    Case(
        "Files and folders",
        "a data folder that is a file",
        EVENTS_FILE,
        lambda folder: (_gone(folder), folder.touch()),
        refused="the data folder {folder} is a file",
    ),
    *(
        Case(
            "Files and folders",
            f"no {name}",
            name,
            lambda folder, name=name: (folder / name).unlink(),
            refused=refused(name, "is missing"),
        )
        for name in (USERS_FILE, MENTORS_FILE)
    ),
    Case(
        "Files and folders", "no events", EVENTS_FILE, lambda folder: (folder / EVENTS_FILE).unlink(), refused=NO_EVENTS
    ),
    *(
        Case(
            "Files and folders",
            f"a folder for {name}",
            name,
            _as_folder(name),
            refused=refused(name, "is a folder; expected a file"),
        )
        for name in (USERS_FILE, EVENTS_FILE)
    ),
    Case(
        "Files and folders",
        "a pipe for the events",
        EVENTS_FILE,
        _as_events(os.mkfifo),
        refused=refused(EVENTS_FILE, "is not a regular file"),
    ),
    Case("Files and folders", "a link to the events", EVENTS_FILE, _as_events(_linked), fates=("loaded",)),
    Case(
        "Files and folders",
        "a link to nothing",
        EVENTS_FILE,
        _as_events(lambda path: path.symlink_to("nothing")),
        refused=NO_EVENTS,
    ),
    Case(
        "Files and folders",
        "a link to itself",
        EVENTS_FILE,
        _as_events(lambda path: path.symlink_to(path)),
        refused=NO_EVENTS,
    ),
    Case(
        "Files and folders",
        "events as a file and as a folder",
        "booking_events/1.jsonl",
        _parts("1.jsonl", beside=True),
        fates=("loaded",),
    ),
    Case(
        "Files and folders",
        "event files named like patterns",
        "booking_events/[2]*.jsonl",
        _parts("[2]*.jsonl", "2.jsonl", "?.jsonl"),
        fates=("loaded",),
    ),
    Case(
        "Files and folders",
        "event files of other kinds beside",
        "booking_events/1.jsonl",
        _parts("1.jsonl", "2.csv", "_SUCCESS"),
        fates=("loaded",),
        notes=("beside it, and not read for want of a known ending: 2.csv, _SUCCESS",),
    ),
    Case(
        "Files and folders",
        "an event file whose name is not UTF-8",
        "booking_events/\udce9.jsonl",
        _parts("\udce9.jsonl"),
        refused="the name '{folder}/booking_events/\\udce9.jsonl' holds control characters or is not UTF-8; rename it",
    ),
    Case("Files and folders", "a folder of events without any", EVENTS_FILE, _parts(), refused=NO_EVENTS),
    Case(
        "Files and folders",
        "a folder within the folder of events",
        EVENTS_FILE,
        lambda folder: (folder / "booking_events/1.json").mkdir(parents=True),
        refused=refused("booking_events/1.json", "is a folder; expected a file"),
    ),
    *(
        Case(
            "Files and folders",
            f"events {what} while they are read",
            EVENTS_FILE,
            write(EVENTS_FILE, f"[{ONE}]"),
            interfere=change,
            refused=refused(EVENTS_FILE, "changed while it was being read; load again when it is complete"),
        )
        for what, change in {
            "rewritten": lambda folder: (folder / EVENTS_FILE).write_text(f"[{TWO}]"),
            "replaced": lambda folder: write(EVENTS_FILE, f"[{ONE}]")(folder),
            "touched": _touched,
            "removed": lambda folder: (folder / EVENTS_FILE).unlink(),
            "cut off": lambda folder: os.truncate(folder / EVENTS_FILE, 20),
        }.items()
    ),
    Case(
        "Files and folders",
        "mentors rewritten while they are read",
        MENTORS_FILE,
        write(MENTORS_FILE, MENTORS_CSV + "\n"),
        interfere=write(MENTORS_FILE, MENTORS_CSV),
        refused=refused(MENTORS_FILE, "changed while it was being read; load again when it is complete"),
    ),
]
