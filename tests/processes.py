"""Commands of the project in processes of their own.

Those of `Command` start at once: they are forked from a process that has imported the libraries, since
importing SQLMesh takes longer than a refresh. Nothing of the project is imported there, so that each command
runs the code of its folder.
Those of `typed` are run by a shell, as a page has them.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path

# The parent imports pytest's own start once, not each child.
LIBRARIES = ["__main__", "sqlmesh.cli.main", "ibis.backends.duckdb", "pydantic_settings"]
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(LIBRARIES)


class Command:
    """A running `python cli.py …`, `python -c …` or `sqlmesh …`, with the part of `subprocess.Popen` that is needed."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        descriptor, name = tempfile.mkstemp(prefix="command-")
        os.close(descriptor)
        self._output = Path(name)
        weakref.finalize(self, self._output.unlink, missing_ok=True)
        arguments = (str(folder), words, dict(os.environ) | environment, name)
        self._process = _forkserver.Process(target=_run, args=arguments)
        self._process.start()
        self.pid = self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def printed(self) -> str:
        """What it printed up to now."""
        return self._output.read_text(encoding="utf-8")

    def output(self) -> str:
        """What it printed, once it has ended."""
        self.wait()
        return self.printed()


def typed(folder: Path, line: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    """A line as it would be typed in a folder, with this interpreter's commands; both streams are in `stdout`.

    Args:
        answers: what is typed when the command asks.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MENTOR_")}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "120", "NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "-c", f"exec 2>&1; {line}"],
        cwd=folder,
        env=environment,
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )


def _run(folder: str, words: tuple[str, ...], environment: dict[str, str], output: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    here = str(Path(__file__).parents[1])
    sys.path[:] = [folder, *(path for path in sys.path if path != here)]
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.argv = list(words)
    if words[0] == "sqlmesh":
        from sqlmesh.cli.main import cli

        # Its default folder is the one where it was imported.
        cli(["--paths", folder, *words[1:]])
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(words[1], {"__name__": "__main__"})
        return
    runpy.run_path(str(Path(folder, words[0])), run_name="__main__")
