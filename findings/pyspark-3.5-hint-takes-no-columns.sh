#!/usr/bin/env bash
# pyspark 3.5.9, Java 17.
# Expected: DataFrame.hint("rebalance", …) takes the columns to rebalance by, as the hint REBALANCE in SQL does.
# Seen: their names are refused by the analyzer ("should include columns"), columns by the Python method ("should
# only contain a type in [str, list, float, int]"); in SQL the same hint works. pyspark 4 takes both.
# For us: examples/spark/enrich_history.py gives the hint in SQL, since AWS Glue 5 runs Spark 3.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check setuptools pyspark==3.5.9
cd "$folder"
SPARK_LOCAL_IP=127.0.0.1 venv/bin/python - 2>/dev/null <<'PY'
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

builder = SparkSession.builder.master("local[1]")
for name in ("spark.driver.host", "spark.driver.bindAddress"):
    builder = builder.config(name, "127.0.0.1")
spark = builder.config("spark.ui.enabled", "false").getOrCreate()
rows = spark.range(3).selectExpr("cast(id as string) as month")
rows.createOrReplaceTempView("rows")


def attempt(label, make):
    try:
        outcome = f"{len(make().collect())} rows"
    except Exception as error:
        outcome = str(error).split("\n")[0]
    print(f"{label}: {outcome}")
    return outcome


seen = [
    attempt("hint with a name", lambda: rows.hint("rebalance", "month")),
    attempt("hint with a column", lambda: rows.hint("rebalance", col("month"))),
    attempt("hint in SQL", lambda: spark.sql("SELECT /*+ REBALANCE(month) */ * FROM rows")),
]
spark.stop()
raise SystemExit(["3 rows" == it for it in seen] != [False, False, True])
PY
