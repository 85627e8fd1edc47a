"""Run the Spark job over the example events under a local master and compare it with the command line.

    python examples/spark/check.py WHEEL [FINDINGS]

The wheel goes to the workers by --py-files, under the name enricher.zip. Fails if a line is lost, or a body
differs by a byte from what `enricher enrich` prints. FINDINGS (default: 300) makes a larger run.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
#: One line in a thousand of the input is one of these.
DAMAGED = ("not a finding", '{"type": "Notification"}', '{"type": ')


def write_input(folder: Path, findings: int) -> tuple[list[str], int]:
    """Write the events as gzip files of lines; return the findings and the number of damaged lines."""
    paths = sorted((ROOT / "events").glob("*.json"))
    events = [json.loads(path.read_text("utf-8")) for path in paths]
    lines = [json.dumps(event) for event in events if event["detail-type"] == "GuardDuty Finding"]
    good = list(islice(cycle(lines), findings))
    damaged = list(islice(cycle(DAMAGED), max(3, findings // 1000)))
    mixed = good + damaged
    files = 8
    for number in range(files):
        text = "\n".join(mixed[number::files]) + "\n"
        (folder / f"findings-{number}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return good, len(damaged)


def enriched_by_command(lines: list[str]) -> list[str]:
    """Return what `enricher enrich` prints for the distinct lines."""
    done = subprocess.run(
        [sys.executable, "-m", "enricher", "enrich", "-"],
        input="\n".join(lines), capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return done.stdout.rstrip("\n").split("\n")  # not splitlines: a body may hold U+2028


def main(wheel: str, findings: str = "300") -> int:
    """Submit the job and print the counts; return 0 if nothing was lost or changed."""
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "4",
    }
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        good, damaged = write_input(source, int(findings))
        started = time.monotonic()
        command = [Path(pyspark.__file__).parent / "bin" / "spark-submit", "--master", "local[2]"]
        command += [word for item in settings.items() for word in ("--conf", "=".join(item))]
        job = Path(__file__).resolve().with_name("enrich_history.py")
        # --py-files takes a file that is not called .zip or .egg, and then leaves it off the path.
        package = shutil.copy(wheel, Path(folder, "enricher.zip"))
        command += ["--py-files", package, job, source, target]
        # Not in the clone, whose package holds no compiled mapping and would come before the wheel's.
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, cwd=folder)
        seconds = time.monotonic() - started
        builder = SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        spark = builder.getOrCreate()
        rows = spark.read.parquet(str(target))
        counts = {row["status"]: row["count"] for row in rows.groupBy("status").count().collect()}
        bodies = {row["body"] for row in rows.where("status = 'ok'").select("body").distinct().collect()}
        reasons = rows.where("status = 'rejected' and length(error) > 0 and length(input) > 0").count()
        spark.stop()
    expected = set(enriched_by_command(sorted(set(good))))
    print(
        f"pyspark {pyspark.__version__}, Python {sys.version.split()[0]}: {len(good) + damaged} lines in = "
        f"{counts.get('ok', 0)} ok + {counts.get('rejected', 0)} rejected, {seconds:.1f} s, "
        f"{len(bodies)} distinct bodies, {'equal to' if bodies == expected else 'NOT equal to'} the command's"
    )
    same = counts == {"ok": len(good), "rejected": damaged} and bodies == expected and reasons == damaged
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
