"""Run the Spark job over the example events under a local master and compare it with the command line.

    python examples/spark/check.py WHEEL

The wheel goes to the workers by --py-files, under the name enricher.zip. Fails if a line is lost, if a body
differs by a byte from what `enricher enrich` prints, or if siem/sql/lookup_join.sql gives another result in
Spark SQL than the look-up table has. `measure.py` makes a larger run.
"""

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from itertools import cycle, islice
from pathlib import Path

import pyspark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import input_file_name

ROOT = Path(__file__).resolve().parents[2]
DAMAGED = ("not a finding", '{"type": "Notification"}', '{"type": ')
FINDINGS, CORES = 300, 2
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "4g",
}


def write_input(folder: Path) -> list[str]:
    """Write the events as gzip files of lines, with the damaged lines; return the findings."""
    paths = sorted((ROOT / "events").glob("*.json"))
    events = [json.loads(path.read_text("utf-8")) for path in paths]
    lines = [json.dumps(event) for event in events if event["detail-type"] == "GuardDuty Finding"]
    good = list(islice(cycle(lines), FINDINGS))
    mixed = [*good, *DAMAGED]
    files = 8
    for number in range(files):
        text = "\n".join(mixed[number::files]) + "\n"
        (folder / f"findings-{number}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return good


def submit(wheel: str, folder: Path, source: Path, target: Path, cores: int) -> tuple[list[str], Path]:
    """Return the command that runs the job, and the package that it takes along."""
    # --py-files takes a file that is not called .zip or .egg, and then leaves it off the path.
    package = Path(shutil.copy(wheel, folder / "enricher.zip"))
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), "--master", f"local[{cores}]"]
    command += [word for item in SETTINGS.items() for word in ("--conf", "=".join(item))]
    job = Path(__file__).resolve().with_name("enrich_history.py")
    return [*command, "--py-files", str(package), str(job), str(source), str(target)], package


def open_spark(cores: int) -> SparkSession:
    """Return a session of this process's own."""
    builder = SparkSession.builder.master(f"local[{cores}]")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def counts_of(rows: DataFrame) -> dict[str, int]:
    """Return the number of rows by status."""
    return {row["status"]: row["count"] for row in rows.groupBy("status").count().collect()}


def command_line(*arguments: str, text: str = "") -> str:
    """Return what a command of the package prints."""
    done = subprocess.run(
        [sys.executable, "-m", "enricher", *arguments],
        input=text, capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return done.stdout


def joins_as_the_table(spark: SparkSession, rows: DataFrame, folder: Path) -> bool:
    """Return whether siem/sql/lookup_join.sql gives each finding its type's row of the look-up table."""
    text = command_line("export", "--format", "csv", "--one-row")
    lookup = folder / "lookup.csv"
    lookup.write_text(text, encoding="utf-8")
    # RFC 4180: without `escape` Spark expects a quotation mark within a value behind a backslash.
    table = spark.read.option("header", "true").option("escape", '"').csv(str(lookup))
    table.createOrReplaceTempView("lookup")
    rows.where("status = 'ok'").selectExpr("type AS finding_type").createOrReplaceTempView("findings")
    joined = spark.sql((ROOT / "siem" / "sql" / "lookup_join.sql").read_text("utf-8")).collect()
    columns = ("tactic_ids", "technique_ids", "attack_version")
    by_type = {
        row["finding_type"]: tuple(row[name] for name in columns) for row in csv.DictReader(io.StringIO(text))
    }
    found = Counter((row["finding_type"], *(row[name] or "" for name in columns)) for row in joined)
    types = Counter(row["finding_type"] for row in spark.table("findings").collect())
    expected = {(name, *by_type.get(name, ("", "", ""))): count for name, count in types.items()}
    return found == expected and any(technique for _, _, technique, _ in found)


def is_ordered(rows: DataFrame) -> bool:
    """Return whether the rows of each file are sorted by account and day."""
    by_file = defaultdict[str, list[tuple[str, str]]](list)
    for row in rows.select(input_file_name().alias("file"), "account", "day").collect():
        by_file[row["file"]].append((row["account"], row["day"]))
    return all(found == sorted(found) for found in by_file.values())


def main(wheel: str) -> int:
    """Submit the job and print the counts; return 0 if nothing was lost or changed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source, target = folder / "in", folder / "out"
        source.mkdir()
        good = write_input(source)
        started = time.monotonic()
        command, _ = submit(wheel, folder, source, target, CORES)
        # Not in the clone, whose package holds no compiled mapping and would come before the wheel's.
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, cwd=folder)
        seconds = time.monotonic() - started
        spark = open_spark(CORES)
        rows = spark.read.parquet(str(target))
        counts = counts_of(rows)
        bodies = {row["body"] for row in rows.where("status = 'ok'").select("body").distinct().collect()}
        reasons = rows.where("status = 'rejected' and length(error) > 0 and length(input) > 0").count()
        joins = joins_as_the_table(spark, rows, folder)
        ordered = is_ordered(rows)
        spark.stop()
    # Not splitlines: a body may hold U+2028.
    expected = set(command_line("enrich", "-", text="\n".join(sorted(set(good)))).rstrip("\n").split("\n"))
    equal, same = ("equal to" if bodies == expected else "NOT equal to"), ("as" if joins else "NOT as")
    print(
        f"pyspark {pyspark.__version__}, Python {sys.version.split()[0]}: {len(good) + len(DAMAGED)} lines "
        f"in = {counts.get('ok', 0)} ok + {counts.get('rejected', 0)} rejected, {seconds:.1f} s, "
        f"{len(bodies)} distinct bodies, {equal} the command's; lookup_join.sql {same} the look-up table, "
        f"files {'sorted' if ordered else 'NOT sorted'}"
    )
    complete = counts == {"ok": len(good), "rejected": len(DAMAGED)} and reasons == len(DAMAGED)
    return 0 if complete and bodies == expected and joins and ordered else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
