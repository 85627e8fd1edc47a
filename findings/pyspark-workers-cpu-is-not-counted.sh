#!/usr/bin/env bash
# pyspark 4.3.0, Java 17.
# Expected: the CPU time that the operating system reports for spark-submit and its child processes (`time`, wait4)
# holds that of the Python workers, which do the work of a job in Python.
# Seen: it holds the JVM's only. pyspark.daemon ignores SIGCHLD, so that what its workers used is added to nobody.
# For us: examples/spark/measure.py reads the CPU of every process from /proc.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pyspark==4.3.0
cat >"$folder/job.py" <<'PY'
import sys
import time

from pyspark.sql import SparkSession


def work(numbers):
    start = time.process_time()
    while time.process_time() - start < 20:
        sum(range(100_000))
    yield time.process_time() - start


spark = SparkSession.builder.getOrCreate()
used = sum(spark.sparkContext.parallelize(range(2), 2).mapPartitions(work).collect())
spark.stop()
with open(sys.argv[1], "w") as output:
    output.write(str(used))
PY
cd "$folder"
PYSPARK_PYTHON="$folder/venv/bin/python" SPARK_LOCAL_IP=127.0.0.1 venv/bin/python - <<'PY'
import resource
import subprocess

settings = ("spark.ui.enabled=false", "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1")
command = ["venv/bin/spark-submit", "--master", "local[2]", *(it for row in settings for it in ("--conf", row))]
subprocess.run([*command, "job.py", "used"], check=True, stderr=subprocess.DEVNULL)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
reported, used = usage.ru_utime + usage.ru_stime, float(open("used").read())
print(f"CPU of the Python workers alone: {used:.0f} s; of spark-submit with its children: {reported:.0f} s")
raise SystemExit(reported >= used)
PY
