"""Enrich a history of findings in S3 with Spark: GuardDuty's export, Firehose's objects, saved events.

    pip wheel --no-deps . && cp guardduty_attack_enricher-*.whl enricher.zip
    spark-submit --py-files enricher.zip examples/spark/enrich_history.py s3://BUCKET/AWSLogs/ s3://BUCKET/out/

Writes Parquet: `body` is the enriched finding as one JSON string, beside it the columns to filter on; what is
not a finding is kept under status=rejected, with the reason and the input line (docs/scale.md).
"""

import sys
from collections.abc import Iterable, Iterator

from pyspark.sql import Row, SparkSession

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
SCHEMA = ", ".join(f"{name} string" for name in COLUMNS)


def enrich_rows(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    """Yield one row for each finding of the input lines, and for each line that is not one."""
    from enricher.lines import enrich_lines  # noqa: PLC0415 - imported where it runs, from --py-files

    for row in rows:
        for line in enrich_lines(row.value):
            status, raw = ("rejected", row.value) if line.error else ("ok", "")
            month = line.day[:7] or "unknown"
            facts = (line.account, line.region, line.day, line.type, line.tactic, line.technique)
            yield (month, status, *facts, line.body, line.error, raw)


def enrich_history(spark: SparkSession, source: str, target: str) -> None:
    """Read text under `source`, write Parquet by status and month under `target`, sorted by account."""
    lines = spark.read.option("recursiveFileLookup", "true").text(source)
    lines = lines.where("length(trim(value)) > 0")
    enriched = spark.createDataFrame(lines.rdd.mapPartitions(enrich_rows), SCHEMA)
    ordered = enriched.repartition("month", "status").sortWithinPartitions("account", "day")
    ordered.write.partitionBy("status", "month").option("compression", "zstd").parquet(target)


if __name__ == "__main__":
    enrich_history(SparkSession.builder.appName("guardduty-attack-enricher").getOrCreate(), *sys.argv[1:])
