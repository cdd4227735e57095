"""The Spark session of this process: one at a time, of one set of tables, and its failures in one line."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engines.spark import catalog
from engines.spark.sets import TABLES
from errors import MentorAnalyticsError, SettingsError, WarehouseError
from settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
_END_SECONDS = 5
_UNITS = {unit + i: (1024 if i else 1000) ** power for power, unit in enumerate("KMGT", 1) for i in ("", "i")}
# What they would print, with the traces of Java, is said in one line of ours.
_LOGGERS = ("py4j", "py4j.clientserver", "py4j.java_gateway", "SQLQueryContextLogger", "DataFrameQueryContextLogger")
_LOST = ("Answer from Java side is empty", "stopped SparkContext", "SparkContext was shut down", "Connection refused")

# One context is all that a JVM may have, and one thread at a time works with it.
_lock = threading.RLock()
_open: tuple[Path, SparkSession] | None = None
_log: Path | None = None


def require_pyspark() -> None:
    """Make sure that PySpark and Java are there.

    Raises:
        SettingsError: one of them is not.
    """
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"the gateway spark needs pyspark ({reason}); "
            "run: python -m pip install -r requirements-spark.lock (or: 'mentor-analytics[spark]')"
        ) from None
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").exists() if home else shutil.which("java")):
        where = f"JAVA_HOME={home} has none" if home else "there is no java on the PATH"
        raise SettingsError(
            f"the gateway spark needs Java {OLDEST_JAVA} or later, and {where}; "
            "install one (Debian: apt-get install openjdk-17-jre-headless), or name it by JAVA_HOME"
        )


@contextmanager
def session_of(folder: Path, settings: Settings) -> Iterator[SparkSession]:
    """A session that has the tables of a set.

    Raises:
        SettingsError: PySpark or Java is missing.
        WarehouseError: Spark does not start, or was lost.
    """
    global _open
    require_pyspark()
    with _lock:
        if not (_open and _open[0] == folder):
            close()
            with _unbroken():
                _open = folder, _start(folder, settings)
                try:
                    with explained():
                        catalog.register(_open[1], folder)
                except Exception:
                    close()
                    raise
        with _unbroken(), explained():
            yield _open[1]


@contextmanager
def _unbroken() -> Iterator[None]:
    """End the JVM where a signal breaks off what runs inside."""
    try:
        yield
    except (Exception, GeneratorExit):
        raise
    except BaseException:
        forget_jvm()
        raise


def close() -> None:
    """End the session, if there is one; the JVM goes on for the next one."""
    global _open
    with _lock:
        session, _open = _open, None
        if session:
            with suppress(Exception):  # it may be lost
                session[1].stop()


@contextmanager
def explained() -> Iterator[None]:
    """Turns the loss of the session into an error of ours."""
    try:
        yield
    except MentorAnalyticsError:
        raise
    except Exception as error:
        if not is_lost(error):
            raise
        forget_jvm()
        raise lost() from None


def is_lost(error: BaseException) -> bool:
    """Whether there is no session any more."""
    from py4j.protocol import Py4JNetworkError

    while error:
        if isinstance(error, Py4JNetworkError | ConnectionError) or any(text in str(error) for text in _LOST):
            return True
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return False


def answers(session: SparkSession) -> bool:
    """Whether a session still works."""
    try:
        session.sql("SELECT 1")
    except Exception:
        return False
    return True


def lost() -> WarehouseError:
    """What to tell of a session that is no more."""
    return WarehouseError("the Spark session was lost; nothing was published; run it again (too little memory?)")


def forget_jvm() -> None:
    """End the JVM, and have the next session start one of its own.

    For one that is lost, and where a call was broken off: its answer would be taken for that of the next call.
    """
    global _open
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    _open = None
    process = getattr(SparkContext._gateway, "proc", None)
    if process:
        with suppress(OSError):
            process.stdin.close()  # it ends by itself, and takes what it has written for a while with it
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None


def first_line(error: BaseException) -> str:
    """What Spark says, without where in its code and plans."""
    cause = getattr(error, "java_exception", None)
    text = str(cause.toString()) if cause is not None else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^[\w.$]+(Exception|Error): ", "", lines[0]) if lines else type(error).__name__


def _start(folder: Path, settings: Settings) -> SparkSession:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    global _log
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.getLogger().addFilter(_is_not_py4j)
    options = _options(folder, settings)
    # Ours wins over spark-defaults.conf, so that is read here, and not by the JVM alone.
    conf = SparkConf(loadDefaults=False)
    for name, value in options.items():
        conf.set(name, value)
    # PySpark has Ctrl-C cancel its jobs alone.
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        gateway = SparkContext._gateway
        if gateway is None:
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
            descriptor, name = tempfile.mkstemp(prefix="mentor-analytics-spark-")
            _log = Path(name)
            with os.fdopen(descriptor, "wb") as log:
                gateway = launch_gateway(conf, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
        SparkContext(conf=conf, gateway=gateway)
        return SparkSession.builder.getOrCreate()
    except Exception as error:
        raise WarehouseError(f"Spark does not start ({_reason(error)})") from None
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)
        if _log:
            _log.unlink(missing_ok=True)


def _is_not_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in Path(record.pathname).parts


def _reason(error: Exception) -> str:
    """Why a session did not start."""
    written = _log.read_text(encoding="utf-8", errors="replace") if _log and _log.exists() else ""
    if "UnsupportedClassVersionError" in written or "Unrecognized option" in written:
        return f"it needs Java {OLDEST_JAVA} or later, and this one is older; name another by JAVA_HOME"
    if "JAVA_GATEWAY_EXITED" in str(error):
        # Neither what Spark's script makes of it nor where in Java it was.
        lines = [line.strip() for line in written.splitlines() if "spark-class" not in line]
        return next((line for line in reversed(lines) if line and not line.startswith("at ")), "its Java ended")
    return first_line(error)


def _options(folder: Path, settings: Settings) -> dict[str, str]:
    """Spark's options: ours where they have to be, those of spark-defaults.conf, and ours for what these leave out."""
    own = settings.engine_options()
    cores = own.get("threads") or os.cpu_count() or 1
    usual = {
        "spark.master": f"local[{cores}]",
        "spark.driver.memory": f"{_megabytes(own.get('memory_limit', '2GiB'))}m",
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    if settings.temp_directory:
        usual["spark.local.dir"] = str(settings.temp_directory)
    chosen = usual | _defaults_file()
    # Most of what is compiled runs a few times: the quick compiler takes half the time up to a million rows.
    java = f"-Duser.timezone=UTC {chosen.get('spark.driver.extraJavaOptions', '-XX:TieredStopAtLevel=1')}"
    return chosen | {
        "spark.app.name": "mentor-analytics",
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": f"-Duser.timezone=UTC {chosen.get('spark.executor.extraJavaOptions', '')}",
        "spark.executorEnv.PYTHONPATH": str(PROJECT_ROOT),
        "spark.log.level": "ERROR",
        # The list of tables is a file of the set: no metastore, which one process at a time could open.
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.sources.default": "parquet",
        "spark.sql.warehouse.dir": str(folder / TABLES / uuid.uuid4().hex[:8]),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def _defaults_file() -> dict[str, str]:
    """What spark-defaults.conf says, in the folder that SPARK_CONF_DIR names."""
    folder = os.environ.get("SPARK_CONF_DIR")
    if not folder:
        return {}
    try:
        lines = Path(folder, "spark-defaults.conf").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (re.split(r"[\s=]+", line.strip(), maxsplit=1) for line in lines if line.strip()[:1] not in ("", "#"))
    return {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}


def _megabytes(size: str) -> int:
    """Whole MiB of a size as the setting `memory_limit` has it."""
    match = re.fullmatch(r"([\d.]+)([KMGT]i?)B", size)
    assert match
    return max(512, int(float(match[1]) * _UNITS[match[2]]) >> 20)
