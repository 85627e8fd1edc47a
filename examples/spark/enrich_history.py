"""Enrich a history of findings in S3 with Spark: GuardDuty's export, Firehose's objects, saved events.

    pip wheel --no-deps . && cp guardduty_attack_enricher-*.whl enricher.zip
    spark-submit --py-files enricher.zip examples/spark/enrich_history.py s3://BUCKET/AWSLogs/ s3://BUCKET/out/

Writes Parquet: `body` is the enriched finding as one JSON string, beside it the columns to filter on; what is
not a finding is kept under status=rejected, with the reason and the input line (docs/scale.md).
"""

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from typing import Any

from pyspark.sql import DataFrame, SparkSession

COLUMNS = [
    "month",
    "status",
    "account",
    "region",
    "day",
    "type",
    "tactic",
    "technique",
    "body",
    "error",
    "input",
]
#: Not null: else Spark sorts once more by the columns of the partitions, in which an empty text is null.
SCHEMA = ", ".join(f"{name} string not null" for name in COLUMNS)
#: Lines and rows that pass between Spark and Python at once, each of some kilobytes: a tenth of the default.
BATCH = 1_000


def enrich_texts(texts: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield one row for each finding of the input lines, and for each line that is not one."""
    from enricher.lines import enrich_lines  # noqa: PLC0415 - imported where it runs, from --py-files

    for text in texts:
        for line in enrich_lines(text):
            status, raw = ("rejected", text) if line.error else ("ok", "")
            month = line.day[:7] or "unknown"
            facts = (line.account, line.region, line.day, line.type, line.tactic, line.technique)
            yield (month, status, *facts, line.body, line.error, raw)


def enrich_batches(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield batches of rows for batches of lines, both in Arrow's memory."""
    import pyarrow  # noqa: PLC0415

    schema = pyarrow.schema([(name, pyarrow.string()) for name in COLUMNS])
    rows = enrich_texts(text for batch in batches for text in batch.column(0).to_pylist())
    while some := list(islice(rows, BATCH)):
        columns = [pyarrow.array(column, pyarrow.string()) for column in zip(*some, strict=True)]
        yield pyarrow.record_batch(columns, schema=schema)


def enrich_history(spark: SparkSession, source: str, target: str) -> None:
    """Read text under `source`, write Parquet by status and month under `target`, sorted by account."""
    lines = spark.read.option("recursiveFileLookup", "true").text(source)
    lines = lines.where("length(trim(value)) > 0")
    # Of a month or a status with many rows Spark makes several files, and of those with few rows one each.
    # In SQL, since the Python API of 3.5 cannot pass columns to a hint.
    enrich_lines_of(lines).createOrReplaceTempView("enriched")
    rebalanced = spark.sql("SELECT /*+ REBALANCE(month, status) */ * FROM enriched")
    ordered = rebalanced.sortWithinPartitions("status", "month", "account", "day")
    ordered.write.partitionBy("status", "month").option("compression", "zstd").parquet(target)


def enrich_lines_of(lines: DataFrame) -> DataFrame:
    """Enrich a column of text, through Arrow where it is installed, since that costs Spark less."""
    spark = lines.sparkSession
    if find_spec("pyarrow") and find_spec("pandas"):
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", BATCH)
        return lines.mapInArrow(enrich_batches, SCHEMA)
    rows = lines.rdd.mapPartitions(lambda some: enrich_texts(row.value for row in some))
    return spark.createDataFrame(rows, SCHEMA, verifySchema=False)


if __name__ == "__main__":
    enrich_history(SparkSession.builder.appName("guardduty-attack-enricher").getOrCreate(), *sys.argv[1:])
