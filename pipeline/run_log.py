"""The run log: what ran when, with which rows and which outcome, as JSON lines a day.

`LOGS/YYYY/MM/YYYYMMDD.jsonl`, by the UTC day on which the run began. A run has two lines: one when
it starts and one, with everything, when it ends; a run without the second was killed, or still
goes on. Whatever is wrong with the log costs a warning and never a run.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.processes import is_alive
from errors import InterruptedByUserError, MentorAnalyticsError, TimedOutError
from pipeline.interruption import interruptible
from settings import Settings, project_version

if TYPE_CHECKING:
    from ingest.load import Load
    from ingest.replay import Replay
    from ingest.sources import Sources

Record = dict[str, Any]
ROWS = ("rows_read", "rows_loaded", "rows_known", "rows_duplicate", "rows_rejected")
_ALWAYS_THERE = ("run_id", "outcome", "command", "started_at", "host", "process")


@dataclass
class ModelRun:
    """What was done to one model in one run: wall seconds, rows where the engine tells them, audits counted."""

    model: str
    seconds: float = 0
    rows: int | None = None
    audits_passed: int = 0
    audits_failed: int = 0


@dataclass(eq=False)
class Run:
    """One run of a command that writes, filled as it goes on.

    `outcome` is `done`, `unchanged` (there was nothing to do), `failed`, `timed out` or `interrupted`.
    `files` are the sources, with their checksums and, once loaded, their rows by class.
    """

    command: str
    settings: Settings
    environment: str | None = None
    data: Path | None = None
    outcome: str = "done"
    error: str | None = None
    files: list[Record] = field(default_factory=list)
    models: dict[str, ModelRun] = field(default_factory=dict)
    failed_audits: list[Record] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)

    def add_model(self, name: str, seconds: float, rows: int | None, audits_passed: int, audits_failed: int) -> None:
        """Add one evaluation to what the model cost so far."""
        model = self.models.setdefault(name, ModelRun(name))
        model.seconds += seconds
        model.rows = model.rows if rows is None else (model.rows or 0) + rows
        model.audits_passed += audits_passed
        model.audits_failed += audits_failed

    def add_failed_audit(self, audit: str, model: str | None, rows: int) -> None:
        """Add an audit that failed; None: it is of no one model."""
        self.failed_audits.append({"audit": audit, "model": model, "rows": rows})

    def add_loads(self, sources: Sources, loads: list[Load]) -> None:
        """Say what became of each file, in the order of the sources."""
        self.files = [
            {"file": str(file.path), "checksum": file.checksum, "outcome": load.outcome}
            | {name: getattr(load, name) for name in ROWS}
            | {"notes": list(load.notes)}
            for (_, file), load in zip(sources, loads, strict=True)
        ]

    def add_replays(self, replays: list[Replay]) -> None:
        """Say what became of the rejected rows of each load."""
        self.files = [
            {"file": str(each.load.file), "rejected_load_id": each.rejected_load_id, "outcome": each.load.outcome}
            | {name: getattr(each.load, name) for name in ROWS}
            | {"rows_left": each.rows_left}
            for each in replays
        ]

    def first_line(self) -> Record:
        return {
            "run_id": self.run_id,
            "outcome": "started",
            "command": self.command,
            "environment": self.environment,
            "version": project_version(),
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "host": socket.gethostname(),
            "process": os.getpid(),
            "data": str(self.data) if self.data else None,
        }

    def last_line(self) -> Record:
        return self.first_line() | {
            "outcome": self.outcome,
            "duration_seconds": round(time.monotonic() - self.started, 3),
            "error": self.error,
            "warnings": self.warnings,
            "files": self.files,
            "models": [asdict(model) | {"seconds": round(model.seconds, 3)} for model in self.models.values()],
            "failed_audits": self.failed_audits,
            "settings": self.settings.model_dump(mode="json"),
        }


@contextmanager
def logged(run: Run, timeout: float | None, say: Callable[[str], None], clean_up: Callable[[], None]) -> Iterator[None]:
    """Log what runs inside, from its start to its end, however that comes; signals and the time limit end it.

    Args:
        timeout: seconds; None means no limit.
        say: takes a line for the person who watches.
        clean_up: removes what is half done, where the process has to be ended on the spot.

    Raises:
        TimedOutError, InterruptedByUserError: see `pipeline.interruption`.
    """

    reasons: set[str] = set()

    def log(record: Record) -> None:
        try:
            append(run.settings.logs, run.started_at, record)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason not in reasons:
                say(f"warning: the run was not logged: {reason}")
            reasons.add(reason)

    def end(error: BaseException) -> None:
        named: dict[type[BaseException], str] = {TimedOutError: "timed out", InterruptedByUserError: "interrupted"}
        run.outcome = named.get(type(error), "failed")
        run.error = " ".join(str(error).split()) or type(error).__name__
        log(run.last_line())

    def last_words(error: MentorAnalyticsError) -> None:
        clean_up()
        say(f"error: {error}")
        end(error)

    log(run.first_line())
    try:
        with interruptible(timeout, last_words):
            yield
    except BaseException as error:
        end(error)
        raise
    log(run.last_line())


def append(logs: Path, day: datetime, record: Record) -> None:
    """Add one line to the log of a day, in one write: lines of several processes do not mix.

    Raises:
        OSError: the file cannot be written.
    """
    path = logs / f"{day:%Y}" / f"{day:%m}" / f"{day:%Y%m%d}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    # A path that is not UTF-8 becomes an escape of JSON.
    line = json.dumps(record, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a line that was cut short takes only itself down
        if os.write(descriptor, line) < len(line):
            raise OSError("the disk is full")
    finally:
        os.close(descriptor)


def read_runs(logs: Path, limit: int) -> tuple[list[Record], int]:
    """The latest runs, newest first, and how many damaged lines stood among them.

    A run without an end has the outcome `running` while its process lives on this host, else `killed`.

    Raises:
        OSError: a file of the log cannot be read.
    """
    runs: list[Record] = []
    damaged = 0
    for path in sorted(logs.glob("[0-9]*/[0-9]*/[0-9]*.jsonl"), reverse=True):
        of_day: dict[str, Record] = {}
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line)
                run_id, outcome, command, started_at, *_ = (record[name] for name in _ALWAYS_THERE)
                if not all(isinstance(text, str) for text in (run_id, outcome, command, started_at)):
                    raise TypeError("not a line of ours")
            except (ValueError, KeyError, TypeError):
                damaged += bool(line.strip())
                continue
            # The end of a run takes the place of its start.
            if outcome != "started" or run_id not in of_day:
                of_day[run_id] = record
        runs += sorted(of_day.values(), key=lambda record: record["started_at"], reverse=True)
        if len(runs) >= limit:
            break
    return [_with_end(record) for record in runs[:limit]], damaged


def _with_end(record: Record) -> Record:
    if record["outcome"] != "started":
        return record
    process = record["process"]
    is_running = record["host"] == socket.gethostname() and isinstance(process, int) and is_alive(process)
    return record | {"outcome": "running" if is_running else "killed"}
