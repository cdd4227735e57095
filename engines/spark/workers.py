"""Work dealt out among Spark's Python workers, its results as Parquet files beside the tables of a set."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from engines.protocol import Row
from engines.spark.reader import SparkReader, spark_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_BYTES_A_PART = 128 << 20


class SparkWorkers:
    """`Workers` of a session; `files` gives the folder of a table of `raw`."""

    def __init__(self, session: SparkSession, folder: Path, files: Callable[[str], Path]) -> None:
        self.session = session
        self.folder = folder
        self.files = files

    def each(
        self, name: str, tasks: Sequence[object], work: Callable[[Any], Iterator[pa.RecordBatch]], columns: str
    ) -> None:
        def done(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for (task,) in zip(*batch.to_pydict().values(), strict=True):
                    yield from work(pickle.loads(task))

        with spark_errors():
            rows = [(bytearray(pickle.dumps(task)),) for task in tasks]
            dealt = self.session.sparkContext.parallelize(rows, len(rows))
            self._keep(name, self.session.createDataFrame(dealt, "task binary").mapInArrow(done, _in_spark(columns)))

    def by_key(
        self,
        name: str,
        query: str,
        key: str,
        work: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]],
        columns: str,
    ) -> None:
        with spark_errors():
            rows = self.session.sql(_query(query))
            parts = max(int(self.session.conf.get("spark.sql.shuffle.partitions", "1") or 1), self._parts())
            self._keep(name, rows.repartition(parts, key).mapInArrow(work, _in_spark(columns)))

    def rows(self, query: str) -> list[Row]:
        return SparkReader(self.session, str(self.folder)).rows(query)

    def append(self, table: str, query: str) -> None:
        with spark_errors():
            self.session.sql(_query(query)).write.mode("append").parquet(str(self.files(table)))

    def place(self, name: str) -> str:
        return str(self.folder / name / "*.parquet")

    def clear(self) -> None:
        """Delete what came of all work."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, name: str, frame: DataFrame) -> None:
        place = str(self.folder / name)
        frame.write.mode("overwrite").parquet(place)
        self.session.read.schema(frame.schema).parquet(place).createOrReplaceTempView(name)

    def _parts(self) -> int:
        written = sum(file.stat().st_size for file in self.folder.glob("*/*.parquet"))
        return 1 + written // _BYTES_A_PART


def _query(query: str) -> str:
    return sqlglot.transpile(query, read="duckdb", write="spark")[0]


def _in_spark(columns: str) -> str:
    """Columns with DuckDB's types, as Spark has them."""
    parsed = sqlglot.parse_one(f"CREATE TABLE t ({columns})", dialect="duckdb")
    return ", ".join(column.sql(dialect="spark") for column in parsed.find_all(exp.ColumnDef))
