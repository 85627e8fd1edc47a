#!/usr/bin/env bash
# pyspark 3.5.9 (Java 17), spark-submit --py-files
# Expected: a wheel that --py-files accepts can be imported by the job, as the same file named .zip can: a wheel of
#           pure Python is a zip archive, and pip install of it works.
# Seen:     the wheel is accepted and copied to the workers without a word, but only names that end in .zip, .egg
#           or .jar are put on the path: the import fails. The same bytes under the name .zip work.
# Exits 0 while that is so, 1 once it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet pyspark==3.5.9
environment/bin/pip download --quiet --no-deps inflection==0.5.1
cp inflection-0.5.1-py2.py3-none-any.whl package.zip
cat > job.py <<'JOB'
from pyspark.sql import SparkSession


def plural(rows):
    try:
        import inflection
        yield from (inflection.pluralize(row) for row in rows)
    except ModuleNotFoundError as error:
        yield str(error)


spark = SparkSession.builder.getOrCreate()
print("answer:", spark.sparkContext.parallelize(["finding"], 1).mapPartitions(plural).collect()[0])
JOB
export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON=$folder/environment/bin/python
submit=$(environment/bin/python -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / "bin/spark-submit")')
answer() {
    "$submit" --master 'local[1]' --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 \
        --py-files "$1" job.py 2>/dev/null | sed -n 's/^answer: //p'
}
as_wheel=$(answer inflection-0.5.1-py2.py3-none-any.whl)
as_zip=$(answer package.zip)
echo "--py-files inflection-0.5.1-py2.py3-none-any.whl: $as_wheel"
echo "--py-files package.zip (the same bytes): $as_zip"
[ "$as_wheel" = "No module named 'inflection'" ] && [ "$as_zip" = findings ]
